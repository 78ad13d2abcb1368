"""The reverse question: what would have to change for a price to be recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.planning_facts import target_facts
from assistant.tools.asking import Outlet
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.product import Product
    from policy.decision.rules import Rules
    from policy.decision.what_would_make import WhatWouldMake


@tool(response_format="content_and_artifact")
def target_price(
    sku: Sku,
    price: Annotated[float, Field(description="The price to be recommended.", gt=0)],
    runtime: Runtime,
    store: Outlet = None,
) -> Result:
    """Which single change (unit cost, competitor's price, stock) would make the policy recommend a price.

    `changes` with `reached` true are found by asking the policy; the others do not get there within the
    range tried, and `why` says why not. `forbidden_by` are rules that do not permit the price now.
    Example: {"status": "ok", "language": "en", "item": {"sku": "CAN-LAV-200", "name": "Lavender Candle 200
    g", "abstained": null, "forbidden_by": [], "changes": [{"name": "unit_cost", "reached": true, "why": null,
    "now": "$5.20", "needed": "$8.10", "low": "$1.80", "high": "$19.80", "price": "$20.00"}], "facts":
    {"target": "$20.00", "current_price": "$18.00", "recommended": "$16.20", "model_price": "$16.20"}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        def question(product: Product, rules: Rules) -> WhatWouldMake:
            # Once the policy is loaded: two threads that import its libraries at once break both.
            from policy.decision.what_would_make import what_would_make

            return what_would_make(product, price=price, rules=rules)

        it = desk.ask(sku, question, store=store)
        facts = target_facts(it, language)
        values = values_of(facts)
        changes = [
            {"name": change.name, "reached": change.needed is not None, "why": change.why}
            | {
                side: values[f"{change.name}.{side}"]
                for side in ("now", "needed", "low", "high", "price")
                if f"{change.name}.{side}" in values
            }
            for change in it.changes
        ]
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "abstained": it.abstained,
            "already": abs(it.recommended / it.price - 1) < 0.005,
            "forbidden_by": list(it.forbidden_by),
            "changes": changes,
            "facts": {key: value for key, value in values.items() if "." not in key},
        }
        return Report({"status": "ok", "item": item}, facts, **about_one(it))

    return run(runtime, report)
