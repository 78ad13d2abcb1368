"""The policy played against the store's own pricing in markets drawn from what the policy believes.

Simulated: the markets are the policy's own beliefs about the store (`policy.learning.store.markets`), so the
replay shows what following it should bring if those beliefs are right, and what not knowing which of them is
right costs. It cannot show that they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policy.decision.bounds import Circumstances
from policy.decision.evidence import weigh
from policy.decision.interface import PricingPolicy
from policy.decision.limits import permitted
from policy.decision.policies import InContextPolicy, Oracle
from policy.decision.recommendation import Objective
from policy.decision.rules import Rules
from policy.decision.settle import circumstances_of
from policy.decision.situation import date_of, known, situation_of
from policy.learning.store.markets import (
    StoreDemand,
    draw_markets,
    open_markets,
    past_periods,
    store_demand,
)
from policy.market import Observation, Simulator
from policy.market.setting import Setting
from policy.market.simulator import Outcome
from policy.model.panel import Panel
from policy.model.tokens import tokenise
from policy.model.transformer import PolicyModel

PERIODS = 13
"""Periods played: a quarter of weeks."""

MARKETS = 480
"""Markets in all, about; each product has as many as go into them, at most `MOST_DRAWS`."""

MOST_DRAWS = 24

LEAST_PRODUCTS = 5
"""Products below which there is no interval over products, and so no replay."""

RESAMPLES = 1000
"""Draws of the bootstrap."""

POLICIES = ("policy", "keep", "own", "oracle")
"""What plays: the product's policy within rules; the last price for ever; the relative prices that the store
charged in its last `PERIODS` periods, again; and who knows each market."""


class WithinRules:
    """A policy whose every step obeys a merchant's rules; where they exclude each other the price stays."""

    def __init__(self, policy: PricingPolicy, rules: Rules, now: Sequence[Circumstances]):
        """`now` is what rules ask about each of B products at the start; their unit cost holds even where the
        policy aims at revenue."""
        self._policy, self._rules, self._now = policy, rules, now

    def reset(self, markets: Setting, rng: np.random.Generator) -> None:
        self._policy.reset(markets, rng)

    def act(self, observation: Observation) -> NDArray:
        wanted, price = self._policy.act(observation), observation.last_price.copy()
        for i, now in enumerate(self._now):
            today = replace(
                now,
                current_price=float(price[i]),
                date=date_of(observation.day[i]),
                competitor_price=known(observation.competitor_price[i]),
                competitor_age_days=0,  # seen in this very period
            )
            if (found := permitted(float(wanted[i]), self._rules, today)) is not None:
                price[i] = found
        return np.clip(price, observation.price_low, observation.price_high)

    def observe(self, observation: Observation, outcome: Outcome) -> None:
        self._policy.observe(observation, outcome)


class Keep:
    """Charges the last price for ever."""

    def reset(self, markets: Setting, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        return observation.last_price

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


class OwnPath:
    """Charges given prices period by period: the store's own habit, repeated."""

    def __init__(self, prices: NDArray):
        """`prices` in currency, shape (B, T)."""
        self._prices = prices

    def reset(self, markets: Setting, rng: np.random.Generator) -> None: ...

    def act(self, observation: Observation) -> NDArray:
        return self._prices[:, observation.t]

    def observe(self, observation: Observation, outcome: Outcome) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The policy against another, per product and period, with the central 80 % interval over products."""

    against: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ReplayOutcome:
    """What the products of one objective earned; nothing is said of fewer than `LEAST_PRODUCTS`."""

    objective: Objective
    products: int
    mean: dict[str, float]
    """Expected earnings per product and period by policy, currency; empty where nothing is said."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What each of `POLICIES` earns in B products' markets: expected profit, or revenue where no cost counts,
    in currency; simulated."""

    rows: NDArray[np.int64]
    """Products played, as rows of the panel, shape (B,)."""
    of_profit: NDArray[np.bool_]
    """Whether earnings are profit, shape (B,)."""
    draws: int
    """Markets per product."""
    paths: dict[str, NDArray[np.float64]]
    """Mean over a product's markets by policy, shape (B, PERIODS) each."""
    shock_rho: float
    shock_sd: float
    """The store's shocks, `policy.learning.store.shocks.Shocks`."""

    def outcome(self, objective: Objective, rng: np.random.Generator) -> ReplayOutcome | None:
        """What came of the products whose earnings are of one kind; None where there are none."""
        chosen = self.of_profit == (objective == "profit")
        products = int(chosen.sum())
        if not products:
            return None
        mean = {name: float(path[chosen].mean()) for name, path in self.paths.items()}
        if products < LEAST_PRODUCTS:
            return ReplayOutcome(objective=objective, products=products, mean={}, differences=())
        differences = []
        for against in ("keep", "own"):
            gain = (self.paths["policy"] - self.paths[against])[chosen].mean(axis=1)
            again = gain[rng.integers(products, size=(RESAMPLES, products))].mean(axis=1)
            low, high = np.quantile(again, (0.1, 0.9))
            differences.append(
                Difference(against=against, mean=float(gain.mean()), low=float(low), high=float(high))
            )
        return ReplayOutcome(
            objective=objective, products=products, mean=mean, differences=tuple(differences)
        )


def replay(
    model: PolicyModel,
    panel: Panel,
    rng: np.random.Generator,
    *,
    maximise_profit: bool,
    rules: Rules,
    currency: str | None,
) -> Replay | None:
    """Play a quarter ahead of the store's real present; None where the policy would price fewer than
    `LEAST_PRODUCTS` products."""
    if sum(reason is None for reason in weigh(panel).abstain) < LEAST_PRODUCTS:
        return None
    demand = store_demand(model, panel)
    draws = int(np.clip(MARKETS // len(demand), 1, MOST_DRAWS))
    cost = demand.panel.last_known("cost")
    present = situation_of(demand.panel, maximise_profit=maximise_profit)
    now = [
        circumstances_of(demand.panel, present, row, rules=rules, currency=currency)
        for row in range(len(demand))
    ]
    paths = {name: np.empty((len(demand), PERIODS)) for name in POLICIES}
    for periods, group in _by_length(demand.panel, model.config.context):
        products = np.repeat(group, draws)
        play = _Play(demand, rng, products=products, periods=periods, free=not maximise_profit)
        own = _own_prices(
            demand.panel.take(products), demand.price_low[products], demand.price_high[products]
        )
        ours = WithinRules(InContextPolicy(model), rules, [now[row] for row in products])
        policies: dict[str, Callable[[Simulator], PricingPolicy]] = {
            "policy": partial(_always, ours),
            "keep": partial(_always, Keep()),
            "own": partial(_always, OwnPath(own)),
            "oracle": Oracle,
        }
        for name, make in policies.items():
            paths[name][group] = play.earned(make).reshape(len(group), draws, PERIODS).mean(axis=1)
    return Replay(
        rows=demand.rows,
        of_profit=np.isfinite(cost) & maximise_profit,
        draws=draws,
        paths=paths,
        shock_rho=demand.shocks.rho,
        shock_sd=demand.shocks.sd,
    )


def _always(policy: PricingPolicy, simulator: Simulator) -> PricingPolicy:
    """A policy that looks into no simulator."""
    return policy


class _Play:
    """Markets made ready: the same markets, past and luck for every policy."""

    def __init__(
        self, demand: StoreDemand, rng: np.random.Generator, *, products: NDArray, periods: int, free: bool
    ):
        """`free` counts revenue: nothing costs anything."""
        markets = draw_markets(demand, rng, horizon=PERIODS, products=products)
        if free:
            markets.unit_cost[:] = 0.0  # ours alone: just drawn
        self._demand, self._markets, self._products = demand, markets, products
        self._luck = int(rng.integers(2**62))
        self._past = past_periods(demand.panel.take(products), periods)

    def earned(self, make: Callable[[Simulator], PricingPolicy]) -> NDArray:
        """Expected earnings of a policy, shape (M, PERIODS)."""
        luck = np.random.default_rng(self._luck)
        simulator = open_markets(self._demand, self._markets, luck, products=self._products)
        policy = make(simulator)
        policy.reset(self._markets, luck)
        for observation, outcome in self._past:
            policy.observe(observation, outcome)
        earned = []
        for _ in range(PERIODS):
            observation = simulator.observation()
            outcome = simulator.step(policy.act(observation))
            policy.observe(observation, outcome)
            earned.append(outcome.expected_profit)
        return np.stack(earned, axis=1)


def _by_length(panel: Panel, context: int) -> list[tuple[int, NDArray]]:
    """Products in groups that have the same number of past periods to show, at most `context` less those to
    be played: periods and rows of each group. Lengths are cut down to steps of a quarter."""
    most = max(context - PERIODS - 1, PERIODS)
    periods = np.minimum(panel.lengths, most)
    periods = np.where(
        periods < most, np.maximum(periods // PERIODS * PERIODS, np.minimum(periods, PERIODS)), most
    )
    return [(int(length), np.flatnonzero(periods == length)) for length in np.unique(periods)]


def _own_prices(panel: Panel, low: NDArray, high: NDArray) -> NDArray:
    """The store's last relative prices, charged again about the running mean of today, shape (B, PERIODS).
    A product with fewer periods begins them anew."""
    history = panel.history
    anchors = tokenise(history, start_price=panel.first_price).log_price
    relative = np.log(history.price) - anchors[:, :-1]
    horizon = history.price.shape[1]
    length = np.minimum(panel.lengths, PERIODS)[:, None]
    column = horizon - length + np.arange(PERIODS) % length
    again = np.take_along_axis(relative, column, axis=1) + anchors[:, -1:]
    return np.clip(np.exp(again), low[:, None], high[:, None])
