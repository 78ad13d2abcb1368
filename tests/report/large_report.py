"""A made-up report of any size, whose rows and pages are made as they are read: what printers must stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assistant.facts import Fact
from assistant.report.document import Document, Indicator, Page, Row, Section, Table
from assistant.report.entry import Curve, Sales
from assistant.wording import Language
from tests.report.sample_report import COLUMNS, document, page

CATEGORIES = ("Kitchen", "Candles", "Chargers", "厨房", None)
STATUSES = ("open", "open", "open", "approved", "rejected")
PERIODS, PRICES = 104, 25


@dataclass(frozen=True)
class Reread:
    """Made anew each time it is gone through."""

    size: int
    make: Callable[[int], Any]

    def __iter__(self) -> Iterator[Any]:
        return (self.make(place) for place in range(self.size))


def row(place: int) -> Row:
    """A product's row: its price falls with `place` so that sorting is easily told."""
    now, gain = 5.0 + 0.01 * place, 900.0 - 0.1 * place
    up = place % 3 == 0
    return {
        "page": f"SKU-{place:05d}", "product": f"Product number {place}", "sku": f"SKU-{place:05d}",
        "category": CATEGORIES[place % 5], "current_price": now, "price": now * (1.05 if up else 0.93),
        "change": 0.05 if up else -0.07, "units": 20.0 + place % 40, "units_low": 10.0,
        "units_high": 80.0, "profit_gain": gain, "profit_gain_low": gain - 300.0,
        "profit_gain_high": gain + 300.0, "date": "2026-11-23", "decision": str(place), "currency": "USD",
        "reason": "A rival's price pulls it up." if up else "Price sensitivity pulls the price down.",
        "status": STATUSES[place % 5],
    }  # fmt: skip


def product_page(place: int) -> Page:
    """Two years of weekly sales at three prices, and a curve that falls by elasticity -2."""
    rng = np.random.default_rng(place)
    base = page(dict(row(place)))
    now = base.current_price
    prices = now * np.linspace(0.7, 1.4, PRICES)
    units = 20.0 * (prices / now) ** -2.0
    charged = now * rng.choice([1.0, 1.0, 1.0, 0.9, 1.1], PERIODS)
    first = np.datetime64("2024-11-25")
    days = [str(first + np.timedelta64(7 * week, "D")) for week in range(PERIODS)]
    facts = tuple(
        Fact(
            f"{base.id}.fact_{n}",
            f"fact_{n}",
            f"A quantity with a name {n}",
            f"${now * n:,.2f}",
            now * n,
            "USD",
        )
        for n in range(18)
    )
    return replace(
        base,
        sentences=(
            f"Cut the price to ${now * 0.93:,.2f}, from ${now:,.2f} (-7%).",
            "Against keeping it, expect more profit a week, but it could go either way.",
            "Price sensitivity pulls the price down; a rival's price pulls it up; no rule binds.",
            "Confidence is low: the price has changed on few occasions.",
        ),
        facts=facts,
        sales=Sales(
            dates=tuple(days),
            prices=tuple(float(it) for it in charged),
            units=tuple(float(it) for it in rng.poisson(20.0 * (charged / now) ** -2.0)),
        ),
        curve=Curve(
            prices=tuple(map(float, prices)),
            units=tuple(map(float, units)),
            units_low=tuple(map(float, units * 0.6)),
            units_high=tuple(map(float, units * 1.5)),
        ),
    )


def large(size: int, language: Language = "en") -> Document:
    """A report of `size` products: three tables of every product, and a page for each."""
    sample = document(language)
    columns = (*COLUMNS[:2], replace(COLUMNS[7], key="category", label="Category"), *COLUMNS[2:])
    rows = Reread(size, row)
    tables = tuple(
        Table(id=id, title=title, columns=columns, rows=rows)
        for id, title in (("actions", "What to do"), ("stock", "Stock"), ("competitors", "Competitors"))
    )
    headline = sample.sections[0]
    indicators = (
        Indicator(
            label="Profit a week against keeping", value="+$12,400", note="$3,100 to $21,700", tone="good"
        ),
        Indicator(label="Margin now", value="41.2%"),
        Indicator(label="Price index against competitors", value="1.04", note="of 212 products"),
        Indicator(label="Below cost", value="3", tone="bad"),
        Indicator(label="No cost known", value="17", tone="warning"),
    )
    return replace(
        sample,
        sections=(
            replace(headline, indicators=indicators),
            *(Section(id=it.id, title=it.title, tables=(it,)) for it in tables),
        ),
        pages=Reread(size, product_page),
        page_count=size,
    )
