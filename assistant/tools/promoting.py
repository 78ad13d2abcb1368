"""A temporary price cut against none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.planning_facts import promotion_facts
from assistant.tools.asking import FeePercent, Outlet, Periods, Shipping, Start
from assistant.tools.pricing import gain_sign
from assistant.tools.result import Report, Result, Runtime, Sku, about_one, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.product import Product
    from policy.decision.promotion import Promotion
    from policy.decision.rules import Rules


@tool(response_format="content_and_artifact")
def promotion(
    sku: Sku,
    runtime: Runtime,
    percent: Annotated[
        float | None, Field(description="Discount in per cent of the price now; the best one where left out.")
    ] = None,
    price: Annotated[float | None, Field(description="Or the promotional price.", gt=0)] = None,
    amount: Annotated[float | None, Field(description="Or money off, e.g. a coupon.", gt=0)] = None,
    start: Start = None,
    end: Annotated[str | None, Field(description="Last day of the promotion, ISO 8601.")] = None,
    periods: Periods = None,
    fee_percent: FeePercent = None,
    shipping: Shipping = None,
    store: Outlet = None,
) -> Result:
    """A promotion of one product: extra units, profit against no promotion, what is given away on units that
    would have sold at full price, what past promotions left behind, the discount that earns most, and the
    largest without a loss.

    Whole periods only: a promotion of three days is counted as its week.
    Example: {"status": "ok", "language": "en", "item": {"sku": "HDP-BT20", "name": "Bluetooth Headphones
    BT20", "gain_sign": "negative", "broken_rules": ["max_change"], "cautions": ["after_not_known"], "facts":
    {"depth": "25%", "promo_price": "$41.18", "start": "Nov 23, 2026", "until": "Nov 29, 2026", "gain":
    "-$120", "gain_range": "-$260 to +$15", "chance": "14%", "lift": "21", "lift_needed": "36", "given_away":
    "$280", "best_depth": "5%", "best_gain": "+$9", "deepest": "43.5%", "lowest_price": "$31.00", ...}}}
    """

    def report(desk: Desk, language: Language) -> Report:
        def question(product: Product, rules: Rules) -> tuple[Promotion, float | None]:
            from policy.decision.promotion import promotion as plan

            depth = None if percent is None else abs(percent) / 100
            if price is not None:
                depth = 1 - price / product.current_price
            elif amount is not None:
                depth = amount / product.current_price
            fee, costs = (fee_percent or 0.0) / 100, shipping or 0.0
            found = plan(
                product,
                depth=depth,
                periods=periods,
                start=start,
                until=end,
                rules=rules,
                fee=fee,
                shipping=costs,
            )
            cost = found.unit_cost
            return found, None if cost is None else (cost + costs) / (1 - fee)

        it, lowest = desk.ask(sku, question, store=store)
        facts = promotion_facts(it, language, lowest_price=lowest)
        item = {
            "sku": it.sku,
            "name": it.name or it.sku,
            "store": it.store,
            "currency": it.currency,
            "period": it.period,
            "objective": it.objective,
            "gain_sign": None if it.asked is None else gain_sign(it.asked.net_gain),
            "broken_rules": list(it.broken_rules),
            "cautions": list(it.cautions),
            "facts": values_of(facts),
        }
        return Report({"status": "ok", "item": item}, facts, **about_one(it))

    return run(runtime, report)
