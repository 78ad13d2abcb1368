"""Catalogues at random: units, prices, costs, stock, rivals, rules and names that trip a number check up."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from made_entries import around, entry, priced

from assistant.report.entry import Entry, Priced, Reference
from policy.decision.recommendation import Clamp, Driver
from policy.evaluation.track_record import Foretold

NAMES = (
    None, "Mug 350 ml", "7 Up 330 ml 12-pack", "红茶 100 克", "Set of 4 (mixed)", "50% Cotton Shirt", "WD-40",
    "Buy 2 get 1", "iPhone 15 Pro 256GB", "Raise it to $99", "Sale! Was $20. Now 5",
)  # fmt: skip


def catalogue(seed: int) -> Priced:
    """A few products of one shop; now and then in two currencies, in outlets, after an earlier report."""
    rng = random.Random(seed)
    currencies = ["USD", "CNY"] if rng.random() < 0.2 else [rng.choice(["USD", "EUR", "CNY", "JPY", None])]
    outlets, period = rng.random() < 0.3, rng.choice(["day", "week", "month"])
    products = range(rng.choice([1, 3, 8]))
    return priced(
        *(_product(f"S{i}", rng, rng.choice(currencies), period, outlets) for i in products),
        last_report=rng.choice([None, "2026-11-16T08:00:00+00:00"]),
    )


def _product(sku: str, rng: random.Random, currency: Any, period: str, outlets: bool) -> Entry:
    now, units = round(10 ** rng.uniform(-1, 4), 2), 10 ** rng.uniform(-1, 4)
    price = rng.choice([now, round(now * rng.uniform(0.7, 1.3), 2) or now])
    rival = rng.choice([None, now, now * rng.uniform(0.7, 1.4)])
    largest = Clamp(rule="max_change", before=now * 1.4, after=price)
    ending = Clamp(rule="price_ending", before=price, after=price)
    found = entry(
        sku, now, price, units=(units, units * rng.uniform(0.5, 1.7)), currency=currency,
        cost=rng.choice([None, now * rng.uniform(0.2, 1.2)]), spread=10 ** rng.uniform(-2, 4),
        abstained=rng.choice([*[None] * 6, "price_never_varied", "rules_infeasible"]),
        store=rng.choice(["North 1", "南店"]) if outlets else None, promo_share=rng.choice([None, 0.1]),
        standing={
            "stock": rng.choice([None, 0.0, 3.0, 5000.0]), "pace": rng.choice([None, 0.0, units]),
            "idle_periods": rng.choice([0, 9, 60]), "competitor_price": rival, "period": period,
            "competitor_date": None if rival is None else "2026-11-02", "periods": rng.choice([5, 104]),
            "competitor_stale": rival is not None and rng.random() < 0.3,
        },
        record={
            "period": period, "name": rng.choice(NAMES), "competitor_price": rival,
            "cautions": rng.choice([(), ("few_price_changes",), ("gain_not_worthwhile",)]),
            "remedies": rng.choice([(), ("run_price_test",)]), "test_price": rng.choice([None, now * 0.9]),
            "drivers": rng.choice([(), (Driver(name="stock", contribution=-0.3),)]),
            "clamps": rng.choice([(), (largest,), (largest, ending)]),
        },
    )  # fmt: skip
    it = found.recommendation
    if rng.random() < 0.2:
        gone = replace(it, keep=None, take=None, gain=None, elasticity=None, model_price=None)
        it = replace(gone, abstained="out_of_stock", price=now)
    elif price < now and it.abstained is None:
        may = Reference(profile="eu", price=now, discount=1 - price / now, blocked=None)
        unknown = Reference(profile="china", price=None, discount=None, blocked="unknown_history")
        found = replace(found, reference=rng.choice([None, may, unknown]))
    sold = Foretold(
        sku=sku, store=it.store, date="2026-11-16", price=now, expected=around(units, units / 2),
        sold=float(round(units * rng.uniform(0.2, 2))),
    )  # fmt: skip
    earlier = replace(it, price=round(now * rng.uniform(0.8, 1.2), 2))
    return replace(
        found, recommendation=it, earlier=rng.choice([None, earlier]), foretold=rng.choice([(), (sold,)])
    )
