"""How products stand by their records, worked out by hand; and whether a store has enough to fine-tune on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from policy.decision.recommend import labels_of
from policy.decision.standing import COMPETITOR_STALE_DAYS, SLOW_COVER, Standing, standings
from policy.history import canonical_history
from policy.learning.store.readiness import readiness
from policy.model.panel import make_panel

WEEKS = 20


def table(weeks: int = WEEKS, sku: str = "A", **columns: Any) -> pd.DataFrame:
    dates = pd.date_range("2026-01-05", periods=weeks, freq="7D")
    return pd.DataFrame({"sku": sku, "date": dates, "price": 10.0, "units": 5.0, **columns})


def standing(*tables: pd.DataFrame) -> list[Standing]:
    frame, report = canonical_history(pd.concat(tables))
    return standings(make_panel(frame, report.period), labels_of(frame))


def test_cover_is_stock_over_the_pace_of_the_last_eight_weeks() -> None:
    units = np.r_[np.full(12, 50.0), np.full(8, 4.0)]
    (it,) = standing(table(units=units, stock=60.0))
    assert (it.pace, it.cover, it.stock_state) == (4.0, 15.0, None)


def test_weeks_without_stock_say_nothing_of_the_pace() -> None:
    units, stock = np.full(WEEKS, 6.0), np.full(WEEKS, 30.0)
    units[-3:], stock[-3:] = 0.0, 0.0
    (it,) = standing(table(units=units, stock=stock))
    assert (it.pace, it.stock_state, it.idle_periods) == (6.0, "sold_out", 3)


def test_stock_that_sold_nothing_for_eight_weeks_is_dead() -> None:
    units = np.r_[np.full(12, 5.0), np.zeros(8)]
    (it,) = standing(table(units=units, stock=9.0))
    assert (it.stock_state, it.cover, it.pace) == ("dead", None, 0.0)
    (it,) = standing(table(units=np.r_[units[:-1], 1.0], stock=9.0))
    assert it.stock_state != "dead"


def test_stock_for_more_than_half_a_year_is_slow() -> None:
    edge = 5.0 * SLOW_COVER["week"]
    assert [standing(table(stock=stock))[0].stock_state for stock in (edge, edge + 1)] == [None, "slow"]


def test_unknown_stock_has_no_state_and_no_cover() -> None:
    (it,) = standing(table())
    assert (it.stock, it.cover, it.stock_state, it.stock_date) == (None, None, None, None)


@pytest.mark.parametrize(
    ("rival", "position"), [(8.0, "above"), (10.05, "level"), (9.95, "level"), (12.5, "below")]
)
def test_position_against_the_competitor(rival: float, position: str) -> None:
    (it,) = standing(table(competitor_price=rival))
    assert it.position == position
    assert it.price_index == pytest.approx(10.0 / rival)


def test_an_old_competitors_price_is_stale() -> None:
    week, most = 7, COMPETITOR_STALE_DAYS["week"]
    for age in (most // week, most // week + 1):
        rival = np.where(np.arange(WEEKS) < WEEKS - age, 9.0, np.nan)
        (it,) = standing(table(competitor_price=rival))
        assert it.competitor_stale is (age * week > most)
        assert (
            it.competitor_date == str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=WEEKS - 1 - age))[:10]
        )


def test_below_cost_needs_a_cost() -> None:
    known = [standing(table(cost=cost))[0].below_cost for cost in (10.5, 10.0, np.nan)]
    assert known == [True, False, None]


def shop(products: int, weeks: int = 40, moves: int = 8) -> pd.DataFrame:
    """Prices go up and down by a tenth, `moves` times, evenly spread."""
    step = np.minimum(np.arange(weeks) * (moves + 1) // weeks, moves)
    price = np.where(step % 2, 11.0, 10.0)
    return pd.concat([table(weeks, f"P{i}", price=price, units=20.0 + i) for i in range(products)])


def test_five_products_of_thirty_periods_whose_prices_moved_are_enough() -> None:
    found = readiness(*_canonical(shop(5)))
    assert (found.enough, found.products, found.long_enough, found.moved) == (True, 5, 5, 5)


def test_what_is_lacking_is_said() -> None:
    few = readiness(*_canonical(pd.concat([shop(4), table(29, "SHORT")])))
    assert (few.refused, few.products, few.long_enough, few.moved) == ("short_series", 5, 4, None)
    assert readiness(*_canonical(shop(4))).refused == "few_products"
    still = readiness(*_canonical(shop(5, moves=2)))
    assert (still.refused, still.long_enough, still.moved) == ("prices_still", 5, 0)


def _canonical(frame: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    canonical, report = canonical_history(frame)
    return canonical, report.period
