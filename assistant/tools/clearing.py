"""Selling a stock by a date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.planning_facts import clearance_facts
from assistant.series import clearance_series
from assistant.tools.asking import Outlet, Periods, UnitCost, Until
from assistant.tools.pricing import gain_sign
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.clearance import Clearance
    from policy.decision.product import Product
    from policy.decision.rules import Rules


@tool(response_format="content_and_artifact")
def clearance(
    sku: Sku,
    runtime: Runtime,
    until: Until = None,
    periods: Periods = None,
    stock: Annotated[
        float | None, Field(description="Units to sell; what is on hand by default.", gt=0)
    ] = None,
    min_price: Annotated[float | None, Field(description="No price below this.", gt=0)] = None,
    unit_cost: UnitCost = None,
    salvage: Annotated[float | None, Field(description="What a unit left over is worth.", ge=0)] = None,
    store: Outlet = None,
) -> Result:
    """A dated path of prices, within the rules, that sells a stock by a date, and how sure that is; against
    keeping the price. Give `until` or `periods`.

    `reached` is false where no path within the limits sells through with the chance that is sought; the path
    is then the one that comes closest, and `limited_by` says what keeps it from going lower. `needed` is
    false where the price now sells through by itself with that chance.
    Example: {"status": "ok", "language": "en", "item": {"sku": "CAN-PIN-200", "name": "Pine Candle 200 g",
    "reached": false, "needed": true, "limited_by": "rules", "best_is_keep": false, "steps": [{"date": "Nov
    23, 2026", "price": "$15.20"}, {"date": "Dec 7, 2026", "price": "$12.20"}], "facts": {"stock": "640",
    "until": "Dec 27, 2026", "chance": "12%", "chance_keep": "1%", "left": "260", "gain": "-$310", ...}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        def question(product: Product, rules: Rules) -> Clearance:
            from policy.decision.clearance import clearance as plan

            return plan(
                product,
                until=until,
                periods=periods,
                stock=stock,
                rules=rules,
                low=min_price,
                unit_cost=unit_cost,
                salvage=salvage or 0.0,
            )

        it = desk.ask(sku, question, store=store)
        path = it.plan if it.reached else it.surest
        facts = clearance_facts(it, path, language, asked_until=until)
        values = values_of(facts)
        steps = [
            {"date": values[f"step_date.{i}"], "price": values[f"step_price.{i}"]}
            for i in range(1, len(path.steps) + 1)
            if f"step_price.{i}" in values
        ]
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "reached": it.reached,
            "needed": it.keep.chance < it.wanted_chance,
            "limited_by": it.limited_by,
            "gain_sign": gain_sign(it.gain),
            "cautions": list(it.cautions),
            "steps": steps,
            "facts": {key: value for key, value in values.items() if "." not in key},
        }
        series = [clearance_series(it, path)]
        return Report({"status": "ok", "item": item}, facts, **about_one(it), series=series)

    return run(runtime, report)
