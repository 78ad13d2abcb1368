"""Forecasts against what was sold, where the forecaster is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from policy.decision.recommendation import Interval, Outcome, Recommendation
from policy.evaluation.track_record import come, foretold, track_record
from policy.history import HistoryError

WEEKS = 40


class Flat:
    """Foretells the same quantiles of every period."""

    def __init__(self, low: float, median: float, high: float) -> None:
        self._ends = low, median, high

    def predict_demand(
        self, history: pd.DataFrame, future: pd.DataFrame, quantile_levels: Any
    ) -> pd.DataFrame:
        low, median, high = self._ends
        values = np.interp(quantile_levels, [0.1, 0.5, 0.9], [low, median, high])
        return future.assign(**{f"{q:g}": v for q, v in zip(quantile_levels, values, strict=True)})


def shop(units: float = 20.0, weeks: int = WEEKS) -> pd.DataFrame:
    dates = pd.date_range("2026-01-05", periods=weeks, freq="7D")
    return pd.concat(
        [pd.DataFrame({"sku": sku, "date": dates, "price": 10.0, "units": units}) for sku in ("A", "B")]
    )


def test_all_sales_inside_the_interval_and_half_missed() -> None:
    forecaster: Any = Flat(5.0, 10.0, 30.0)
    record = track_record(forecaster, pd.concat([shop(), shop(weeks=12).assign(sku="NEW")]))
    # The last quarter is ten weeks: two windows of four for each of two products.
    assert (record.products, record.left_out, record.forecasts, record.ahead) == (2, 1, 16, 4)
    assert (record.coverage, record.error) == (1.0, pytest.approx(0.5))
    assert [(it.sku, it.forecasts, it.coverage) for it in record.by_product] == [("A", 8, 1.0), ("B", 8, 1.0)]


def test_sales_above_every_interval() -> None:
    forecaster: Any = Flat(5.0, 10.0, 15.0)
    assert track_record(forecaster, shop()).coverage == 0.0


def test_a_short_history_is_not_measured() -> None:
    forecaster: Any = Flat(5.0, 10.0, 15.0)
    with pytest.raises(HistoryError):
        track_record(forecaster, shop(weeks=12))


def suggestion(date: str, *, keep: float = 10.0, take: float = 9.0) -> Recommendation:
    def at(price: float, units: float) -> Outcome:
        interval = Interval(mean=units, low=units - 5, high=units + 5)
        return Outcome(price=price, units=interval, revenue=interval, profit=None)

    return Recommendation(
        sku="A", store=None, name=None, currency=None, period="week", date=date, periods_of_history=9,
        objective="revenue", current_price=keep, price=take, model_price=take, unit_cost=None,
        competitor_price=None, take=at(take, 30.0), keep=at(keep, 12.0), gain=None, elasticity=None,
    )  # fmt: skip


def test_a_given_forecast_is_judged_at_the_price_that_was_charged() -> None:
    history = shop()
    kept = foretold([suggestion("2026-10-05")], history)
    assert [(it.price, it.expected.mean, it.sold, it.inside) for it in kept] == [(10.0, 12.0, 20.0, False)]
    history.loc[history["date"] == "2026-10-05", "price"] = 9.0
    taken = foretold([suggestion("2026-10-05")], history)
    assert [(it.price, it.expected.mean, it.inside) for it in taken] == [(9.0, 30.0, False)]


def test_another_price_or_a_period_to_come_is_no_record() -> None:
    given = [suggestion("2026-10-05", keep=8.0, take=7.0), suggestion("2027-01-04")]
    assert foretold(given, shop()) == []
    # The period that came is known not to be judged; the one to come, and one with no forecast, are not.
    blind = replace(suggestion("2026-10-05"), sku="B", keep=None, take=None)
    assert [(it.sku, it.date) for it in come([*given, blind], shop())[1]] == [("A", "2026-10-05")]
    assert come([given[0], suggestion("2026-10-05")], shop())[1] == []  # a later one can be judged


def test_the_last_word_on_a_period_counts() -> None:
    first, last = suggestion("2026-10-05"), suggestion("2026-10-05", take=10.0)
    assert [it.expected.mean for it in foretold([first, last], shop())] == [30.0]
