"""What stands behind an answer, part by part: the facts, and the figures that show them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistant.agent import Answer
from assistant.desk import Desk
from assistant.facts import Fact, subject_of
from assistant.series import TOTAL, ClearanceSeries, ForecastSeries, Series
from assistant.wording import Language, wording

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

    from assistant.store import Product
    from policy.decision.recommendation import Recommendation

View = Literal["demand", "history", "forecast", "clearance", "portfolio"]
"""A kind of figure."""

SEARCHES = ("find_products",)
"""Tools whose facts only serve to find a product."""
ASKED = ".at_"
"""In the subject of facts about a price that the merchant asked about (`facts.what_if_facts`)."""
PRICE, OTHER = "price", "other"
TOPICS: Mapping[str, str] = {
    "": PRICE,
    "at": PRICE,
    "approval": PRICE,
    "ahead": "forecast",
    "clear": "clearance",
    "break": "break_even",
    "promotion": "promotion",
    "reference": "reference",
    "to": "target",
}
"""What a product's facts are about, by the word that follows the product in their subject."""
SHOP: Mapping[str, str] = {"overview": "overview", TOTAL: "total"}
"""The same for subjects that are about no single product; those not named here are no evidence."""
VIEWS: Mapping[str, tuple[View, ...]] = {
    PRICE: ("demand", "history"),
    "forecast": ("forecast", "history", "demand"),
    "clearance": ("clearance", "history", "demand"),
    "break_even": ("demand", "history"),
    "promotion": ("history", "demand"),
    "reference": ("history",),
    "target": ("demand", "history"),
    OTHER: ("demand", "history"),
    "overview": ("portfolio",),
    "total": ("forecast",),
}
"""Figures by topic, the most telling first."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind one part of an answer: a product, or the shop as a whole."""

    title: str
    """The product's name."""
    language: Language
    """Of the answer."""
    facts: tuple[Fact, ...]
    recommendation: Recommendation | None
    """None where nothing was decided, as for the shop as a whole."""
    sku: str | None = None
    store: str | None = None
    series: Series | None = None
    views: tuple[View, ...] = ()
    """Figures there are to look at, the most telling first."""

    @property
    def asked(self) -> float | None:
        """The price a what-if was about; None for other answers."""
        return next((f.raw for f in self.facts if f.key == "price" and ASKED in f.subject), None)


def evidence_of(answer: Answer, desk: Desk) -> tuple[Evidence, ...]:
    """One part per product and topic, in the answer's order; the shop as a whole comes first.

    None for an answer that says nothing of a product or the shop, such as a question back: the figure of an
    earlier one beside it would mislead.
    """
    if all(call.name in SEARCHES for call in answer.tool_calls) and not answer.pending:
        return ()
    products = {subject_of(it.sku, it.store): it for it in desk.store.products()}
    decisions = map(desk.recommendation, answer.decision_ids)
    decided = {subject_of(it.sku, it.store): it for it in decisions}
    found: dict[tuple[str, str], list[Fact]] = {}
    for fact in answer.facts:
        if (key := _part_of(fact.subject, products)) is not None:
            found.setdefault(key, []).append(fact)
    order = [*decided, *(owner for sku in answer.skus for owner in products if products[owner].sku == sku)]
    place = {owner: number for number, owner in reversed(list(enumerate(order)))}
    parts = []
    for owner, topic in sorted(found, key=lambda key: (key[0] != "", place.get(key[0], len(order)))):
        facts = tuple(found[owner, topic])
        product, words = products.get(owner), wording(answer.language)
        decision = decided.get(owner) if topic == PRICE else None
        if decision is None and product is not None and any(ASKED in it.subject for it in facts):
            # A what-if decides nothing: its product's recommendation is looked up for comparison.
            decision = desk.recommendation_of(product.sku, store=product.store)
        title = words("evidence.shop") if product is None else product.name or product.sku
        if sum(other == owner for other, _ in found) > 1:
            title = f"{title} · {words(f'evidence.topic.{topic}')}"
        told = {fact.subject for fact in facts}
        parts.append(
            Evidence(
                title=title,
                language=answer.language,
                facts=facts,
                recommendation=decision,
                sku=None if product is None else product.sku,
                store=None if product is None else product.store,
                series=next((it for it in answer.series if it.subject in told), None),
                views=VIEWS[topic],
            )
        )
    return tuple(parts)


def figure_of(evidence: Evidence, view: View, desk: Desk) -> Figure | None:
    """One figure of a part; None where there is nothing to draw. Raises `DeskError`."""
    from assistant.figures import demand_and_profit
    from assistant.figures_dated import clearance_path, forecast_fan, price_history
    from assistant.figures_shop import portfolio

    language, series = evidence.language, evidence.series
    if view == "portfolio":
        return portfolio([it.recommendation for it in desk.overview()], language)
    if view == "forecast":
        return (
            forecast_fan(series, _sold(series, desk), language)
            if isinstance(series, ForecastSeries)
            else None
        )
    if view == "clearance":
        return clearance_path(series, language) if isinstance(series, ClearanceSeries) else None
    assert evidence.sku is not None, "the shop as a whole has neither a curve nor a ledger"
    if view == "demand":
        it = evidence.recommendation or desk.recommendation_of(evidence.sku, store=evidence.store)
        if it.keep is None:
            return None
        curve = desk.curve(it.sku, store=it.store)
        return demand_and_profit(curve, it, language, asked=evidence.asked)
    ledger, history = desk.store.price_ledger(evidence.sku), desk.store.history([evidence.sku])
    if evidence.store is not None:
        ledger, history = (table[table["store"] == evidence.store] for table in (ledger, history))
    currency = desk.outlet(evidence.sku, evidence.store).currency
    return price_history(ledger, history, desk.records.clock[1], currency, language)


def _part_of(subject: str, products: Mapping[str, Product]) -> tuple[str, str] | None:
    """The product that facts are about, "" for the shop, and the topic; None where they are no evidence."""
    if subject in SHOP:
        return "", SHOP[subject]
    owners = [it for it in products if subject == it or subject.startswith(f"{it}.")]
    if not owners:
        return None
    owner = max(owners, key=len)
    kind = re.match(r"[a-z_]*?(?=_?\d|_|\.|$)", subject.removeprefix(owner).removeprefix("."))
    return owner, TOPICS.get(kind.group() if kind else "", OTHER)


def _sold(series: ForecastSeries, desk: Desk) -> pd.DataFrame:
    """`date` and `units` of the forecast's products, summed over the periods that all of them have."""
    history = desk.store.history(series.skus).dropna(subset=["units"])
    if series.store is not None:
        history = history[history["store"] == series.store]
    by = history.groupby("date")["units"]
    together = by.count() == by.count().max()
    return by.sum()[together].rename("units").reset_index()
