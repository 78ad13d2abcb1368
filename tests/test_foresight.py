"""Forecasts of sums: against convolutions, against what happened, and what is left out and why."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from known_markets import constant_elasticity, known_posterior
from scipy.stats import poisson

from policy import PricingPipeline
from policy.decision.foresee import DRAWS, Forecast
from policy.decision.given import QuestionError
from policy.decision.joint import drawn_units
from policy.market import LoggingPolicies, Prior, Simulator, simulate_log


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    return pd.concat(
        constant_elasticity(sku, np.random.default_rng(seed), level=level)
        for seed, (sku, level) in enumerate([("A", 80.0), ("B", 15.0), ("C", 40.0)])
    )


def test_a_sum_of_products_is_the_convolution() -> None:
    # Poisson of 3 x 4 and of 3 x 9: together Poisson of 39.
    rng = np.random.default_rng(0)
    parts = [
        drawn_units(known_posterior(periods=3, level=level), np.full(3, 20.0), draws=20_000, rng=rng)
        for level in (4.0, 9.0)
    ]
    whole = sum(part.sum(axis=1) for part in parts)
    for level in (0.1, 0.5, 0.9):
        assert np.quantile(whole, level) == pytest.approx(poisson.ppf(level, 39), abs=1)


def test_sums_add_up_and_are_surer_than_their_parts(pipe: PricingPipeline, shop: pd.DataFrame) -> None:
    found = pipe.forecast(shop, periods=4)
    (whole,) = found.sums
    assert (whole.products, whole.without_cost) == (3, 0)
    assert found.dates == ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23")
    for name in ("units", "revenue", "profit"):
        parts = [getattr(p.total, name) for p in found.products]
        total = getattr(whole.total, name)
        assert total.mean == pytest.approx(sum(p.mean for p in parts))
        widths = [p.high - p.low for p in parts]
        assert max(widths) * 0.9 < total.high - total.low < sum(widths)
        assert total.mean == pytest.approx(sum(getattr(p, name).mean for p in whole.by_period))
    json.dumps(asdict(found), allow_nan=False)


def test_one_period_is_what_predict_demand_says(pipe: PricingPipeline, shop: pd.DataFrame) -> None:
    found = pipe.forecast(shop, prices={"A": 18.0, "B": 18.0, "C": 18.0})
    future = pd.DataFrame({"sku": ["A", "B", "C"], "date": pd.Timestamp("2026-03-02"), "price": 18.0})
    future["cost"] = 8.0
    told = pipe.predict_demand(shop, future, quantile_levels=(0.1, 0.9))
    for product, mean, low, high in zip(found.products, told["mean"], told["0.1"], told["0.9"], strict=True):
        units = product.total.units
        assert units.mean == pytest.approx(mean, rel=1e-4)
        assert units.low == pytest.approx(low, rel=0.1, abs=1.5)
        assert units.high == pytest.approx(high, rel=0.1, abs=1.5)


def test_a_products_forecast_does_not_depend_on_its_neighbours(
    pipe: PricingPipeline, shop: pd.DataFrame
) -> None:
    alone = pipe.forecast(shop, periods=3, skus=["B"])
    among = pipe.forecast(shop, periods=3)
    assert alone.products[0].total.units.low == among.products[1].total.units.low
    assert [p.sku for p in alone.products] == ["B"] and alone.sums[0].products == 1


def test_prices_given_a_period_are_charged_in_it(pipe: PricingPipeline, shop: pd.DataFrame) -> None:
    plain = pipe.forecast(shop, periods=3, skus=["A"]).products[0]
    cut = pipe.forecast(shop, periods=3, skus=["A"], prices={"A": [15.0, 20.0, 20.0]}).products[0]
    assert cut.prices == (15.0, 20.0, 20.0)
    assert cut.by_period[0].units.mean > 1.3 * cut.by_period[1].units.mean
    assert cut.by_period[0].revenue.mean == pytest.approx(15.0 * cut.by_period[0].units.mean)
    assert len(set(plain.prices)) == 1
    dear = pipe.forecast(shop, skus=["A"], prices={"A": 60.0}).products[0]
    assert "outside_known_range" in dear.cautions


def test_what_cannot_be_forecast_is_listed_with_its_reason(pipe: PricingPipeline, shop: pd.DataFrame) -> None:
    rng = np.random.default_rng(9)
    old = constant_elasticity("OLD", rng).assign(date=lambda d: d.date - pd.Timedelta(weeks=40))
    new = constant_elasticity("NEW", rng).tail(3)
    gone = constant_elasticity("GONE", rng, stock=np.r_[np.full(59, 500.0), 0.0])
    short = constant_elasticity("SHORT", rng, stock=np.r_[np.full(59, 500.0), 7.0])
    free = constant_elasticity("NOCOST", rng).drop(columns="cost")
    found = pipe.forecast(pd.concat([shop, old, new, gone, short, free]), periods=2)
    assert {(left.sku, left.reason) for left in found.left_out} == {
        ("OLD", "stale_data"),
        ("NEW", "too_little_history"),
        ("GONE", "out_of_stock"),
    }
    cautions = {p.sku: p.cautions for p in found.products}
    assert "stock_below_forecast" in cautions["SHORT"] and cautions["A"] == ()
    assert "cost_missing" in cautions["NOCOST"]
    assert (found.sums[0].products, found.sums[0].without_cost) == (5, 1)


def test_products_whose_sales_end_earlier_are_forecast_for_the_same_dates(
    pipe: PricingPipeline, shop: pd.DataFrame
) -> None:
    late = shop[(shop.sku != "B") | (shop.date < shop.date.max() - pd.Timedelta(weeks=2))]
    found = pipe.forecast(late, periods=26)
    assert {p.by_period[0].date for p in found.products} == {"2026-03-02"}
    assert [(left.sku, left.reason) for left in found.left_out] == [("B", "too_far")]
    assert len(pipe.forecast(late, periods=25).products) == 3


def test_currencies_are_never_added_up(pipe: PricingPipeline, shop: pd.DataFrame) -> None:
    mixed = shop.assign(currency=shop.sku.map({"A": "EUR", "B": "EUR", "C": "USD"}))
    found = pipe.forecast(mixed, periods=2)
    assert {(s.currency, s.products) for s in found.sums} == {("EUR", 2), ("USD", 1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"periods": 0}, "`periods` must be a whole number of at least 1"),
        ({"periods": 29}, "Forecasts reach 28 weeks"),
        ({"skus": ["X"]}, "1 products asked about are not in the history, the first is 'X'"),
        ({"periods": 3, "prices": {"A": [1.0, 2.0]}}, "The price of 'A' must be one positive number or 3"),
        ({"promos": {"A": 20.0}}, r"The promo of 'A' must be one number in \[0, 1\]"),
    ],
)
def test_impossible_questions_are_refused(
    pipe: PricingPipeline, shop: pd.DataFrame, options: dict, message: str
) -> None:
    with pytest.raises(QuestionError, match=message):
        pipe.forecast(shop, **options)


def covered(found: Forecast, sold: np.ndarray) -> float:
    """Share of products whose interval of the sum holds what was sold, (B,)."""
    intervals = [p.total.units for p in found.products]
    return float(np.mean([i.low <= s <= i.high for i, s in zip(intervals, sold, strict=True)]))


def test_intervals_of_sums_hold_four_times_in_five(pipe: PricingPipeline) -> None:
    # Fresh markets of the prior, whose sellers priced in their own ways and then keep their price.
    n, seen, ahead = 150, 70, 8
    rng = np.random.default_rng(77)
    prior = replace(Prior(period_chances=(0.0, 1.0, 0.0)), stock_chance=0.0)
    markets = prior.sample(rng, n, seen + ahead)
    simulator = Simulator(markets, rng)
    log, _ = simulate_log(simulator, LoggingPolicies(markets, rng), seen)
    sold = np.stack([simulator.step(log.price[:, -1]).units for _ in range(ahead)], axis=1)
    history = pd.DataFrame({"sku": np.repeat([f"P{i:03d}" for i in range(n)], seen)})
    history["date"] = np.tile(pd.date_range("2024-01-01", periods=seen, freq="7D"), n)
    for name in ("price", "units", "cost", "competitor_price", "promo"):
        history[name] = getattr(log, name).ravel()
    enough = log.units.sum(axis=1) >= 10
    for periods in (1, 4, 8):
        found = pipe.forecast(history, periods=periods)
        assert [p.sku for p in found.products] == [f"P{i:03d}" for i in np.flatnonzero(enough)]
        # Counts are whole: intervals of slow sellers hold more than they must. Standard error 0.03.
        assert 0.7 < covered(found, sold[enough, :periods].sum(axis=1)) < 0.93
    assert DRAWS >= 1000
