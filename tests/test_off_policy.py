"""Off-policy estimates against theory: known propensities, a known truth, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from policy.evaluation.backtest.off_policy import (
    Log,
    bandwidth_of,
    doubly_robust,
    effective_sample_size,
    kernel,
    off_policy,
    self_normalised,
)

COST, ELASTICITY, SD = 4.0, -2.0, 0.15


def profit(log_price: NDArray, demand: NDArray) -> NDArray:
    """At a price relative to 10, with `demand` units at 10."""
    price = 10 * np.exp(log_price)
    return (price - COST) * demand * np.exp(ELASTICITY * log_price)


def logged(
    rng: np.random.Generator,
    *,
    rows: int = 4000,
    products: int = 40,
    bandwidth: float = 0.04,
    noise: float = 0.3,
) -> tuple[Log, float]:
    """A store that charges log prices N(0.3 x, 0.15) about the usual where a season x moves demand, and a
    policy that charges 0.2 x - 0.05: the log and what the policy would earn. The model errs by 15 %."""
    x = rng.uniform(-0.5, 0.5, rows)
    demand = 30 * np.exp(x)
    charged = 0.3 * x + SD * rng.normal(size=rows)
    wanted = 0.2 * x - 0.05
    density = np.exp(-0.5 * ((charged - 0.3 * x) / SD) ** 2) / (SD * np.sqrt(2 * np.pi))
    earned = profit(charged, demand * np.exp(noise * rng.normal(size=rows) - noise**2 / 2))
    wrong = np.exp(0.15 * np.sin(7 * x))
    log = Log(
        product=np.arange(rows) % products,
        distance=wanted - charged,
        density=density,
        support=np.full(rows, 0.2),
        earned=earned,
        at_charged=wrong * profit(charged, demand),
        at_policy=wrong * profit(wanted, demand),
        bandwidth=bandwidth,
    )
    return log, float(profit(wanted, demand).mean())


def test_the_kernel_is_a_density() -> None:
    x = np.linspace(-0.2, 0.2, 4001)
    values = kernel(x, 0.07)
    assert np.trapezoid(values, x) == pytest.approx(1.0, abs=1e-4)
    assert values.max() == values[2000] == pytest.approx(0.75 / 0.07)


def test_both_estimates_find_the_truth_of_a_log_with_known_propensities() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        log, truth = logged(rng)
        w = log.weights
        assert w.mean() == pytest.approx(1.0, abs=0.15)
        sniw = self_normalised(w, log.earned)
        dr = doubly_robust(w, log.earned, at_charged=log.at_charged, at_policy=log.at_policy)
        errors.append((sniw / truth - 1, dr / truth - 1))
    bias, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(len(errors))
    # Nothing but chance and what smoothing over a bandwidth of 4 % costs, which is below half a per cent.
    assert (np.abs(bias) < 3 * spread + 0.005).all()
    root = np.sqrt(np.mean(np.square(errors), axis=0))
    assert root[1] < root[0]


def test_a_wrong_model_is_corrected_and_a_right_one_needs_no_weights() -> None:
    log, truth = logged(np.random.default_rng(1), rows=40_000)
    off = doubly_robust(
        log.weights, log.earned, at_charged=1.5 * log.at_charged, at_policy=1.5 * log.at_policy
    )
    assert off == pytest.approx(truth, rel=0.03)
    none = np.zeros(3)
    right = doubly_robust(np.ones(3), none + 7, at_charged=none + 7, at_policy=np.array([8.0, 9.0, 10.0]))
    assert right == pytest.approx(9.0)


def test_weights_of_the_logging_policy_itself_count_every_period() -> None:
    assert effective_sample_size(np.full(120, 3.0)) == pytest.approx(120)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective_sample_size(np.zeros(4)) == 0


def test_on_policy_the_estimate_is_what_was_earned() -> None:
    rng = np.random.default_rng(2)
    log, _ = logged(rng, rows=400)
    peak = float(kernel(np.zeros(1), log.bandwidth)[0])
    same = replace(log, distance=np.zeros(400), density=np.full(400, peak), at_policy=log.at_charged)
    found = off_policy(same, objective="profit", rng=rng)
    assert found.ess == pytest.approx(400)
    for estimate in found.estimates:
        assert estimate.value == pytest.approx(found.earned)
        assert estimate.gain == pytest.approx(0.0, abs=1e-6)
        assert estimate.gain_low == pytest.approx(0.0, abs=1e-6)


def test_intervals_hold_the_truth_four_times_in_five() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        log, truth = logged(rng, rows=800)
        dr = off_policy(log, objective="profit", rng=rng).estimates[1]
        inside.append(dr.low <= truth <= dr.high)
    assert 0.65 <= np.mean(inside) <= 0.95


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"support": np.zeros(800)}, "outside_support"),
        ({"support": np.where(np.arange(800) < 350, 0.2, 0.01)}, "outside_support"),
        ({"product": np.arange(800) % 4}, "few_products"),
        ({"distance": np.where(np.arange(800) < 25, 0.0, 1.0)}, "ess_low"),
        ({"density": np.full(800, 1e-3)}, "prices_unexplained"),
    ],
)
def test_there_is_no_number_where_the_log_cannot_tell(change: dict[str, NDArray], reason: str) -> None:
    log, _ = logged(np.random.default_rng(4), rows=800)
    found = off_policy(replace(log, **change), objective="profit", rng=np.random.default_rng(0))
    assert found.refused == reason
    assert found.estimates == ()


def test_no_rows_are_refused() -> None:
    log, _ = logged(np.random.default_rng(4), rows=10)
    found = off_policy(log.take(np.arange(0)), objective="profit", rng=np.random.default_rng(0))
    assert found.refused == "no_rows"


def test_currency_scales_the_estimate_and_nothing_else() -> None:
    log, _ = logged(np.random.default_rng(5), rows=800)
    money = {name: 7.3 * getattr(log, name) for name in ("earned", "at_charged", "at_policy")}
    one, other = (
        off_policy(each, objective="profit", rng=np.random.default_rng(0))
        for each in (log, replace(log, **money))
    )
    assert other.ess == one.ess
    for a, b in zip(one.estimates, other.estimates, strict=True):
        assert b.value == pytest.approx(7.3 * a.value)
        assert (b.gain_low, b.gain_high) == pytest.approx((7.3 * a.gain_low, 7.3 * a.gain_high))


def test_the_bandwidth_is_silvermans_within_its_limits() -> None:
    rng = np.random.default_rng(6)
    assert bandwidth_of(0.05 * rng.normal(size=3000)) == pytest.approx(2.34 * 0.05 * 3000**-0.2, rel=0.1)
    assert bandwidth_of(np.zeros(100)) == 0.01
    assert bandwidth_of(rng.normal(size=100)) == 0.10


@pytest.mark.slow
def test_in_a_simulated_store_that_tests_prices_at_random_the_truth_is_found() -> None:
    from policy.decision.rules import Rules
    from policy.evaluation.backtest.logged import ask, log_of
    from policy.market import LOGGING_POLICIES, LoggingPolicies, Prior, Simulator, simulate_log
    from policy.model.loading import load_model
    from policy.model.panel import Panel

    prior = Prior(
        stock_chance=0.0,
        memory_chance=0.0,
        competitor_chance=0.0,
        large_log_units=(1.0, 5.0),
        period_chances=(0.0, 1.0, 0.0),
    )
    rng, n, weeks = np.random.default_rng(11), 150, 104
    markets = prior.sample(rng, n, weeks)
    habits = tuple(float(kind == "random_test") for kind in LOGGING_POLICIES)
    history, _ = simulate_log(Simulator(markets, rng), LoggingPolicies(markets, rng, chances=habits), weeks)
    panel = Panel([(None, str(i)) for i in range(n)], history, np.full(n, weeks), "week")
    asked = ask(load_model().network, panel, maximise_profit=True, rules=Rules(), currency=None)
    asked = asked.take(np.flatnonzero(asked.priced))
    log = log_of(panel, asked)
    found = off_policy(log, objective="profit", rng=rng)
    truth, kept = np.empty((2, len(asked)))
    for t in np.unique(asked.column):
        rows = np.flatnonzero(asked.column == t)
        market, promo = markets.take(asked.row[rows]), history.promo[asked.row[rows], t]
        pair = np.stack([asked.policy_price[rows], asked.price[rows]], axis=1)
        units = np.exp(market.log_mean_units(t, pair, np.ones(len(rows)), promo))
        truth[rows], kept[rows] = ((pair - market.unit_cost[:, t, None]) * units).T
    sniw, dr = found.estimates
    true = truth[log.supported].mean()
    assert dr.low <= true <= dr.high
    assert dr.gain_low <= true - kept[log.supported].mean() <= dr.gain_high
    assert dr.gain_high - dr.gain_low < sniw.gain_high - sniw.gain_low
