"""The benchmark: every policy on the same simulated markets with the same luck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.decision.interface import PricingPolicy
from policy.decision.policies import InContextPolicy, Oracle, PriceHeadPolicy, best_known_price
from policy.evaluation.baselines import (
    CILS,
    CVP,
    ILSE,
    UCB1,
    BayesUCB,
    CostPlus,
    KeepPrice,
    LinearThompson,
    MatchCompetitor,
    MetaDP,
    MLECycle,
    prior_from_simulated_logs,
)
from policy.evaluation.bayes import STATIC_PRIOR
from policy.evaluation.unseen import UnseenPrior
from policy.market import LoggingPolicies, Markets, Observation, Prior, Simulator
from policy.market.simulator import Outcome


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One setting of the benchmark."""

    name: str
    markets: int
    logged: int
    """Periods of history under the seller's own habit before the policy takes over."""
    horizon: int
    """Periods that the policy prices."""
    prior: Prior
    seed: int


FRESH_PRIOR = replace(Prior(), stock_chance=0.0)
"""Fresh draws from the training prior, without stock limits. The oracle charges the best price of each period
in the state to which it brought the market; where buyers remember or a competitor follows, that need not be
the best of all plans."""

SHIFTED_PRIOR = replace(
    FRESH_PRIOR,
    steep_chance=0.0,
    shock_sd=(0.6, 1.0),
    dispersion=(1.5, 3.0),
    cost_ratio=(0.7, 0.95),
)
"""Stronger noise than training draws, and thinner margins. Elasticity is shifted as well, to either side in a
setting of its own."""

MORE_ELASTIC_PRIOR = replace(SHIFTED_PRIOR, log_elasticity=(1.85, 0.25))
"""Median 6.4 where training has 2.1; nine in ten lie beyond all but 16 % of training's draws."""

LESS_ELASTIC_PRIOR = replace(SHIFTED_PRIOR, log_elasticity=(-0.4, 0.25))
"""Median 0.67; nine in ten lie below all but 14 % of training's draws."""

UNSEEN_PRIOR = UnseenPrior(stock_chance=0.0)
"""Demand families that training does not draw; all else as in `FRESH_PRIOR`."""


def _settings(name: str, prior: Prior, *, seed: int) -> tuple[Suite, Suite]:
    """The setting from a cold start and with 30 periods of the seller's own pricing."""
    return (
        Suite(name=f"{name}, cold start", markets=1000, logged=0, horizon=40, prior=prior, seed=seed),
        Suite(
            name=f"{name}, 30 periods logged", markets=1000, logged=30, horizon=40, prior=prior, seed=seed + 1
        ),
    )


SUITES: dict[str, tuple[Suite, ...]] = {
    "fresh": _settings("fresh", FRESH_PRIOR, seed=20_001),
    "shifted": (
        *_settings("more elastic", MORE_ELASTIC_PRIOR, seed=20_003),
        *_settings("less elastic", LESS_ELASTIC_PRIOR, seed=20_005),
    ),
    "unseen": _settings("unseen families", UNSEEN_PRIOR, seed=20_007),
    # From a cold start only: sellers' logs have promotions in them, which the exact posterior leaves out.
    "static": _settings("static markets", STATIC_PRIOR, seed=20_009)[:1],
    # Fewer markets: each has learners of its own, and they are slow.
    "single-task": tuple(
        replace(setting, markets=200) for setting in _settings("fresh", FRESH_PRIOR, seed=20_041)
    ),
}
"""The settings of each suite in simulated markets."""


@dataclass(frozen=True)
class Score:
    """One policy in one suite, all in expected profit given the market and the prices charged.

    Where demand depends on past prices, the best profit of a period is that in the state to which the
    policy brought the market.
    """

    captured: NDArray[np.float64]
    """Profit over the best known, per market, shape (B,). Not below -1: in a market with hardly any profit to
    make, a loss is out of all proportion and would rule the mean."""
    regret: NDArray[np.float64]
    """Profit forgone until the end of each priced period, in units of the market's mean best profit per
    period, shape (B, horizon); at the end it is horizon * (1 - captured)."""
    seconds_per_decision: float
    """Mean time to act on and to observe one period of one market."""


class Stage:
    """A suite made ready to be played: markets, their sellers' logs, luck and best prices, once for all
    policies."""

    def __init__(self, suite: Suite):
        self.suite = suite
        draw, luck, habit, self._own = np.random.SeedSequence(suite.seed).spawn(4)
        periods = suite.logged + suite.horizon
        markets: Markets = suite.prior.sample(np.random.default_rng(draw), suite.markets, periods)
        self._simulator = Simulator(markets, np.random.default_rng(luck))
        sellers = LoggingPolicies(markets, np.random.default_rng(habit))
        self._log: list[tuple[Observation, Outcome]] = []
        for t in range(suite.logged):
            self._simulator.set_promo(sellers.promo(t))
            observation = self._simulator.observation()
            price = np.clip(sellers.act(observation), markets.price_low, markets.price_high)
            self._log.append((observation, self._simulator.step(price)))
        self._best = _BestPrices(markets, self._log)

    def play(self, make: Callable[[Simulator], PricingPolicy]) -> Score:
        """Run one policy through the suite."""
        simulator, best_prices = _copy(self._simulator), self._best.copy()
        markets, horizon = simulator.markets, self.suite.horizon
        policy = make(simulator)
        policy.reset(markets, np.random.default_rng(self._own))
        for observation, outcome in self._log:
            policy.observe(observation, outcome)
        got, best = np.empty((2, len(markets), horizon))
        spent = 0.0
        for t in range(horizon):
            observation = simulator.observation()
            began = time.perf_counter()
            price = policy.act(observation)
            spent += time.perf_counter() - began
            best[:, t] = simulator.expected_profit(best_prices.now(simulator)[:, None])[:, 0]
            outcome = simulator.step(price)
            best_prices.charged(price)
            got[:, t] = outcome.expected_profit
            began = time.perf_counter()
            policy.observe(observation, outcome)
            spent += time.perf_counter() - began
        regret = np.cumsum(best - got, axis=1) / best.mean(axis=1, keepdims=True)
        return Score(
            captured=np.maximum(got.sum(axis=1) / best.sum(axis=1), -1.0),
            regret=np.minimum(regret, 2.0 * horizon),
            seconds_per_decision=spent / (horizon * len(markets)),
        )


class _BestPrices:
    """The best price of each period, searched for once where no policy can move it.

    What was charged before moves the best *profit* where buyers remember, since demand then rises or falls at
    all prices alike; it moves the best *price* only where a competitor follows or stock runs out. Markets
    with such a competitor are searched again in every trial, on a simulator of their own that is charged the
    same prices (its luck does not matter: sales move nothing without stock). Where stock is limited in any
    market, all are.
    """

    def __init__(self, markets: Markets, log: list[tuple[Observation, Outcome]]):
        self._limited = bool(np.isfinite(markets.order_up_to).any())
        self._moved = np.flatnonzero(markets.following > 0)
        self._t = len(log)
        self._prices = np.empty((len(markets), markets.horizon))
        self._shadow: Simulator | None = None
        if self._limited:
            return
        free = np.flatnonzero(markets.following == 0)
        for rows in (free, self._moved):
            if not len(rows):
                continue
            alone = Simulator(markets.take(rows), np.random.default_rng(0))
            for observation, outcome in log:
                alone.set_promo(observation.promo[rows])
                alone.step(outcome.price[rows])
            if rows is self._moved:
                self._shadow = alone
                continue
            for t in range(self._t, markets.horizon):
                self._prices[rows, t] = best_known_price(alone)
                alone.step(alone.markets.reference_price)

    def copy(self) -> _BestPrices:
        """One to go along with a trial of its own; the prices that are searched for once are shared."""
        new = copy(self)
        new._shadow = None if self._shadow is None else _copy(self._shadow)
        return new

    def now(self, simulator: Simulator) -> NDArray:
        """Best price of the coming period, shape (B,)."""
        if self._limited:
            return best_known_price(simulator)
        price = self._prices[:, self._t].copy()
        if self._shadow is not None:
            price[self._moved] = best_known_price(self._shadow)
        return price

    def charged(self, price: NDArray) -> None:
        """Move on, after `price` (B,) was charged."""
        self._t += 1
        if self._shadow is not None:
            self._shadow.step(price[self._moved])


def _copy(simulator: Simulator) -> Simulator:
    """A simulator in the same state with the same luck ahead; the markets, which never change, are shared."""
    return deepcopy(simulator, {id(simulator.markets): simulator.markets})


def play(suite: Suite, make: Callable[[Simulator], PricingPolicy]) -> Score:
    """Run one policy through a suite. Markets, logged histories and luck depend on the suite's seed alone."""
    return Stage(suite).play(make)


AFTER_PPO = "after PPO on whole trials (ours)"
"""The embedded base with the adapter that PPO trained, by its price head."""


def ppo_hash() -> str:
    """Hash of the embedded PPO adapter, as results files name it."""
    from policy.model.loading import EMBEDDED_PPO, load_model

    return (load_model(adapter=str(EMBEDDED_PPO)).adapter_digest or "")[:12]


META_SEED = 30_001
"""Seed of the other products whose logs Meta-DP learns from."""


Makers = dict[str, Callable[[Simulator], PricingPolicy]]
"""Names of policies, with what makes one for a simulator (which oracles alone look into)."""


def contestants(weights: str | None) -> Makers:
    """Name and maker of every policy, ours first; the embedded base also with its PPO adapter."""
    from policy.model.loading import EMBEDDED_PPO, load_model

    model = load_model(weights).network
    ours: Makers = {
        "in-context policy (ours)": lambda simulator: InContextPolicy(model),
        "its price head alone": lambda simulator: PriceHeadPolicy(model),
    }
    if weights is None:
        exploring = load_model(adapter=str(EMBEDDED_PPO)).network
        ours[AFTER_PPO] = lambda simulator: PriceHeadPolicy(exploring)
    population = prior_from_simulated_logs(FRESH_PRIOR, np.random.default_rng(META_SEED))
    return {
        **ours,
        "keep price": lambda simulator: KeepPrice(),
        "cost-plus": lambda simulator: CostPlus(),
        "match competitor": lambda simulator: MatchCompetitor(),
        "guarded ILSE": lambda simulator: ILSE(),
        "CILS": lambda simulator: CILS(),
        "CVP": lambda simulator: CVP(),
        "MLE-CYCLE": lambda simulator: MLECycle(),
        "linear Thompson sampling": lambda simulator: LinearThompson(),
        "UCB1 on a price grid": lambda simulator: UCB1(),
        "Bayes-UCB on a price grid": lambda simulator: BayesUCB(),
        "Meta-DP": lambda simulator: MetaDP(population),
        "oracle": Oracle,
    }


def score_row(suite: Suite, name: str, score: Score, *, model_hash: str, commit: str) -> dict[str, str]:
    """One line of the results file."""
    captured, regret = score.captured, score.regret[:, -1]
    return {
        "suite": suite.name,
        "policy": name,
        "markets": str(suite.markets),
        "logged": str(suite.logged),
        "horizon": str(suite.horizon),
        "profit_captured": f"{captured.mean():.4f}",
        "standard_error": f"{_standard_error(captured):.4f}",
        "median": f"{np.median(captured):.4f}",
        "percentile_5": f"{np.percentile(captured, 5):.4f}",
        "regret": f"{regret.mean():.3f}",
        "regret_error": f"{_standard_error(regret):.3f}",
        "microseconds_per_decision": f"{score.seconds_per_decision * 1e6:.1f}",
        "seed": str(suite.seed),
        "model_hash": model_hash,
        "commit": commit,
    }


def regret_rows(suite: Suite, name: str, score: Score) -> Iterator[dict[str, str]]:
    """Mean cumulative regret after each period, for the figure."""
    for t in range(suite.horizon):
        yield {
            "suite": suite.name,
            "policy": name,
            "period": str(t + 1),
            "regret": f"{score.regret[:, t].mean():.4f}",
            "regret_error": f"{_standard_error(score.regret[:, t]):.4f}",
        }


def _standard_error(values: NDArray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


@dataclass(frozen=True)
class Measured:
    """What a suite in simulated markets leaves behind."""

    scores: list[dict[str, str]]
    """A row per setting and policy."""
    regret: list[dict[str, str]]
    """A row per setting, policy and period."""


def measure(
    suites: tuple[Suite, ...], makers: Makers, *, markets: int | None, model_hash: str, commit: str
) -> Measured:
    """Run policies through some settings, printing as it goes; `markets` overrides the settings' size."""
    measured = Measured([], [])
    for setting in suites:
        suite = setting if markets is None else replace(setting, markets=markets)
        print(f"{suite.name}: {suite.markets} markets, {suite.horizon} periods", flush=True)
        stage = Stage(suite)
        for name, make in makers.items():
            score = stage.play(make)
            weights = f"{model_hash}+{ppo_hash()}" if name == AFTER_PPO else model_hash
            row = score_row(suite, name, score, model_hash=weights, commit=commit)
            measured.scores.append(row)
            measured.regret.extend(regret_rows(suite, name, score))
            print(
                f"  {name:32s} captured {row['profit_captured']} ± {row['standard_error']}"
                f"  regret {row['regret']} ± {row['regret_error']}"
                f"  median {row['median']}  5th percentile {row['percentile_5']}",
                flush=True,
            )
    return measured
