"""The earlier price of a cut, from what the store's ledger and sales know of each day."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from shops import sales
from test_records import recommendation

from assistant.store import Store, StoreError

DAYS = pd.date_range("2026-01-01", periods=60)


def daily(**columns: object) -> pd.DataFrame:
    return sales(**({"date": DAYS, "price": [10.0] * 40 + [12.0] * 20, "units": [3.0] * 60} | columns))


def test_prices_of_each_day_are_known(store: Store) -> None:
    store.import_history(daily(), source="a.csv", content_hash="1")
    start = dt.date(2026, 3, 2)  # the day after the newest sales
    found = store.reference_price("A", start=start, profile="eu", planned_price=9.0)
    assert (found.reference_price, found.whole_percent, found.notes) == (10.0, 10, ())
    assert [(it.price, it.since) for it in found.used] == [
        (10.0, dt.date(2026, 1, 1)), (12.0, dt.date(2026, 2, 10)),
    ]  # fmt: skip
    assert store.reference_price("A", start=start, profile="china").reference_price == 12.0


def test_days_without_a_row_are_unknown(store: Store) -> None:
    table = daily()
    store.import_history(table.drop(index=[45, 46]), source="a.csv", content_hash="1")
    found = store.reference_price("A", start=dt.date(2026, 3, 2), profile="eu")
    assert (found.blocked, found.gaps) == (
        "unknown_history", ((dt.date(2026, 2, 15), dt.date(2026, 2, 16)),),
    )  # fmt: skip


def test_weeks_are_covered_whole_and_said_to_be_weeks(store: Store) -> None:
    weeks = pd.date_range("2026-01-05", periods=8, freq="7D")
    table = sales(date=weeks, price=[10.0] * 6 + [12.0] * 2, units=[5.0] * 8)
    store.import_history(table, source="a.csv", content_hash="1")
    # The last week ends on 1 March. The 30 days before 2 March begin on 31 January, in the fourth week.
    found = store.reference_price("A", start=dt.date(2026, 3, 2), profile="eu", planned_price=9.0)
    assert (found.reference_price, found.notes, found.gaps) == (10.0, ("prices_by_week",), ())


def test_days_ahead_are_assumed_and_approved_prices_hold_from_their_day(store: Store) -> None:
    store.import_history(daily(), source="a.csv", content_hash="1")
    start = dt.date(2026, 3, 10)
    found = store.reference_price("A", start=start, profile="china")
    assert (found.reference_price, found.notes) == (12.0, ("assumed_unchanged",))
    assert [(it.first.day, it.last.day, it.assumed) for it in found.used] == [(2, 9, True)]
    (decision,) = store.save_decisions([recommendation(price=8.0)], actor="agent")
    store.approve_decision(decision, effective_from=dt.date(2026, 3, 5), actor="Ann")
    found = store.reference_price("A", start=start, profile="eu", planned_price=7.0)
    assert (found.reference_price, found.notes) == (8.0, ("assumed_unchanged",))


def test_a_product_that_stopped_selling_is_unknown_since(store: Store) -> None:
    store.import_history(daily(), source="a.csv", content_hash="1")
    store.import_history(daily(sku="B").iloc[:50], source="b.csv", content_hash="2")
    found = store.reference_price("B", start=dt.date(2026, 3, 2), profile="eu")
    assert found.gaps == ((dt.date(2026, 2, 20), dt.date(2026, 3, 1)),)


def test_deals_are_days_with_sales(store: Store) -> None:
    units = [3.0] * 40 + [0.0] * 20
    store.import_history(daily(units=units), source="a.csv", content_hash="1")
    found = store.reference_price("A", start=dt.date(2026, 3, 2), profile="china", planned_price=9.0)
    assert (found.reference_price, found.notes) == (10.0, ("last_deal",))


def test_an_outlet_must_be_named_where_there_are_several(store: Store) -> None:
    for outlet, price in (("North", 10.0), ("South", 11.0)):
        table = daily(price=[price] * 60).assign(store=outlet)
        store.import_history(table, source=outlet, content_hash=outlet)
    with pytest.raises(StoreError, match="2 outlets"):
        store.reference_price("A", start=dt.date(2026, 3, 2), profile="eu")
    found = store.reference_price("A", start=dt.date(2026, 3, 2), profile="eu", store="South")
    assert found.reference_price == 11.0
    with pytest.raises(StoreError, match="no product 'X'"):
        store.reference_price("X", start=dt.date(2026, 3, 2), profile="eu")
