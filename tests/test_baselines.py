"""Baselines do what their papers say: distances kept, schedules followed, indices by hand."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from policy.decision.interface import PricingPolicy
from policy.evaluation import tuning
from policy.evaluation.baselines import (
    CILS,
    CVP,
    ILSE,
    UCB1,
    BayesUCB,
    CostPlus,
    GaussianBayes,
    GaussianPrior,
    KeepPrice,
    LinearModel,
    LinearThompson,
    MatchCompetitor,
    MetaDP,
    MLECycle,
    dispersion,
    estimate_prior,
    grid,
    meta,
    prior_from_simulated_logs,
)
from policy.evaluation.baselines.grid import grid_size
from policy.evaluation.baselines.linear import TUNED_SCALE, LinearDemand
from policy.evaluation.benchmark import FRESH_PRIOR
from policy.evaluation.protocols.contextual import TUNED
from policy.evaluation.tables import RESULTS
from policy.evaluation.tuning import contextual_candidates, fresh_candidates
from policy.market.contextual import (
    INF_2D_SQ_MIX,
    INF_4D,
    NO_COVARIATES,
    NO_COVARIATES_LONG,
    ContextualSetting,
)
from policy.market.simulator import Observation, Outcome


class Shop:
    """B copies of linear demand 100 - 40 p at unit cost 0.5, prices in [0.2, 3]: the best price is
    (100 / 40 + 0.5) / 2 = 1.5."""

    best = 1.5

    def __init__(self, b: int, *, noise: float = 0.0, coin: float = 1.0):
        self.rng = np.random.default_rng(0)
        self.coin = coin  # what a unit of currency is called, in coins
        self.reference_price = np.full(b, coin)
        self.price_low, self.price_high = np.full(b, 0.2 * coin), np.full(b, 3.0 * coin)
        self.horizon, self.noise = 100, noise
        self.last = self.reference_price

    def __len__(self) -> int:
        return len(self.last)

    def observation(self, t: int = 0, *, cost: float = 0.5, competitor: float = np.nan) -> Observation:
        b = len(self)
        zero, none = np.zeros(b), np.zeros(b, dtype=np.int64)
        return Observation(
            t=t,
            day=none,
            period=none,
            last_price=self.last,
            unit_cost=np.full(b, cost * self.coin),
            competitor_price=np.full(b, competitor * self.coin),
            promo=zero,
            stock=np.full(b, np.nan),
            price_low=self.price_low,
            price_high=self.price_high,
        )

    def outcome(self, price: np.ndarray) -> Outcome:
        units = 100.0 - 40.0 * price / self.coin + self.noise * self.rng.normal(size=len(self))
        self.last = price
        profit = (price - 0.5 * self.coin) * units
        return Outcome(price, units, units, units, profit, profit)

    def play(self, policy: PricingPolicy, periods: int) -> np.ndarray:
        """Prices charged, shape (B, T)."""
        policy.reset(self, self.rng)
        prices = []
        for t in range(periods):
            observation = self.observation(t)
            prices.append(policy.act(observation))
            policy.observe(observation, self.outcome(prices[-1]))
        return np.stack(prices, axis=1)


def test_rules_of_thumb() -> None:
    shop = Shop(3)
    for policy, cost, competitor, expected in (
        (KeepPrice(), 0.5, np.nan, 1.0),
        (MatchCompetitor(), 0.5, 0.8, 0.8),
        (MatchCompetitor(), 0.5, 0.3, 0.5),  # never below cost
        (MatchCompetitor(), 0.5, np.nan, 1.0),
    ):
        policy.reset(shop, shop.rng)
        assert policy.act(shop.observation(cost=cost, competitor=competitor)) == pytest.approx(expected)
    markup = CostPlus()
    markup.reset(shop, shop.rng)
    markup.act(shop.observation(cost=0.5))  # mark-up 2 at the start
    assert markup.act(shop.observation(cost=0.6)) == pytest.approx(1.2)


@pytest.mark.parametrize("make", [ILSE, LinearThompson])
def test_least_squares_finds_the_best_price_of_linear_demand(make: type) -> None:
    shop = Shop(20)
    policy = make(model=LinearModel(ridge=1e-9))
    policy.reset(shop, shop.rng)
    for _ in range(30):
        policy.observe(shop.observation(), shop.outcome(shop.rng.uniform(0.5, 2.0, 20)))
    # The residual variance has a floor, so Thompson sampling keeps a little noise.
    assert policy.act(shop.observation()) == pytest.approx(Shop.best, rel=1e-3 if make is ILSE else 0.02)
    # Demand is known now, so a new cost moves the price by half of its change.
    assert policy.act(shop.observation(cost=0.7)) == pytest.approx(1.6, rel=1e-3 if make is ILSE else 0.02)


def test_the_guard_keeps_the_slope_negative() -> None:
    # Demand that seems to rise with the price: unguarded, the optimum of the parabola is a worst price.
    shop = Shop(1)
    observation = shop.observation()
    for limit, expected in ((-0.5, 1.5), (None, None)):
        policy = ILSE(LinearModel(slope_limit=limit, ridge=1e-9, normalise=False))
        policy.reset(shop, shop.rng)
        for price, units in ((1.0, 1.0), (2.0, 1.5)):
            policy.observe(observation, replace(shop.outcome(np.array([price])), units=np.array([units])))
        # Estimate 0.5 + 0.5 p. Guarded: (0.5 - 0.5 / -0.5) / 2 = 0.75; free: (0.5 - 1) / 2, below the range.
        expected = 0.75 if limit else 0.2
        assert policy.act(observation) == pytest.approx(expected, rel=1e-4)


def test_thompson_explores_less_as_data_grow() -> None:
    spreads = []
    for periods in (6, 200):
        shop, policy = Shop(200, noise=10.0), LinearThompson()
        policy.reset(shop, shop.rng)
        for _ in range(periods):
            policy.observe(shop.observation(), shop.outcome(shop.rng.uniform(0.8, 1.2, 200)))
        spreads.append(policy.act(shop.observation()).std())
    assert spreads[1] < 0.6 * spreads[0]


@pytest.mark.parametrize("kappa", [0.1, 0.6])
def test_cils_keeps_its_distance_from_the_mean_price(kappa: float) -> None:
    prices = Shop(30, noise=5.0).play(CILS(kappa), 60)
    opening = 2
    t = np.arange(opening, 60)
    mean = np.cumsum(prices, axis=1)[:, opening - 1 : -1] / t
    distance = np.abs(prices[:, opening:] - mean)
    inside = (prices[:, opening:] > 0.2) & (prices[:, opening:] < 3.0)  # not cut off by the range
    assert inside.mean() > 0.9
    assert (distance >= kappa * (t + 1) ** -0.25 - 1e-9)[inside].all()


def test_cvp_keeps_the_variance_of_prices_above_its_bound() -> None:
    policy = CVP(0.9, LinearModel(first_prices=(1.2, 0.8)))
    # c below 2^(-alpha) (p1 - p2)^2 / 2 with alpha = 0.55.
    assert policy.c == pytest.approx(0.9 * 2**-0.55 * 0.4**2 / 2)
    prices = Shop(40, noise=5.0).play(policy, 80)
    for t in range(2, 81):
        assert (prices[:, :t].var(axis=1) >= policy.c * t ** (policy.alpha - 1) - 1e-12).all(), t
    # The bound decays, so prices settle at the best one.
    assert np.abs(prices[:, -20:].mean() - Shop.best) < 0.15


def test_cvp_replays_the_farther_first_price_when_demand_seems_to_rise() -> None:
    shop, policy = Shop(1), CVP(0.5, LinearModel(first_prices=(1.2, 0.8)))
    policy.reset(shop, shop.rng)
    for price, units in ((1.2, 30.0), (0.8, 10.0), (0.8, 10.0)):
        outcome = replace(shop.outcome(np.array([price])), units=np.array([units]))
        policy.observe(shop.observation(), outcome)
    assert policy.act(shop.observation()) == pytest.approx(1.2)  # the mean, 0.93, is nearer to 0.8


def test_mle_cycle_follows_its_schedule() -> None:
    k = (0.8, 1.0, 1.2)
    prices = Shop(4).play(MLECycle(k, LinearModel(ridge=1e-9)), 3 + 1 + 3 + 2 + 3 + 3)
    best = Shop.best
    expected = [*k, best, *k, best, best, *k, best, best, best]
    assert prices == pytest.approx(np.tile(expected, (4, 1)), rel=1e-3)


def test_mle_cycle_learns_from_exploration_alone() -> None:
    shop, policy = Shop(1), MLECycle((0.8, 1.2), LinearModel(ridge=1e-9))
    policy.reset(shop, shop.rng)
    for t in range(3):
        observation = shop.observation(t)
        outcome = shop.outcome(policy.act(observation))
        if t == 2:  # a wild sale while exploiting
            outcome = replace(outcome, units=np.array([1e6]))
        policy.observe(observation, outcome)
    for _ in range(2):
        price = policy.act(shop.observation())
        policy.observe(shop.observation(), shop.outcome(price))
    assert policy.act(shop.observation()) == pytest.approx(Shop.best, rel=1e-3)


def test_the_grid_grows_with_the_fourth_root_of_the_horizon() -> None:
    # (T / log T)^(1/4): 100 / 4.61 = 21.7 -> 2.16; 1000 / 6.91 = 144.8 -> 3.47.
    assert [grid_size(t) for t in (10, 100, 1000)] == [2, 3, 4]


def test_ucb1_index_by_hand() -> None:
    # Prices 0.9 and 2.3 (middles of the halves of [0.2, 3]); profits 4 and 8 at the first, 6 at the second.
    shop = Shop(1)
    policy = UCB1(0.5, prices=2)
    policy.reset(shop, shop.rng)
    for price, profit in ((0.9, 4.0), (2.3, 6.0), (0.9, 8.0)):
        outcome = replace(shop.outcome(np.array([price])), profit=np.array([profit]))
        policy.observe(shop.observation(), outcome)
    assert policy.grid == pytest.approx(np.array([[0.9, 2.3]]))
    # mean + 0.5 * 8 * sqrt(2 log 3 / n): 6 + 4 sqrt(1.0986) and 6 + 4 sqrt(2.1972).
    assert policy._index() == pytest.approx(np.array([[10.1926, 11.9292]]), abs=1e-3)
    assert policy.act(shop.observation()) == pytest.approx(2.3)


def test_bayes_ucb_index_by_hand() -> None:
    shop, policy = Shop(1), BayesUCB(prices=2)
    policy.reset(shop, shop.rng)
    for price, profit in ((0.9, 4.0), (2.3, 6.0), (0.9, 8.0)):
        policy.observe(
            shop.observation(), replace(shop.outcome(np.array([price])), profit=np.array([profit]))
        )
    # Within-arm squares 2^2 + 2^2 = 8 over 3 - 2 = 1; quantile 1 - 1/4 of the normal: 0.6745.
    assert policy._index() == pytest.approx(6 + 0.6745 * np.sqrt([[8 / 2, 8 / 1]]), abs=1e-3)


@pytest.mark.parametrize("make", [UCB1, BayesUCB])
def test_grid_bandits_settle_on_the_best_grid_price(make: type) -> None:
    # Of 0.667, 1.6, 2.533 the second has by far the highest profit.
    prices = Shop(30, noise=2.0).play(make(prices=3), 200)
    assert (np.abs(prices[:, -50:] - 1.6) < 1e-9).mean() > 0.9


def test_conjugate_regression_by_hand() -> None:
    # One coefficient pair with independent priors and one sale of 3 units at price 0 (in reference prices):
    # z = (1, 0), so only the intercept learns: precision 1/4 + 1/1, mean (2/4 + 3/1) / (1.25) = 2.8.
    shop = Shop(1)
    prior = GaussianPrior(mean=np.array([2.0, -1.0]), covariance=np.diag([4.0, 1.0]), noise_variance=1.0)
    policy = GaussianBayes(prior, thompson=False, model=LinearModel(slope_limit=-0.1, normalise=False))
    policy.reset(shop, shop.rng)
    assert policy.act(shop.observation()) == pytest.approx((0.5 + 2.0) / 2)
    outcome = replace(shop.outcome(np.array([1e-12])), units=np.array([3.0]))
    policy.observe(shop.observation(), outcome)
    mean, covariance = policy._posterior()
    assert mean == pytest.approx(np.array([[2.8, -1.0]]))
    assert covariance == pytest.approx(np.array([[[0.8, 0.0], [0.0, 1.0]]]))


def test_meta_dp_recovers_a_known_population() -> None:
    rng = np.random.default_rng(0)
    mean, covariance = np.array([3.0, -2.0]), np.array([[0.5, -0.3], [-0.3, 0.4]])
    theta = rng.multivariate_normal(mean, covariance, 2000)
    price = rng.uniform(0.7, 1.3, (2000, 20))
    price[:1000] = 1.0 + 0.02 * rng.normal(size=(1000, 20))  # half of the products hardly varied the price
    features = np.stack([np.ones_like(price), price], axis=2)
    units = np.einsum("nti,ni->nt", features, theta) + 0.3 * rng.normal(size=price.shape)
    prior = estimate_prior(features, units, widening=0.0)
    assert prior.mean == pytest.approx(mean, abs=0.08)
    assert prior.covariance == pytest.approx(covariance, abs=0.08)
    assert prior.noise_variance == pytest.approx(0.09, rel=0.1)
    wide = estimate_prior(features, units, widening=10.0)
    added = 10.0 * np.trace(prior.covariance) / 2 / np.sqrt(2000)
    assert wide.covariance - prior.covariance == pytest.approx(added * np.eye(2), abs=1e-9)


def test_meta_dp_learns_a_shop_from_a_prior_of_others() -> None:
    prior = prior_from_simulated_logs(FRESH_PRIOR, np.random.default_rng(1), products=300)
    intercept, slope = prior.mean
    # Units are relative to their mean at prices near 1, so demand at the reference price is about 1.
    assert intercept + slope == pytest.approx(1.0, abs=0.2)
    assert slope < -1
    # This shop's relative slope at price 1 is -40 / 60: a guard of -1 would be wrong for it.
    prices = Shop(50, noise=5.0).play(MetaDP(prior, LinearModel(slope_limit=-0.2)), 40)
    assert np.abs(prices[:, -10:].mean() - Shop.best) < 0.15


@pytest.mark.parametrize("make", [ILSE, CILS, CVP, MLECycle, LinearThompson, UCB1, BayesUCB])
def test_prices_scale_with_the_currency(make: type) -> None:
    dollars = Shop(5, noise=3.0).play(make(), 12)
    cents = Shop(5, noise=3.0, coin=100.0).play(make(), 12)
    assert cents == pytest.approx(100 * dollars)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearModel(ridge=0.0), "`ridge` must be above 0"),
        (lambda: LinearModel(slope_limit=0.0), "`slope_limit` must be below 0"),
        (lambda: CILS(0.0), "`kappa` must be above 0"),
        (lambda: CVP(1.0), r"`share` must be in \(0, 1\)"),
        (lambda: CVP(0.5, LinearModel(first_prices=())), "CVP needs two first prices"),
        (lambda: MLECycle((1.0,)), "at least two prices"),
        (
            lambda: GaussianPrior(mean=np.zeros(2), covariance=np.zeros((2, 2)), noise_variance=1.0),
            "positive definite",
        ),
        (lambda: estimate_prior(np.ones((3, 9, 2)), np.ones((3, 9))), "needs 4 products"),
    ],
)
def test_invalid_settings_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def chosen(suite: str) -> dict[str, str]:
    """Policy and setting of the best rows of the committed tuning."""
    with (RESULTS / "tuning.csv").open(newline="") as file:
        return {
            row["policy"]: row["setting"]
            for row in csv.DictReader(file)
            if row["suite"] == suite and row["chosen"] == "yes"
        }


def test_defaults_are_the_best_of_the_committed_tuning() -> None:
    def linear(policy: LinearDemand) -> str:
        return f"slope_limit = {policy.model.slope_limit}; first_prices = {policy.model.first_prices}"

    assert chosen("fresh, cold start") == {
        "UCB1": f"exploration = {grid.TUNED_EXPLORATION}",
        "MLE-CYCLE": f"exploration = {dispersion.TUNED_CYCLE}; slope_limit = {MLECycle().model.slope_limit}",
        "Meta-DP": f"widening = {meta.TUNED_WIDENING}; slope_limit = {MetaDP.tuned.slope_limit}",
        "ILSE": linear(ILSE()),
        "linear Thompson sampling": f"scale = {TUNED_SCALE}; {linear(LinearThompson())}",
        "CILS": f"kappa = {dispersion.TUNED_KAPPA}; {linear(CILS())}",
        "CVP": f"share = {dispersion.TUNED_SHARE}; {linear(CVP())}",
    }


def test_tuning_marks_the_best_setting_of_each_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [c for c in fresh_candidates() if c.policy == "UCB1"]
    monkeypatch.setattr(tuning, "fresh_candidates", lambda: few)
    contextual = [c for c in contextual_candidates() if c.policy == "CILS"]
    monkeypatch.setattr(tuning, "contextual_candidates", lambda: contextual)
    table = tuning.tune(markets=4, commit="abc")
    assert {row["commit"] for row in table} == {"abc"}
    for suite, seed, best in (("fresh, cold start", "10001", max), (INF_4D.name, "10002", min)):
        rows = [row for row in table if row["suite"] == suite]
        assert len(rows) == 5 and {row["seed"] for row in rows} == {seed}
        (chosen,) = [row for row in rows if row["chosen"]]
        assert float(chosen["score"]) == best(float(row["score"]) for row in rows)


def test_the_committed_tuning_tried_every_candidate() -> None:
    with (RESULTS / "tuning.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for suite, candidates in (
        ("fresh, cold start", fresh_candidates()),
        (NO_COVARIATES.name, contextual_candidates()),
    ):
        tried = sorted((row["policy"], row["setting"]) for row in table if row["suite"] == suite)
        assert tried == sorted((c.policy, c.setting) for c in candidates)


@pytest.mark.parametrize("setting", [INF_4D, INF_2D_SQ_MIX, NO_COVARIATES, NO_COVARIATES_LONG])
def test_contextual_settings_are_the_best_of_the_committed_tuning(setting: ContextualSetting) -> None:
    tuned = TUNED[setting]
    assert chosen(setting.name) == {
        "UCB1": f"exploration = {tuned.ucb1}",
        "MLE-CYCLE": f"exploration = {tuned.mle_cycle}",
        "CVP": f"share = {tuned.cvp[0]}; first_prices = {tuned.cvp[1]}",
        "CILS": f"kappa = {tuned.cils}",
        "linear Thompson sampling": f"scale = {tuned.thompson}",
    }
