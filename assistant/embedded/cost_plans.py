"""Plans about money: fees, margins, unit prices, earlier prices, offers that are not modelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.embedded.conversation import Call
from assistant.embedded.planning_steps import COSTS, Clock, failed, meant, told
from assistant.embedded.products import Ask, Resolved, State
from assistant.embedded.replies import MOST_PRODUCTS, Reply
from assistant.embedded.understanding import Request
from assistant.measures import Measure, sizes_in

PER: Mapping[str, Measure] = {
    "per_100g": "100 g", "per_oz": "oz", "per_kg": "kg", "per_g": "g", "per_lb": "lb", "per_100ml": "100 ml",
    "per_l": "l", "per_ml": "ml", "per_m": "m", "per_ft": "ft", "per_jin": "jin", "per_liang": "liang",
}  # fmt: skip


def fees(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """Break-even; and what a price would do under these costs, where one is named."""
    if not (request.mentions or request.selection or state.focus or state.mentions):
        return Reply(kind="cost_asked", request=request)
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    given, amounts = request.given, request.amounts
    costs = given.named(*COSTS, "unit_cost")
    calls = []
    for product in found.products[:MOST_PRODUCTS]:
        for price in amounts.prices or (None,):
            calls.append(Call.of("break_even", sku=product.sku, price=price, **costs))
    return told("break_even", request, found, ask(calls), calls)


def margin(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    wanted = request.given.named("margin_points", "margin_percent", *COSTS, "unit_cost")
    calls = [Call.of("break_even", sku=product.sku, **wanted) for product in found.products[:MOST_PRODUCTS]]
    return told("break_even", request, found, ask(calls), calls)


def reference(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    prices = request.amounts.prices
    was = request.given.was_price
    when = request.given.when
    start = None
    if when is not None and when.start is not None and when.start > clock.today:
        start = when.start.isoformat()
    both = request.language == "zh" and not request.flags & {"china", "eu"}
    regions = ["china"] if "china" in request.flags else ["eu", "china"] if both else ["eu"]
    calls = [
        Call.of(
            "reference_price",
            sku=found.products[0].sku,
            price=min(prices) if prices else None,
            was_price=was,
            start=start,
            region=region,
        )
        for region in regions
    ]
    return told("reference", request, found, ask(calls), calls)


def unit_price(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    per = next((measure for flag, measure in PER.items() if flag in request.flags), "piece")
    stated = next(iter(sizes_in(request.text)), None) if per != "piece" else None
    size: dict[str, Any] = {} if stated is None else {"size": stated.amount, "size_unit": stated.measure}
    calls = [
        Call.of("unit_price", sku=product.sku, per=per, **size) for product in found.products[:MOST_PRODUCTS]
    ]
    payloads = ask(calls)
    if failed(payloads[0]) and size:
        payloads = ask([Call.of("unit_price", sku=found.products[0].sku, per=per)])
    return told("unit_price", request, found, payloads, calls)


def cannot(request: Request, state: State, ask: Ask, clock: Clock) -> Reply | None:
    """Offers that are not modelled: what a unit leaves to pay for them, and what can be worked out."""
    named = request.mentions or request.selection or (state.focus and "follow_up" in request.flags)
    if not named or request.topic in ("shipping", "gift"):
        return Reply(kind="cannot", request=request)
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found if found.kind in ("clarify", "currency") else Reply(kind="cannot", request=request)
    amounts = request.amounts
    worth = request.given.coupon or amounts.amount
    if request.topic == "coupon" and (amounts.percent is not None or amounts.prices or worth):
        return coupon(request, found, ask)
    calls = [Call.of("break_even", sku=product.sku) for product in found.products[:MOST_PRODUCTS]]
    payloads = [payload for payload in ask(calls) if not failed(payload)]
    return Reply(kind="cannot", request=request, payloads=tuple(payloads), resolved=found, calls=tuple(calls))


def coupon(request: Request, found: Resolved, ask: Ask) -> Reply:
    """A coupon that everybody uses is a price cut: that much can be worked out."""
    amounts, sku = request.amounts, found.products[0].sku
    worth = request.given.coupon or amounts.amount
    cut: dict[str, Any] = {}
    if amounts.percent is not None:
        cut = {"percent": abs(amounts.percent)}
    elif worth:
        cut = {"amount": abs(worth)}
    else:
        cut = {"price": min(amounts.prices)}
    call = Call.of("promotion", sku=sku, **cut)
    return told("promotion", request, found, ask([call]), [call])
