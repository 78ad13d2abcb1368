"""What to charge, why, and what another price would do: one product's or several products' records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Decision, Desk, DeskError
from assistant.facts import (
    Fact,
    Sheet,
    direction,
    facts_for,
    labels,
    money,
    quantity,
    verdict_facts,
    what_if_facts,
)
from assistant.planning_facts import circumstances_facts, length
from assistant.suggesting import Assumed, Limits
from assistant.tools.asking import (
    CompetitorPrice,
    CostPercent,
    FeePercent,
    Outlet,
    Periods,
    Shipping,
    Start,
    Stock,
    UnitCost,
    Until,
)
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.outcomes import WhatIf
    from policy.decision.recommendation import Interval, Recommendation

MOST_ITEMS = 30
"""Most products of one question."""


@tool(response_format="content_and_artifact")
def recommend(
    skus: Annotated[list[Sku], Field(description="Exact SKUs.", min_length=1, max_length=MOST_ITEMS)],
    runtime: Runtime,
    objective: Annotated[Literal["profit", "revenue"], Field(description="What to maximise.")] = "profit",
    periods: Annotated[
        int | None, Field(description="For so many periods, not the next alone.", ge=1)
    ] = None,
    max_change_percent: Annotated[
        float | None, Field(description="Largest change for this question, per cent.", ge=0)
    ] = None,
    price_ending: Annotated[
        float | None, Field(description="How the price ends: 0.99 for 4.99, 0 for whole numbers.", ge=0)
    ] = None,
    min_price: Annotated[float | None, Field(description="No price below this.", gt=0)] = None,
    max_price: Annotated[float | None, Field(description="No price above this.", gt=0)] = None,
    min_margin_percent: Annotated[
        float | None, Field(description="No margin below this, per cent of the price.", ge=0, lt=100)
    ] = None,
    unit_cost: UnitCost = None,
    cost_percent: CostPercent = None,
    competitor_price: CompetitorPrice = None,
    stock: Stock = None,
) -> Result:
    """Recommend a price for each product for its next period, against keeping the current price.

    Quote numbers exactly as printed in `facts`. `direction` is raise, cut or keep. Where `abstained` is
    set there is no suggestion: say why, and what `remedies` would help. `objective` is revenue where the
    cost is unknown.
    Example: {"status": "ok", "language": "en", "items": [{"sku": "CAN-LAV-200", "name": "Lavender Candle
    200 g", "decision_id": "D7", "currency": "USD", "period": "week", "direction": "cut", "abstained":
    null, "objective": "profit", "binding_rule": "price_ending", "confidence": "medium", "gain_sign":
    "positive", "demand": "elastic", "cautions": [], "remedies": [], "drivers": [{"name": "stock",
    "label": "stock", "direction": "down", "contribution": "-$0.85"}], "clamps": [{"rule": "price_ending",
    "label": "price ending", "before": "$15.61", "after": "$15.49"}], "facts": {"price": "$15.49",
    "current_price": "$18.00", "change": "-13.9%", "gain": "+$12.30", "gain_range": "-$1.10 to +$25.00",
    "units_take": "34", ...}}], "skipped": []}
    """

    def report(desk: Desk, language: Language) -> Report:
        known, unknown = desk.known(skus)
        limits = Limits(
            max_change_percent=max_change_percent,
            price_ending=price_ending,
            min_price=min_price,
            max_price=max_price,
            min_margin_percent=min_margin_percent,
        )
        assumed = Assumed(
            unit_cost=unit_cost, cost_percent=cost_percent, competitor_price=competitor_price, stock=stock
        )
        if limits == Limits() and assumed == Assumed() and periods in (None, 1):
            decisions = desk.recommend(known or unknown, objective=objective)
        else:
            suggested = desk.suggest(
                known or unknown, objective=objective, limits=limits, assumed=assumed, periods=periods or 1
            )
            decisions = [Decision(it, "") for it in suggested]
        skipped = [
            {"sku": sku, "reason": DeskError("unknown_sku", sku=sku).message(language)} for sku in unknown
        ]
        items, facts = items_of(decisions, language)
        payload = {"status": "ok", "items": items, "skipped": skipped}
        facts += question_facts(limits, assumed, periods, decisions, language)
        return Report(payload, facts, **about(decisions))

    return run(runtime, report)


@tool(response_format="content_and_artifact")
def explain(sku: Sku, runtime: Runtime) -> Result:
    """Explain one product's recommendation: drivers ranked by effect on the price, every rule that moved
    it in order, what each rule allows, the model's price before rules, elasticity, how much history there is.

    Example: {"status": "ok", "language": "en", "item": {... as in recommend ..., "rules": [{"rule":
    "max_change", "label": "largest change in one step", "status": "binds", "status_label": "decides", "low":
    "$15.20", "high": "$22.80", "note": null}]}}
    """

    def report(desk: Desk, language: Language) -> Report:
        decisions = desk.recommend([sku])
        items, facts = items_of(decisions, language)
        for told, decision in zip(items, decisions, strict=True):
            own = verdict_facts(decision.recommendation, language)
            told["rules"] = _verdicts(decision.recommendation, values_of(own), language)
            facts += own
        payload = {"status": "ok", "item": items[0]} | ({"items": items} if len(items) > 1 else {})
        return Report(payload, facts, **about(decisions))

    return run(runtime, report)


@tool(response_format="content_and_artifact")
def what_if(
    sku: Sku,
    runtime: Runtime,
    price: Annotated[float | None, Field(description="The price to try, in the store's currency.")] = None,
    percent: Annotated[float | None, Field(description="Or a change in per cent: -10 is 10 % down.")] = None,
    amount: Annotated[float | None, Field(description="Or a change in money: -10 is 10 off.")] = None,
    from_suggested: Annotated[
        Literal["profit", "revenue"] | None,
        Field(description="Change from the price suggested for this aim, in place of the price now."),
    ] = None,
    unit_cost: UnitCost = None,
    cost_percent: CostPercent = None,
    competitor_price: CompetitorPrice = None,
    stock: Stock = None,
    fee_percent: FeePercent = None,
    shipping: Shipping = None,
    periods: Periods = None,
    start: Start = None,
    until: Until = None,
    store: Outlet = None,
) -> Result:
    """What is expected if one product were sold at another price, against keeping its current price.

    Give one of price, percent and amount; none where only circumstances change and the price stays. Cost,
    competitor's price, stock, fee and shipping are assumed for both prices. Nothing is changed by asking.
    Example: {"status": "ok", "language": "en", "item": {"sku": "CAN-LAV-200", "name": "Lavender Candle
    200 g", "currency": "USD", "period": "week", "direction": "cut", "objective": "profit", "gain_sign":
    "unclear", "cautions": [], "known_range": true, "facts": {"price": "$16.00", "current_price":
    "$18.00", "change": "-11.1%", "units_take": "33", "units_keep": "29", "gain": "+$9.10", ...}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        it = desk.what_if(
            sku,
            store=store,
            price=price,
            percent=percent,
            amount=amount,
            from_suggested=from_suggested,
            unit_cost=unit_cost,
            cost_percent=cost_percent,
            competitor_price=competitor_price,
            stock=stock,
            fee_percent=fee_percent or 0.0,
            shipping=shipping or 0.0,
            periods=periods,
            start=start,
            until=until,
        )
        facts = [*what_if_facts(it, language), *circumstances_facts(it, language)]
        assumed = {
            "unit_cost": cost_percent if unit_cost is None else unit_cost,
            "competitor_price": competitor_price, "stock": stock, "fee": fee_percent, "shipping": shipping,
        }  # fmt: skip
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "direction": direction(it.keep.price, it.at.price, it.currency),
            "objective": it.objective,
            "gain_sign": gain_sign(it.gain),
            "demand": demand(it.elasticity),
            "assumed": [name for name, value in assumed.items() if value is not None],
            "several_periods": len(it.dates) > 1,
            "loses": it.at.profit is not None and it.at.profit.mean < 0,
            "cautions": list(it.cautions),
            "known_range": "outside_known_range" not in it.cautions,
            "facts": values_of(facts),
        }
        return Report(
            {"status": "ok", "item": item},
            facts,
            names=names_of([it]),
            products=products_of([it]),
            skus=[it.sku],
        )

    return run(runtime, report)


def item(decision: Decision, facts: Iterable[Fact], language: Language) -> dict[str, Any]:
    """One recommendation as JSON: codes for the model to reason with, formatted strings to quote."""
    it = decision.recommendation
    words, values = labels(language), values_of(facts)
    return {
        "sku": it.sku,
        "name": it.name or it.sku,
        "store": it.store,
        "decision_id": decision.id or None,
        "currency": it.currency,
        "period": it.period,
        "direction": "keep" if it.abstained else direction(it.current_price, it.price, it.currency),
        "abstained": it.abstained,
        "objective": it.objective,
        "binding_rule": it.binding_rule,
        "clamps": [
            {
                "rule": clamp.rule,
                "label": words["rules"].get(clamp.rule, clamp.rule),
                "before": money(clamp.before, it.currency, language),
                "after": money(clamp.after, it.currency, language),
            }
            for clamp in it.clamps
        ],
        "confidence": it.confidence,
        "gain_sign": gain_sign(it.gain),
        "demand": demand(it.elasticity),
        "cautions": list(it.cautions),
        "remedies": list(it.remedies),
        "drivers": [
            {
                "name": driver.name,
                "label": words["drivers"].get(driver.name, driver.name),
                "direction": "up" if driver.contribution > 0 else "down",
                "contribution": values[f"driver.{driver.name}"],
            }
            for driver in it.drivers
        ],
        "facts": {key: value for key, value in values.items() if not key.startswith(("driver.", "clamp."))},
    }


def _verdicts(it: Recommendation, values: Mapping[str, str], language: Language) -> list[dict[str, Any]]:
    """What each rule says of the price: codes with their names, and the prices it allows."""
    words = labels(language)
    return [
        {
            "rule": verdict.rule,
            "label": words["rules"][verdict.rule],
            "status": verdict.status,
            "status_label": words["rule_status"][verdict.status],
            "low": values.get(f"rule.{verdict.rule}.low"),
            "high": values.get(f"rule.{verdict.rule}.high"),
            "note": verdict.note and words["rule_notes"][verdict.note],
        }
        for verdict in it.verdicts
    ]


def question_facts(
    limits: Limits, assumed: Assumed, periods: int | None, decisions: Iterable[Decision], language: Language
) -> list[Fact]:
    """What one question asked for beside the products, so that the answer can repeat it."""
    first = next((decision.recommendation for decision in decisions), None)
    currency = None if first is None else first.currency
    sheet = Sheet("question", language, currency=currency, section="limits")
    if limits.max_change_percent is not None:
        sheet.percent("max_change", limits.max_change_percent / 100)
    if limits.min_margin_percent is not None:
        sheet.percent("min_margin", limits.min_margin_percent / 100)
    sheet.price("min_price", limits.min_price)
    sheet.price("max_price", limits.max_price)
    sheet.price("assumed_cost", assumed.unit_cost)
    sheet.price("assumed_competitor_price", assumed.competitor_price)
    if assumed.stock is not None:
        sheet.add("assumed_stock", quantity(assumed.stock, language), assumed.stock, "units")
    if periods is not None and first is not None:
        length(sheet, periods, first.period)
    return sheet.facts


def items_of(decisions: Iterable[Decision], language: Language) -> tuple[list[dict[str, Any]], list[Fact]]:
    """Several recommendations as JSON, and the facts of all of them."""
    items, every = [], []
    for decision in decisions:
        facts = facts_for(decision.recommendation, language)
        items.append(item(decision, facts, language))
        every.extend(facts)
    return items, every


def about(decisions: Iterable[Decision]) -> dict[str, Any]:
    """What a `Report` on these decisions names: `names`, `products`, `skus`, `decision_ids`."""
    decisions = list(decisions)
    return {
        "names": names_of(decision.recommendation for decision in decisions),
        "products": products_of(decision.recommendation for decision in decisions),
        "skus": [decision.recommendation.sku for decision in decisions],
        "decision_ids": [decision.id for decision in decisions if decision.id],
    }


def names_of(records: Iterable[Recommendation | WhatIf]) -> list[str]:
    """Every name, SKU and outlet among the records."""
    return [text for it in records for text in (it.name, it.sku, it.store) if text]


def products_of(records: Iterable[Recommendation | WhatIf]) -> dict[str, str]:
    """Name by SKU."""
    return {it.sku: it.name or it.sku for it in records}


def named(it: Recommendation, reason: str | None = None) -> dict[str, Any]:
    """A product by its name alone, and why it is listed."""
    return {"sku": it.sku, "name": it.name or it.sku} | ({"reason": reason} if reason else {})


def gain_sign(gain: Interval | None) -> str | None:
    """Whether the 80 % interval of the gain lies on one side of zero."""
    if gain is None:
        return None
    return "positive" if gain.low > 0 else "negative" if gain.high < 0 else "unclear"


def demand(elasticity: Interval | None) -> str | None:
    """Elastic where units fall by a larger share than the price rises, in the whole 80 % interval."""
    if elasticity is None:
        return None
    return "elastic" if elasticity.high < -1 else "inelastic" if elasticity.low > -1 else "unclear"
