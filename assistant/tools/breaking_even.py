"""What a unit leaves, the lowest price without a loss, and the volume that another price needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk, DeskError
from assistant.facts import direction
from assistant.planning_facts import break_even_facts
from assistant.tools.asking import FeePercent, Outlet, Shipping, UnitCost
from assistant.tools.pricing import gain_sign
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.break_even import BreakEven
    from policy.decision.product import Product
    from policy.decision.rules import Rules


@tool(response_format="content_and_artifact")
def break_even(
    sku: Sku,
    runtime: Runtime,
    price: Annotated[float | None, Field(description="Another price to look at.", gt=0)] = None,
    fee_percent: FeePercent = None,
    shipping: Shipping = None,
    unit_cost: UnitCost = None,
    margin_percent: Annotated[
        float | None, Field(description="A margin wanted, per cent of the price: which price has it?")
    ] = None,
    margin_points: Annotated[
        float | None, Field(description="Or so many percentage points more margin than now.")
    ] = None,
    store: Outlet = None,
) -> Result:
    """The lowest price that loses nothing after cost, fee and shipping, margin and mark-up now and at another
    price, and how many units that price must sell to earn as much as now.

    It is a floor, no recommendation. `lowest_price` is (cost + shipping) / (1 - fee).
    Example: {"status": "ok", "language": "en", "item": {"sku": "HDP-BT20", "name": "Bluetooth Headphones
    BT20", "period": "week", "cost_on_record": true, "with_fees": true, "gain_sign": null, "cautions": [],
    "facts": {"lowest_price": "$40.24", "unit_cost": "$31.00", "fee": "15%", "shipping": "$3.20",
    "price_now": "$54.90", "unit_profit_now": "$12.47", "margin_now": "22.7%", "markup_now": "40.2%",
    "room": "26.7%", ...}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        def question(
            product: Product, _: Rules
        ) -> tuple[BreakEven, float | None, tuple[float, float] | None]:
            from policy.decision.break_even import break_even as reckon
            from policy.decision.break_even import price_for_margin
            from policy.decision.margin import UnitEconomics

            fee, costs = (fee_percent or 0.0) / 100, shipping or 0.0
            found = reckon(product, price=price, unit_cost=unit_cost, fee=fee, shipping=costs)
            wanted = None if margin_percent is None else margin_percent / 100
            if margin_points is not None:
                wanted = found.now.margin + margin_points / 100
            recorded = product.unit_cost
            if wanted is None:
                return found, recorded, None
            economics = UnitEconomics(unit_cost=found.unit_cost, fee=fee, shipping=costs)
            at = price_for_margin(economics, wanted)
            if at is None:
                raise DeskError("no_such_margin")
            return found, recorded, (wanted, at)

        it, recorded, for_margin = desk.ask(sku, question, store=store)
        facts = break_even_facts(it, language, for_margin=for_margin)
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "cost_on_record": recorded is not None
            and direction(recorded, it.unit_cost, it.currency) == "keep",
            "with_fees": bool(it.fee or it.shipping),
            "loses": it.now.unit_profit < 0 if it.at is None else it.at.unit_profit < 0,
            "gain_sign": None if it.volume is None else gain_sign(it.volume.gain),
            "cautions": list(it.cautions),
            "facts": values_of(facts),
        }
        return Report({"status": "ok", "item": item}, facts, **about_one(it))

    return run(runtime, report)
