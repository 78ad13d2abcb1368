"""Plans about one price: under other circumstances, within limits, over a time, as the aim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from assistant.embedded.conversation import Call, items_of
from assistant.embedded.planning_steps import ASSUMED, COSTS, LIMITS, RELATIVE, Clock, meant, told, window_of
from assistant.embedded.products import Ask, Resolved, State
from assistant.embedded.replies import MOST_PRODUCTS, Kind, Reply
from assistant.embedded.understanding import Request


def target(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    product = found.products[0]
    price = request.amounts.prices[0] if request.amounts.prices else None
    if price is None:
        return Reply(kind="at_which_price", request=request, resolved=found)
    return told("target", request, found, ask([Call.of("target_price", sku=product.sku, price=price)]))


def assumed(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A price under other circumstances: what staying would bring, and what would be recommended then."""
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    product, given = found.products[0], request.given
    circumstances = given.named(*ASSUMED, RELATIVE)
    costs = given.named(*COSTS)
    calls = []
    for price in request.amounts.prices or (None,):
        change = (
            {"percent": request.amounts.percent, "amount": request.amounts.amount} if price is None else {}
        )
        window = window_of(given.when, clock)
        calls.append(
            Call.of("what_if", sku=product.sku, price=price, **change, **circumstances, **costs, **window)
        )
    calls.append(Call.of("recommend", skus=[product.sku], objective=request.objective, **circumstances))
    calls.append(Call.of("recommend", skus=[product.sku], objective=request.objective))
    return told("assumed", request, found, ask(calls), calls)


def tried_prices(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """What-ifs at every price or change named, over the time that is named."""
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    amounts, window = request.amounts, window_of(request.given.when, clock)
    if not amounts.signed:
        return Reply(kind="which_direction", request=replace(request, topic=None), resolved=found)
    changes: list[dict[str, Any]] = [{"price": price} for price in amounts.prices]
    changes += [{"percent": amounts.percent}] if amounts.percent is not None else []
    changes += [{"amount": amounts.amount}] if amounts.amount is not None else []
    calls = [
        Call.of("what_if", sku=product.sku, **change, **window)
        for product in found.products[:MOST_PRODUCTS]
        for change in changes
    ]
    asked = replace(request, topic=None, intent="what_if")
    return told("what_if", asked, found, ask(calls), calls)


def than_said(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A change from the price that was suggested, not from the one now."""
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    amounts, asked = request.amounts, replace(request, topic=None, intent="what_if")
    if not amounts.signed:
        return Reply(kind="which_direction", request=replace(request, topic=None), resolved=found)
    change = {"percent": amounts.percent} if amounts.percent is not None else {"amount": amounts.amount}
    call = Call.of("what_if", sku=found.products[0].sku, **change, from_suggested=request.objective)
    return told("what_if", asked, found, ask([call]), [call])


def slow_stock(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    payload = ask([Call.of("catalogue_overview")])[0]
    asked = replace(request, topic=None, intent="overview")
    return told("overview", asked, Resolved(), [payload])


def limited(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A suggestion within limits of this question, or for several periods."""
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    window = window_of(request.given.when, clock)
    periods = window.get("periods")
    if periods is None and request.given.when is not None:
        periods = request.given.when.periods(clock.period)  # type: ignore[arg-type]
    call = Call.of(
        "recommend",
        skus=[product.sku for product in found.products],
        objective=request.objective,
        periods=None if periods in (None, 1) else periods,
        **request.given.named(*LIMITS, *ASSUMED),
    )
    payload = ask([call])[0]
    kind: Kind = "price" if len(items_of(payload)) == 1 else "table"
    return told(kind, replace(request, topic=None, intent="price"), found, [payload], [call])
