"""Entries made by hand, whose sums are known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from small_shop import around, outcome

from assistant.report.entry import Curve, Entry, Priced, Sales, Unpriced
from policy.decision.recommendation import AbstentionCode, Recommendation
from policy.decision.standing import Standing


def entry(
    sku: str,
    now: float = 10.0,
    price: float = 12.0,
    *,
    units: tuple[float, float] = (100.0, 90.0),
    cost: float | None = 4.0,
    spread: float = 3.0,
    abstained: AbstentionCode | None = None,
    currency: str = "USD",
    store: str | None = None,
    standing: dict[str, Any] | None = None,
    record: dict[str, Any] | None = None,
    **changes: Any,
) -> Entry:
    """A product at `now` that sells the first of `units`, and the second at `price`; a week's numbers."""
    keep, take = outcome(now, units[0], cost), outcome(price, units[1], cost)
    objective = "revenue" if cost is None else "profit"
    gain = getattr(take, objective).mean - getattr(keep, objective).mean
    priced = abstained is None
    fields: dict[str, Any] = {
        "sku": sku, "store": store, "name": f"Thing {sku}", "currency": currency, "period": "week",
        "date": "2026-11-23", "periods_of_history": 60, "objective": objective, "current_price": now,
        "price": price if priced else now, "model_price": price if priced else None, "unit_cost": cost,
        "competitor_price": None, "take": take if priced else None, "keep": keep,
        "gain": around(gain, spread) if priced else None,
        "elasticity": around(-1.5, 0.4) if priced else None, "confidence": "medium", "abstained": abstained,
        "model_hash": "m1", "rules_hash": "r1", "history_hash": "h2",
    }  # fmt: skip
    stands: dict[str, Any] = {
        "sku": sku, "store": store, "name": f"Thing {sku}", "currency": currency, "period": "week",
        "current_price": now, "unit_cost": cost, "first_date": "2025-09-29", "last_date": "2026-11-16",
        "periods": 60, "price_changes": 8, "lowest_price": 8.0, "highest_price": 12.0, "pace": units[0],
        "idle_periods": 0, "stock": None, "stock_date": None, "competitor_price": None,
        "competitor_date": None, "competitor_stale": False,
    }  # fmt: skip
    rest: dict[str, Any] = {
        "category": "things", "curve": _CURVE, "reference": None, "promo_share": None,
        "decision_id": f"D-{sku}", "earlier": None, "foretold": (),
    }  # fmt: skip
    return Entry(
        recommendation=Recommendation(**fields | (record or {})),
        standing=Standing(**stands | (standing or {})),
        sales=Sales(dates=("2026-11-09", "2026-11-16"), prices=(now, now), units=(98.0, None)),
        **rest | changes,
    )


_CURVE = Curve(prices=(9.0, 12.0), units=(110.0, 90.0), units_low=(80.0, 70.0), units_high=(140.0, 120.0))


def priced(
    *entries: Entry, unpriced: Iterable[Unpriced] = (), last_report: str | None = None, **more: Any
) -> Priced:
    return Priced(
        entries=entries,
        unpriced=tuple(unpriced),
        made_at="2026-11-23T08:00:00+00:00",
        last_report=last_report,
        newest=max((it.standing.last_date for it in entries), default=""),
        manifest={"model": "m1", "inputs": [{"file": "sales.csv", "rows": 120}]},
        **more,
    )
