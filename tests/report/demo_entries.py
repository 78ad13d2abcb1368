"""The demo shop as the report's entries: priced by the embedded model once, the same for every test."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from assistant.desk import Desk
from assistant.report.entry import Curve, Entry, Priced, Reference, Sales, Unpriced
from assistant.store import Store
from assistant.store.demo import create_demo
from policy.decision.outcomes import DemandCurve
from policy.decision.recommendation import Recommendation


def demo_priced(home: Path) -> Priced:
    """The first report of the demo shop."""
    store = Store.open(home=home)
    create_demo(store)
    desk = Desk(store)
    history = desk.history()
    standings = desk.records.standings()
    curves = {(it.sku, it.store): it for it in desk.pipeline.demand_curve(history)}
    groups = dict(list(history.groupby("sku")))
    entries = []
    for decision in sorted(desk.overview(), key=lambda it: it.recommendation.sku):
        it = decision.recommendation
        rows = groups[it.sku]
        entries.append(
            Entry(
                recommendation=it,
                standing=standings[it.sku, it.store],
                category=str(rows["category"].iloc[-1]),
                sales=Sales(
                    dates=tuple(f"{day:%Y-%m-%d}" for day in rows["date"]),
                    prices=tuple(map(float, rows["price"])),
                    units=tuple(map(float, rows["units"])),
                ),
                curve=_curve(curves.get((it.sku, it.store))),
                reference=_reference(store, it),
                promo_share=float(rows["promo"].mean()),
                decision_id=decision.id,
                earlier=None,
                foretold=(),
            )
        )
    return Priced(
        entries=entries,
        unpriced=(Unpriced(sku="OLD-1", store=None, reason="Its price is empty in every row."),),
        made_at="2026-11-23T08:00:00+00:00",
        last_report=None,
        manifest={"model": entries[0].recommendation.model_hash, "inputs": [{"file": "demo"}]},
    )


def _curve(it: DemandCurve | None) -> Curve | None:
    if it is None:
        return None
    return Curve(
        prices=tuple(map(float, it.prices)),
        units=tuple(map(float, it.mean)),
        units_low=tuple(map(float, it.quantiles["0.1"])),
        units_high=tuple(map(float, it.quantiles["0.9"])),
    )


def _reference(store: Store, it: Recommendation) -> Reference | None:
    if it.abstained is not None or it.price >= it.current_price:
        return None
    found = store.reference_price(
        it.sku, start=dt.date.fromisoformat(it.date), profile="eu", planned_price=it.price, store=it.store
    )
    return Reference(
        profile=found.profile, price=found.reference_price, discount=found.discount, blocked=found.blocked
    )
