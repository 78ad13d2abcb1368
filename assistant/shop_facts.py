"""Records about the shop as facts: how products stand, past forecasts, readiness to learn, who did what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from assistant.facts import INTERVAL_LEVEL, Fact, Sheet, count, labels, money, quantity, subject_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation
    from policy.decision.standing import Standing
    from policy.evaluation.track_record import ProductRecord, TrackRecord
    from policy.learning.store.readiness import Readiness

SECTION = "shop"
"""Of `labels.toml`."""


def counted(subject: str, counts: Mapping[str, int], language: Language) -> list[Fact]:
    """How many there are of each kind."""
    sheet = Sheet(subject, language, section=SECTION)
    for key, number in counts.items():
        sheet.add(key, count(number, language), number, "count")
    return sheet.facts


def stock_facts(it: Standing, language: Language) -> list[Fact]:
    """What is on hand and how long it lasts at the present pace."""
    sheet = _sheet(it, language)
    if it.stock is not None:
        sheet.add("stock", quantity(it.stock, language), it.stock, "units")
    if it.pace is not None:
        sheet.add("pace", quantity(it.pace, language), it.pace, "units")
    if it.cover is not None:
        sheet.span("cover", it.cover, it.period)
    if it.idle_periods:
        sheet.span("idle", it.idle_periods, it.period)
    return sheet.facts


def position_facts(it: Standing, language: Language) -> list[Fact]:
    """The own price against the competitor's, and how old that is."""
    sheet = _sheet(it, language)
    sheet.price("current_price", it.current_price)
    sheet.price("competitor_price", it.competitor_price)
    if it.price_index is not None:
        sheet.percent("price_index", it.price_index)
        sheet.percent("price_gap", it.price_index - 1, sign=True)
    if it.competitor_date is not None:
        sheet.day("competitor_date", it.competitor_date)
    return sheet.facts


def evidence_facts(it: Standing, language: Language) -> list[Fact]:
    """What the records hold on how buyers answer to price."""
    sheet = _sheet(it, language)
    sheet.price("current_price", it.current_price)
    sheet.add("price_changes", count(it.price_changes, language), it.price_changes, "count")
    low, high = (money(x, it.currency, language) for x in (it.lowest_price, it.highest_price))
    tried = low if low == high else labels(language)["range"]["money"].format(low=low, high=high)
    sheet.add("tried_range", tried, None, it.currency or "money")
    sheet.span("history", it.periods, it.period)
    sheet.day("first_date", it.first_date)
    sheet.day("last_date", it.last_date)
    return sheet.facts


def sensitivity_facts(it: Recommendation, language: Language) -> list[Fact]:
    """Elasticity, and the same as what a price one per cent higher does to units."""
    sheet = Sheet(subject_of(it.sku, it.store), language, section=SECTION)
    sheet.elasticity(it.elasticity)
    if it.elasticity is not None:
        sheet.percent("response", it.elasticity.mean / 100, sign=True)
        sheet.percent("response_of", 0.01, sign=True)
        sheet.percent("interval", INTERVAL_LEVEL)
    return sheet.facts


def span_facts(standings: Iterable[Standing], language: Language) -> list[Fact]:
    """From when to when the shop's sales go."""
    every = list(standings)
    sheet = Sheet("data", language, section=SECTION)
    sheet.day("first_date", min(it.first_date for it in every))
    sheet.day("last_date", max(it.last_date for it in every))
    longest = max(every, key=lambda it: it.periods)
    sheet.span("history", longest.periods, longest.period)
    return sheet.facts


def revenue_facts(subject: str, every: Iterable[Recommendation], language: Language) -> list[Fact]:
    """Expected revenue of several products at their present prices, where they share currency and period."""
    known = [it for it in every if it.keep is not None]
    if len({(it.currency, it.period) for it in known}) != 1:
        return []
    total = sum(it.keep.revenue.mean for it in known if it.keep is not None)
    sheet = Sheet(subject, language, period=known[0].period, currency=known[0].currency, section=SECTION)
    text = money(total, known[0].currency, language, decimals=0)
    sheet.add("revenue_concerned", text, total, known[0].currency or "money")
    return sheet.facts


def record_facts(it: TrackRecord, language: Language) -> list[Fact]:
    """How good the forecasts of the last quarter would have been."""
    sheet = Sheet("track_record", language, section=SECTION)
    for key in ("forecasts", "products", "left_out"):
        sheet.add(key, count(getattr(it, key), language), getattr(it, key), "count")
    sheet.percent("coverage", it.coverage)
    sheet.percent("error", it.error)
    sheet.percent("interval", INTERVAL_LEVEL)
    sheet.day("tested_from", it.tested_from)
    sheet.day("tested_to", it.tested_to)
    sheet.span("ahead", it.ahead, it.period)
    return sheet.facts


def product_record_facts(it: ProductRecord, language: Language) -> list[Fact]:
    """How good one product's forecasts would have been."""
    sheet = Sheet(f"{subject_of(it.sku, it.store)}.record", language, section=SECTION)
    sheet.add("forecasts", count(it.forecasts, language), it.forecasts, "count")
    sheet.percent("coverage", it.coverage)
    sheet.percent("error", it.error)
    return sheet.facts


def readiness_facts(it: Readiness, language: Language) -> list[Fact]:
    """What there is and what is needed to fine-tune."""
    sheet = Sheet("readiness", language, section=SECTION)
    for key in ("products", "long_enough", "moved", "products_needed", "moves_needed"):
        if (number := getattr(it, key)) is not None:
            sheet.add(key, count(number, language), number, "count")
    sheet.span("periods_needed", it.periods_needed, it.period)
    return sheet.facts


def _sheet(it: Standing, language: Language) -> Sheet:
    return Sheet(
        subject_of(it.sku, it.store), language, period=it.period, currency=it.currency, section=SECTION
    )
