"""The promotion gate: what is the same is level, what is better by more than chance passes, luck does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stores import sales

from policy.forecast.score import SeriesSums
from policy.history import canonical_history
from policy.learning.store.fine_tune import own_losses, surely_less
from policy.learning.store.gate import (
    Comparison,
    compare,
    elasticity_comparison,
    forecast_comparisons,
    profit_comparison,
)
from policy.learning.store.judge import Judgement, judged
from policy.learning.store.markets import store_demand
from policy.learning.store.neutral import neutral_demand
from policy.learning.store.split import split
from policy.model.loading import load_model
from policy.model.posterior import Posterior
from policy.model.transformer import GRID


def sums(loss: np.ndarray, *, inside: float = 0.8) -> SeriesSums:
    """Products with ten rows and a hundred units each, half of them moves."""
    ones = np.ones(len(loss))
    return SeriesSums(
        loss=loss,
        units=100 * ones,
        loss_moves=loss / 2,
        units_moves=50 * ones,
        inside=(10 * inside * ones).astype(int),
        rows=(10 * ones).astype(int),
        moves=(5 * ones).astype(int),
    )


def verdicts(found: list[Comparison]) -> dict[str, str]:
    return {it.measure: it.verdict for it in found}


def test_a_network_is_level_with_itself() -> None:
    loss = np.random.default_rng(1).uniform(20, 60, 40)
    assert set(verdicts(forecast_comparisons([sums(loss), sums(loss)], seed=1)).values()) == {"level"}


def test_a_gain_of_every_product_is_better_and_a_loss_is_worse() -> None:
    loss = np.random.default_rng(1).uniform(20, 60, 40)
    found = forecast_comparisons([sums(loss), sums(loss * 0.98)], seed=1)
    assert verdicts(found) == {"wql_moves": "better", "wql": "better", "coverage": "level"}
    moves = found[0]
    # The same share of each product's loss: the difference is that share of the whole.
    assert moves.difference == pytest.approx(-0.02 * moves.base)
    assert moves.low < moves.difference < moves.high < 0
    assert verdicts(forecast_comparisons([sums(loss), sums(loss * 1.02)], seed=1))["wql_moves"] == "worse"


def test_the_luck_of_one_product_does_not_pass() -> None:
    rng = np.random.default_rng(1)
    loss = rng.uniform(20, 60, 40)
    changed = loss + rng.normal(0.0, 2.0, 40)
    changed[0] = loss[0] - (changed - loss)[1:].sum() - 5.0  # better in all, by one product
    assert verdicts(forecast_comparisons([sums(loss), sums(changed)], seed=1))["wql"] == "level"


@pytest.mark.parametrize("products", [7, 40])
def test_luck_refuses_about_one_adapter_in_ten(products: int) -> None:
    # Bonferroni's inequality, on four measures of nothing but noise; each at 90 % alone would refuse 34 %.
    rng, refused = np.random.default_rng(1), 0
    for _ in range(200):
        noise = rng.normal(0.0, 1.0, (4, products))
        found = [
            compare(
                "wql",
                lambda weights, which, row=row: weights @ row * which,  # type: ignore[misc]
                bears=np.ones(products),
                seed=1,
            )
            for row in noise
        ]
        refused += any(it.verdict == "worse" for it in found)
    assert 0.04 < refused / 200 < 0.18


@pytest.mark.parametrize("spread", [0.0, 1.0, 2.0])
def test_luck_passes_no_more_adapters_where_few_products_sell_most(spread: float) -> None:
    # Seven products of log-normal size whose losses differ by noise in proportion: one in ten, or fewer.
    rng, passed = np.random.default_rng(2), 0
    for _ in range(300):
        size = np.exp(rng.normal(0.0, spread, 7))
        base = replace(sums(30 * size), units_moves=50 * size, loss_moves=15 * size)
        other = replace(base, loss_moves=base.loss_moves * (1 + rng.normal(0.0, 0.05, 7)))
        passed += verdicts(forecast_comparisons([base, other], seed=1))["wql_moves"] == "better"
    assert passed / 300 < 0.14


def test_the_moves_of_one_product_do_not_pass() -> None:
    loss = np.full(40, 40.0)
    alone = np.arange(40) == 7
    base = replace(sums(loss), loss_moves=20.0 * alone, units_moves=50.0 * alone, moves=5 * alone)
    better = replace(base, loss_moves=19.9 * alone)
    found = forecast_comparisons([base, better], seed=1)[0]
    assert found.measure == "wql_moves" and found.verdict == "level"


def test_pairing_sees_what_two_separate_intervals_would_not() -> None:
    loss = np.exp(np.random.default_rng(1).normal(3.0, 1.5, 40))  # products differ by far more than the gain
    assert verdicts(forecast_comparisons([sums(loss), sums(loss * 0.99)], seed=1))["wql"] == "better"


def test_coverage_away_from_eighty_per_cent_is_worse_on_either_side() -> None:
    loss = np.full(30, 40.0)
    for inside in (0.6, 1.0):
        found = forecast_comparisons([sums(loss), sums(loss, inside=inside)], seed=1)
        assert verdicts(found)["coverage"] == "worse"


def test_a_difference_within_its_error_is_not_sure() -> None:
    base = sums(np.full(30, 40.0))
    noisy = sums(40.0 + np.random.default_rng(2).normal(0.0, 10.0, 30))
    slightly = sums(np.full(30, 39.9))
    assert own_losses(base, base).sum() == pytest.approx(1.0)
    assert surely_less(own_losses(slightly, base), own_losses(base, base))
    assert not surely_less(own_losses(base, base), own_losses(base, base))
    gap = own_losses(noisy, base).sum() - 1
    assert abs(gap) < 0.05, "the noise is not to speak of in all"
    assert not surely_less(own_losses(noisy, base), own_losses(slightly, base))


def constant(elasticity: float, rows: int, level: float = 40.0) -> Posterior:
    """Someone sure of one elasticity about the usual price of 10."""
    curve = np.log(level) - elasticity * GRID.double().numpy()
    return Posterior(
        np.ones((rows, 1)),
        np.broadcast_to(curve, (rows, 1, len(curve))),
        np.full((rows, 1), 0.01),
        np.full(rows, np.log(10.0)),
    )


def test_the_true_elasticity_has_slope_one() -> None:
    table, report = canonical_history(sales(products=12, weeks=120, elasticity=-2.0))
    parts = split(table, report.period, seed=1)
    rows = parts.test.ahead.size
    true, half, double = (
        elasticity_comparison(parts.test, [constant(e, rows)] * 2, seed=1).base for e in (2.0, 1.0, 4.0)
    )
    assert true < 0.05
    assert half == pytest.approx(1.0, abs=0.1), "buyers reacted twice as much as foretold"
    assert double == pytest.approx(0.5, abs=0.05), "half as much as foretold"
    found = elasticity_comparison(parts.test, [constant(1.0, rows), constant(2.0, rows)], seed=1)
    assert found.verdict == "better"


def test_the_same_network_earns_the_same_in_the_stores_markets() -> None:
    table, report = canonical_history(sales(products=6, weeks=48))
    parts = split(table, report.period, seed=1)
    network = load_model().network
    demand = neutral_demand(store_demand(network, parts.whole))
    found = profit_comparison(demand, [network, network], seed=1)
    assert found is not None
    assert found.difference == 0.0 and found.verdict == "level"
    assert 0.8 < found.base <= 1.0, "demand is simple and the history long"


def test_the_third_opinion_is_the_stores_own_regression() -> None:
    table, report = canonical_history(sales(products=6, weeks=120, elasticity=-2.5))
    demand = neutral_demand(store_demand(load_model().network, split(table, report.period, seed=1).whole))
    posterior = demand.posterior
    mean, low, high = posterior.elasticity(np.full(6, 10.0))
    assert mean == pytest.approx(np.full(6, -2.5), abs=0.25)
    assert ((low < -2.5) & (high > -2.5)).sum() >= 4
    units = posterior.mean_units(np.full((6, 1), 10.0))[:, 0]
    assert units == pytest.approx(40 * (1 + 0.1 * np.arange(6)), rel=0.15)
    assert (np.diff(posterior.log_units, axis=2) <= 0).all()


def test_nothing_is_promoted_for_being_the_base() -> None:
    table, report = canonical_history(sales(products=6, weeks=48))
    network = load_model().network
    verdict = judged(split(table, report.period, seed=1), network, network, seed=1, between=lambda: None)
    assert not verdict.passed
    assert [it["code"] for it in verdict.reasons(True)] == ["not_better"]
    assert set(verdict.baselines) == {"per-series ridge GLM", "LightGBM trained on the set"}


def test_worse_at_anything_is_named_and_refused() -> None:
    level = Comparison(
        measure="wql", base=1.0, adapted=1.0, difference=0.0, low=-1.0, high=1.0, verdict="level"
    )
    better = replace(level, measure="wql_moves", verdict="better")
    worse = replace(level, measure="profit", verdict="worse")
    forecast = sums(np.full(30, 40.0)).score()
    both = {"base": forecast, "adapted": forecast}
    played = replace(level, measure="profit")
    assert Judgement((better, level, played), {}, both).passed
    unplayed = Judgement((better, level), {}, both)
    assert not unplayed.passed and unplayed.reasons(True) == [{"code": "not_played", "values": {}}]
    refused = Judgement((better, level, worse), {}, both)
    assert not refused.passed
    assert refused.reasons(True) == [{"code": "worse", "values": {"measure": "profit"}}]
