"""The demo shop as the report's entries: priced as a run prices it, the same for every test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from assistant.report import run
from assistant.report.batches import batches
from assistant.report.entry import Entry, Priced, Unpriced
from assistant.report.pricing import Pricer
from assistant.store import Store
from assistant.store.demo import create_demo
from policy import PricingPipeline


def demo_priced(home: Path, pipeline: PricingPipeline) -> Priced:
    """The first report of the demo shop."""
    store = Store.open(home=home)
    create_demo(store)
    products = store.products()
    plan = run._plan(store, pipeline, products, "profit", "eu", [])
    (batch,) = batches(products, store.rules_for())
    said = [line.split("\t", 1)[1] for line in Pricer(store, pipeline, plan).lines(batch).splitlines()]
    entries = [
        replace(Entry.from_dict(json.loads(text)["entry"]), decision_id=f"D{number}")
        for number, text in enumerate(said, 1)
    ]
    return Priced(
        entries=entries,
        unpriced=(
            Unpriced(
                sku="OLD-1",
                store=None,
                reasons={"en": "Its price is empty in every row.", "zh": "每一行的价格都是空的。"},
            ),
        ),
        made_at="2026-11-23T08:00:00+00:00",
        last_report=None,
        newest=max(it.standing.last_date for it in entries),
        manifest={"model": entries[0].recommendation.model_hash, "inputs": [{"file": "demo"}]},
    )
