"""Prices, rules and decisions are kept for good: added to, versioned, never rewritten."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import MONDAYS, contents, sales

from assistant.store import Store, StoreError
from assistant.store.schema import APPEND_ONLY
from policy.decision.recommendation import Clamp, Driver, Interval, Outcome, Recommendation
from policy.decision.rules import Rules


def recommendation(sku: str = "A", **changes: object) -> Recommendation:
    units = Interval(mean=7.0, low=5.0, high=9.0)
    take = Outcome(price=11.49, units=units, revenue=Interval(mean=80.4, low=57.4, high=103.4), profit=None)
    values = {
        "sku": sku, "store": None, "name": "羊毛毯 “130×170”", "currency": "USD", "period": "week",
        "date": "2026-02-02", "periods_of_history": 4, "objective": "revenue", "current_price": 12.0,
        "price": 11.49, "model_price": 10.1 + 0.2, "unit_cost": None, "competitor_price": 11.0, "take": take,
        "keep": None, "gain": Interval(mean=1.0, low=-0.5, high=2.5), "elasticity": None,
        "drivers": (Driver(name="season", contribution=-0.4),),
        "clamps": (Clamp(rule="price_ending", before=11.3, after=11.49),),
        "confidence": "medium", "cautions": ("cost_missing",), "remedies": ("add_cost",),
        "model_hash": "m1", "rules_hash": "r1", "history_hash": "h1",
    }  # fmt: skip
    return Recommendation(**(values | changes))


# Price ledger


def test_the_ledger_holds_price_changes_only(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    ledger = store.price_ledger("A")
    assert ledger["price"].tolist() == [10.0, 12.0]
    assert ledger["effective_from"].tolist() == [MONDAYS[0], MONDAYS[2]]
    assert set(ledger["source"]) == {"import"}
    with pytest.raises(StoreError, match="no product 'B'"):
        store.price_ledger("B")


def price_on(ledger: pd.DataFrame, day: pd.Timestamp) -> float:
    """The price in force: of the rows up to this day the newest day's, and of those the last recorded."""
    return ledger[ledger["effective_from"] <= day]["price"].iloc[-1]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(
        st.dictionaries(st.integers(0, 7), st.sampled_from([8.0, 9.0, 10.0]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_the_ledger_gives_the_price_charged_after_any_imports(store: Store, files: list[dict]) -> None:
    # Gaps, files out of order, corrections back and forth: at each sale the ledger agrees with the sales.
    sku = f"P{len(store.products())}"
    for i, weeks in enumerate(files):
        dates = [MONDAYS[0] + pd.Timedelta(weeks=week) for week in sorted(weeks)]
        prices = [weeks[week] for week in sorted(weeks)]
        frame = pd.DataFrame({"sku": sku, "date": dates, "price": prices, "units": 1.0})
        store.import_history(frame, source="x", content_hash=f"{sku}-{i}")
    ledger = store.price_ledger(sku)
    for row in store.history([sku]).itertuples():
        assert price_on(ledger, row.date) == row.price


# Rules


def test_the_nearest_rules_hold(store: Store) -> None:
    for sku, category in (("A", "tea"), ("B", "tea"), ("C", "mugs"), ("D", None)):
        store.import_history(sales(sku=sku, category=category), source="x", content_hash=sku)
    shop_rules, tea, own = Rules(max_change=0.3), Rules(max_change=0.1), Rules(max_change=0.05)
    assert store.rules_for(["A", "D"]) == {"A": Rules(), "D": Rules()}
    store.set_rules(shop_rules, scope="store", actor="Ann")
    store.set_rules(tea, scope="category", key="tea", actor="Ann")
    store.set_rules(own, scope="product", key="A", actor="Ann")
    assert store.rules_for("ABCD") == {"A": own, "B": tea, "C": shop_rules, "D": shop_rules}
    assert [(r.scope, r.key) for r in store.rules_in_force()] == [
        ("store", None), ("category", "tea"), ("product", "A"),
    ]  # fmt: skip
    store.set_rules(None, scope="product", key="A", actor="Ann")
    assert store.rules_for(["A"]) == {"A": tea}


def test_rules_are_versioned_and_audited(store: Store, engine: sa.Engine) -> None:
    assert store.set_rules(Rules(), scope="store", actor="Ann") == 1
    assert store.set_rules(Rules(), scope="store", actor="Bob") == 1, "the same rules are no new version"
    assert store.set_rules(Rules(price_ending=0.99), scope="store", actor="Bob") == 2
    assert contents(engine)["rules"] == 2
    entry = store.audit(limit=1)[0]
    assert (entry.actor, entry.action) == ("Bob", "rules_set")
    assert (entry.detail["old"]["price_ending"], entry.detail["new"]["price_ending"]) == (None, 0.99)


def test_rules_for_something_unknown_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no product 'X'"):
        store.set_rules(Rules(), scope="product", key="X", actor="Ann")
    with pytest.raises(StoreError, match="no category 'X'"):
        store.set_rules(Rules(), scope="category", key="X", actor="Ann")
    with pytest.raises(ValueError, match="None for the store"):
        store.set_rules(Rules(), scope="store", key="X", actor="Ann")


# Decisions


def test_a_decision_is_kept_to_the_last_digit(store: Store) -> None:
    given = recommendation()
    ids = store.save_decisions([recommendation("B"), given], actor="agent")
    kept = store.decision(ids[1])
    assert kept.record == Recommendation.to_dict(given) | {
        "drivers": [{"name": "season", "contribution": -0.4}],
        "clamps": [{"rule": "price_ending", "before": 11.3, "after": 11.49}],
        "cautions": ["cost_missing"],
        "remedies": ["add_cost"],
    }
    assert kept.id == ids[1] and kept.actor == "agent"
    assert abs(kept.created_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_the_latest_decision_is_the_last_saved(store: Store) -> None:
    assert store.decisions("A") == []
    ids = store.save_decisions([recommendation(price=p) for p in (11.0, 11.5)], actor="agent")
    (latest,) = store.decisions("A", limit=1)
    assert (latest.id, latest.record["price"]) == (ids[1], 11.5)
    assert store.save_decisions([], actor="agent") == []
    for unknown in ("D99", "x", "D", "D١"):
        with pytest.raises(StoreError, match=f"no decision '{unknown}'"):
            store.decision(unknown)


def test_an_approved_decision_enters_the_ledger_once(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    (decision,) = store.save_decisions([recommendation()], actor="agent")
    for _ in range(2):
        store.approve_decision(decision, effective_from=dt.date(2026, 2, 2), actor="Ann")
    ledger = store.price_ledger("A")
    assert ledger["price"].tolist() == [10.0, 12.0, 11.49]
    assert ledger.iloc[-1][["source", "decision_id"]].tolist() == ["decision", decision]
    # The next import finds the approved price charged: the ledger knew.
    next_week = sales(date=[pd.Timestamp("2026-02-02")] * 1, price=[11.49], units=[6.0])
    assert store.import_history(next_week, source="b.csv", content_hash="2").prices_recorded == 0
    assert [e.action for e in store.audit()].count("decision_approved") == 1


def test_an_abstention_cannot_be_approved(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    ids = store.save_decisions(
        [recommendation(abstained="out_of_stock"), recommendation("elsewhere")], actor="agent"
    )
    with pytest.raises(StoreError, match="nothing to approve"):
        store.approve_decision(ids[0], effective_from=dt.date(2026, 2, 2), actor="Ann")
    with pytest.raises(StoreError, match="no product 'elsewhere'"):
        store.approve_decision(ids[1], effective_from=dt.date(2026, 2, 2), actor="Ann")


def test_an_approval_withdrawn_restores_the_price_before_and_can_be_given_again(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    (decision,) = store.save_decisions([recommendation()], actor="agent")
    assert store.verdict(decision) is None
    store.approve_decision(decision, actor="Ann", price=11.0, reason="a round price")
    given = store.verdict(decision)
    assert given is not None
    assert (given.verdict, given.price, given.reason, given.actor) == (
        "approved", 11.0, "a round price", "Ann",
    )  # fmt: skip
    assert given.effective_from == dt.date.fromisoformat(store.decision(decision).record["date"])
    store.withdraw_verdict(decision, actor="Ann")
    assert store.verdict(decision) is None
    store.approve_decision(decision, actor="Ann")
    assert store.price_ledger("A")["price"].tolist()[-3:] == [11.0, 12.0, 11.49]
    actions = [entry.action for entry in store.audit()]
    assert actions[:3] == ["decision_approved", "decision_withdrawn", "decision_approved"]


def test_a_rejection_keeps_its_reason_and_an_approval_is_not_rejected_over(store: Store) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    first, second = store.save_decisions([recommendation(), recommendation()], actor="agent")
    for _ in range(2):
        store.reject_decision(first, actor="Ann", reason="the supplier would mind")
    verdict = store.verdict(first)
    assert verdict is not None and (verdict.verdict, verdict.reason) == (
        "rejected", "the supplier would mind",
    )  # fmt: skip
    assert [e.action for e in store.audit()].count("decision_rejected") == 1
    store.approve_decision(second, actor="Ann")
    with pytest.raises(StoreError, match="withdraw that first"):
        store.reject_decision(first, second, actor="Ann", reason="other")
    assert store.verdict(first) == verdict  # all or none
    store.withdraw_verdict(first, actor="Ann")
    with pytest.raises(StoreError, match="neither approved nor rejected"):
        store.withdraw_verdict(first, actor="Ann")


# Records that cannot be rewritten


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_records_can_only_be_added_to(store: Store, engine: sa.Engine, table: str) -> None:
    store.import_history(sales(), source="a.csv", content_hash="1")
    store.set_rules(Rules(), scope="store", actor="Ann")
    store.approve_decision(*store.save_decisions([recommendation()], actor="agent"), actor="Ann")
    before = contents(engine)
    attempts = [f"UPDATE {table} SET id = id", f"DELETE FROM {table}"]
    if engine.dialect.name == "sqlite":
        attempts.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    else:
        attempts.append(f"TRUNCATE {table} CASCADE")
    for attempt in attempts:
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(attempt))
    assert before[table] > 0 and contents(engine) == before


def test_decisions_are_listed_oldest_first_by_article_and_day(store: Store) -> None:
    store.save_decisions([recommendation("A"), recommendation("B"), recommendation("A")], actor="test")
    assert [it.id for it in store.decisions()] == ["D1", "D2", "D3"]
    assert [it.id for it in store.decisions("A")] == ["D1", "D3"]
    assert [it.id for it in store.decisions("A", limit=1)] == ["D3"]
    assert store.decisions("A", until=dt.date(2020, 1, 1)) == []
    today = store.decisions("B")[0].created_at.date()
    assert [it.id for it in store.decisions("B", until=today)] == ["D2"]
