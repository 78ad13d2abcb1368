"""What-ifs: sums over periods against textbook distributions, dates, fees and stock."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import numpy as np
import pandas as pd
import pytest
from known_markets import COST, REFERENCE, constant_elasticity, known_posterior
from scipy.stats import nbinom, poisson

from policy import PricingPipeline
from policy.decision.joint import Luck, demand_paths, drawn_units, sold_of
from policy.decision.margin import UnitEconomics
from policy.decision.outcomes import WhatIf
from policy.decision.totals import PricePath, gain_over, totals

DRAWS = 20_000
PLAIN = UnitEconomics(unit_cost=COST)


@pytest.fixture(scope="module")
def pipe() -> PricingPipeline:
    return PricingPipeline.from_pretrained()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return constant_elasticity("A", np.random.default_rng(1))


def luck(periods: int, seed: int = 0) -> Luck:
    return Luck.drawn(np.random.default_rng(seed), DRAWS, periods)


def test_a_sum_of_poisson_periods_is_poisson() -> None:
    whole = totals(
        known_posterior(periods=5, level=8.0),
        np.full(5, REFERENCE),
        economics=PLAIN,
        stock=None,
        luck=luck(5),
    )
    assert whole.units.mean == pytest.approx(40.0)
    assert whole.units.low == pytest.approx(poisson.ppf(0.1, 40), abs=1)
    assert whole.units.high == pytest.approx(poisson.ppf(0.9, 40), abs=1)
    assert whole.revenue.mean == pytest.approx(40 * REFERENCE)
    assert whole.profit is not None and whole.profit.mean == pytest.approx(40 * (REFERENCE - COST))


def test_a_doubted_curve_is_doubted_in_every_period() -> None:
    # Two curves of 10 and 30 a period: the sum over ten periods is near 100 or near 300, never 200.
    posterior = known_posterior(periods=10, level=(10.0, 30.0), weights=(0.5, 0.5))
    for units in (
        demand_paths(posterior, np.full((10, 1), REFERENCE), luck(10))[..., 0].sum(axis=1),
        drawn_units(posterior, np.full(10, REFERENCE), draws=DRAWS, rng=np.random.default_rng(0)).sum(axis=1),
    ):
        assert units.mean() == pytest.approx(200.0, rel=0.01)
        assert ((units > 150) & (units < 230)).mean() < 0.001
        # A tenth of all is a fifth of the lower half.
        assert np.quantile(units, 0.1) == pytest.approx(poisson.ppf(0.2, 100), abs=1)


def test_counts_are_negative_binomial() -> None:
    posterior = known_posterior(level=12.0, dispersion=0.5)
    for units in (
        demand_paths(posterior, np.full((1, 1), REFERENCE), luck(1))[..., 0].ravel(),
        drawn_units(posterior, np.full(1, REFERENCE), draws=DRAWS, rng=np.random.default_rng(0)).ravel(),
    ):
        for level in (0.1, 0.5, 0.9):
            assert np.quantile(units, level) == pytest.approx(nbinom.ppf(level, 2.0, 2.0 / 14.0), abs=1)


def test_a_cheaper_price_never_sells_fewer_to_the_same_shoppers() -> None:
    posterior = known_posterior(periods=3, level=(3.0, 9.0), weights=(0.4, 0.6), dispersion=0.3)
    prices = np.broadcast_to(np.linspace(12.0, 30.0, 7), (3, 7))
    assert (np.diff(demand_paths(posterior, prices, luck(3)), axis=2) <= 0).all()


def test_a_stock_is_sold_once() -> None:
    demand = np.array([[3.0, 4.0, 5.0], [9.0, 9.0, 9.0]])
    assert sold_of(demand, 8.0).tolist() == [[3.0, 4.0, 1.0], [8.0, 0.0, 0.0]]


def test_stock_limited_totals_are_exact_for_poisson_demand() -> None:
    # E[min(N, S)] for N Poisson of 40.
    whole = totals(
        known_posterior(periods=4, level=10.0), np.full(4, REFERENCE), economics=PLAIN, stock=35, luck=luck(4)
    )
    n = np.arange(200)
    exact = float((np.minimum(n, 35) * poisson.pmf(n, 40)).sum())
    assert whole.units.mean == pytest.approx(exact, rel=0.005)
    assert whole.units.high == 35.0


def test_a_gain_is_about_averages() -> None:
    # One curve, nothing unknown: the gain is a number, whatever the luck of counts.
    belief = known_posterior(periods=3)
    paths = [PricePath(np.full(3, p), belief, PLAIN.value(np.full(3, p))) for p in (10.0, REFERENCE)]
    gain = gain_over((paths[0], paths[1]), stock=None, luck=luck(3))
    assert gain.mean == pytest.approx(3 * (4 * 80 * 2.0 - 80 * 12.0), rel=1e-5)
    assert gain.high - gain.low == pytest.approx(0.0, abs=1e-6)


def test_fees_and_shipping_come_out_of_profit_alone(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    plain = pipe.what_if(frame, sku="A", price=18.0)
    costly = pipe.what_if(frame, sku="A", price=18.0, fee=0.15, shipping=1.2)
    assert costly.at.units == plain.at.units and costly.at.revenue == plain.at.revenue
    assert plain.at.profit is not None and costly.at.profit is not None
    per_unit = 18.0 * 0.85 - COST - 1.2
    assert costly.at.profit.mean == pytest.approx(plain.at.units.mean * per_unit)
    assert (costly.fee, costly.shipping) == (0.15, 1.2)
    assert costly.total_at.profit is not None
    assert costly.total_at.profit.mean == pytest.approx(plain.at.units.mean * per_unit)
    # (8 + 1.2) / 0.85 = 10.82: a price of 10.50 is above cost and still loses.
    assert "price_below_cost" in pipe.what_if(frame, sku="A", price=10.5, fee=0.15, shipping=1.2).cautions
    assert "price_below_cost" not in pipe.what_if(frame, sku="A", price=10.5).cautions


def test_more_stock_never_sells_less_and_a_little_limits(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    found = [
        pipe.what_if(frame, sku="A", price=18.0, stock=stock, periods=4).total_at
        for stock in (0.0, 20.0, 100.0, 5000.0)
    ]
    units = [t.units.mean for t in found]
    assert units[0] == 0.0 and units[1] == pytest.approx(20.0, abs=0.01)
    assert units == sorted(units)


def test_several_periods_add_up(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = pipe.what_if(frame, sku="A", price=18.0, periods=4)
    assert answer.dates == ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23")
    assert answer.end == "2026-03-29"
    assert answer.total_at.units.mean == pytest.approx(4 * answer.at.units.mean)
    assert answer.total_gain.mean == pytest.approx(4 * answer.gain.mean, rel=0.02)
    single = answer.at.units.high - answer.at.units.low
    whole = answer.total_at.units.high - answer.total_at.units.low
    assert 2 * single * 0.8 < whole < 4 * single  # between independent periods and one and the same
    assert (answer.chance > 0.5) == (answer.gain.mean > 0)
    json.dumps(asdict(answer), allow_nan=False)


def test_dates_name_the_periods_they_lie_in(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    answer = pipe.what_if(frame, sku="A", price=18.0, start="2026-03-11", until=date(2026, 3, 24))
    assert answer.dates == ("2026-03-09", "2026-03-16", "2026-03-23")

    def ask(**dates: str | int) -> WhatIf:
        return pipe.what_if(frame, sku="A", price=18.0, **dates)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="lies before 2026-03-02"):
        ask(start="2026-02-01")
    with pytest.raises(ValueError, match="must be a date such as"):
        ask(until="soon")
    with pytest.raises(ValueError, match="No week of sales lies ahead by 2026-02-27"):
        ask(until="2026-02-27")
    with pytest.raises(ValueError, match="Forecasts reach 28 weeks"):
        ask(periods=29)
    with pytest.raises(ValueError, match="not both"):
        ask(periods=2, until="2026-03-24")


def test_a_stock_of_less_than_nothing_is_refused(pipe: PricingPipeline, frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="`stock` must be"):
        pipe.what_if(frame, sku="A", price=18.0, stock=-1.0)
    with pytest.raises(ValueError, match="`fee` must be a fraction"):
        pipe.what_if(frame, sku="A", price=18.0, fee=15.0)
