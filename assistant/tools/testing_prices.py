"""Designing a test of other prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.planning_facts import price_test_facts
from assistant.tools.asking import FeePercent, Outlet, Shipping, UnitCost
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.price_test import PriceTest
    from policy.decision.product import Product
    from policy.decision.rules import Rules


@tool(response_format="content_and_artifact")
def price_test(
    sku: Sku,
    runtime: Runtime,
    prices: Annotated[
        list[float] | None, Field(description="One or two prices to test; left out, a tenth up and down.")
    ] = None,
    unit_cost: UnitCost = None,
    fee_percent: FeePercent = None,
    shipping: Shipping = None,
    store: Outlet = None,
) -> Result:
    """A test of one or two prices against the one now: which prices, for how long, in which order, what it
    costs and what knowing is worth. Nothing is started: the merchant sets the prices.

    `tells` is profit (the test tells which price earns more), elasticity (only how buyers react) or neither
    within a year.
    Example: {"status": "ok", "language": "en", "item": {"sku": "KNF-SET5", "name": "Knife Set 5 pc", "tells":
    "elasticity", "cautions": ["price_never_varied"], "arms": ["$116.10", "$141.90"], "schedule": [{"date":
    "Nov 23, 2026", "price": "$129.00"}, ...], "facts": {"current_price": "$129.00", "periods": "18 weeks",
    "cost": "$210", "cost_range": "-$90 to $510", "value": "$14", "chance_changed": "61%", ...}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        def question(product: Product, rules: Rules) -> PriceTest:
            from policy.decision.price_test import price_test as plan

            return plan(
                product,
                prices=prices,
                rules=rules,
                unit_cost=unit_cost,
                fee=(fee_percent or 0.0) / 100,
                shipping=shipping or 0.0,
            )

        it = desk.ask(sku, question, store=store)
        facts = price_test_facts(it, language)
        values = values_of(facts)
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "objective": it.objective,
            "tells": it.tells,
            "cautions": list(it.cautions),
            "arms": [values[f"arm.{i}"] for i in range(1, len(it.arms) + 1)],
            "schedule": [
                {"date": values[f"slot_date.{i}"], "price": values[f"slot_price.{i}"]}
                for i in range(1, len(it.schedule) + 1)
                if f"slot_date.{i}" in values
            ],
            "facts": {key: value for key, value in values.items() if "." not in key},
        }
        return Report({"status": "ok", "item": item}, facts, **about_one(it))

    return run(runtime, report)
