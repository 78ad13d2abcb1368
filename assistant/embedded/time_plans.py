"""Plans over time: forecasts, how long a stock lasts, clearance, promotions, price tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from assistant.embedded.circumstances import Circumstances
from assistant.embedded.conversation import Call
from assistant.embedded.dates import When
from assistant.embedded.planning_steps import COSTS, Clock, failed, meant, told, window_of
from assistant.embedded.products import Ask, Resolved, State
from assistant.embedded.replies import MOST_PRODUCTS, Reply
from assistant.embedded.understanding import Request

COVER_PERIODS = 12
"""How far ahead a stock is followed."""


def forecast(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    window = window_of(_joined(request.given) or request.given.when, clock)
    price = request.amounts.prices[0] if request.amounts.prices else None
    whole = "whole_shop" in request.flags or not (request.mentions or request.selection)
    points_back = bool(request.flags & {"follow_up", "same_question", "likewise"})
    if whole and not (state.focus and points_back and "whole_shop" not in request.flags):
        return told("forecast", request, Resolved(), ask([Call.of("forecast", **window)]))
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    skus = [product.sku for product in found.products]
    payload = ask([Call.of("forecast", skus=skus, price=price, **window)])
    return told("forecast", request, found, payload)


def _joined(given: Circumstances) -> When | None:
    """Stretches ahead that follow each other as one: "next week and the week after"; None for one alone."""
    ahead = [it for it in given.times if it.kind == "stretch" and not it.is_past and it.start and it.end]
    whole: When | None = None
    for it in sorted(ahead, key=lambda it: it.start or date.max):
        if whole is None:
            whole = it
        elif it.start and whole.end and it.start <= whole.end + timedelta(days=1):
            whole = replace(whole, end=max(whole.end, it.end or whole.end), length=None)
        else:
            return None
    return whole if len(ahead) > 1 else None


def cover(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """How long the stock lasts, and the price that would stretch it where that is asked."""
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    sku, stock = found.products[0].sku, request.given.stock
    calls = [
        Call.of("forecast", skus=[sku], periods=COVER_PERIODS, stock=stock),
        Call.of("recommend", skus=[sku], stock=stock, objective=None if stock else "profit"),
    ]
    return told("cover", request, found, ask(calls), calls)


def clearance(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    when, given = request.given.when, request.given
    window = window_of(when, clock)
    window.pop("start", None)
    until = window.get("until")
    if until is not None and until <= clock.today.isoformat():
        window = {}
    calls = [
        Call.of(
            "clearance",
            sku=product.sku,
            stock=given.stock,
            min_price=given.min_price,
            unit_cost=given.unit_cost,
            **(window or {"periods": _default_periods(clock)}),
        )
        for product in found.products[:MOST_PRODUCTS]
    ]
    payloads = ask(calls)
    if all(payload.get("code") == "stock_missing" for payload in payloads):  # sold out, most often
        explained = ask([Call.of("explain", sku=found.products[0].sku)])
        return told("no_stock", request, found, explained, calls)
    return told("clearance", request, found, payloads, calls)


def _default_periods(clock: Clock) -> int:
    """Where no end is named: about six weeks."""
    return {"day": 42, "week": 6, "month": 2}.get(clock.period, 6)


def promotion(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    if not (request.mentions or request.selection or state.focus or state.mentions):
        return Reply(kind="which", request=request)
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    amounts, window = request.amounts, window_of(request.given.when, clock, end="end")
    cut: dict[str, Any] = {}
    if amounts.percent is not None:
        cut = {"percent": abs(amounts.percent)}
    elif amounts.prices:
        cut = {"price": min(amounts.prices)}
    costs = request.given.named(*COSTS)
    calls = [
        Call.of("promotion", sku=product.sku, **cut, **window, **costs)
        for product in found.products[:MOST_PRODUCTS]
    ]
    payloads = ask(calls)
    if len(found.products) == 1 and failed(payloads[0]) and payloads[0].get("code") == "start_past":
        window.pop("start", None)
        payloads = ask([Call.of("promotion", sku=found.products[0].sku, **cut, **window, **costs)])
    return told("promotion", request, found, payloads, calls)


def choice(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    payload = ask([Call.of("catalogue_overview")])[0]
    return told("promo_choice", request, Resolved(), [payload])


def price_test(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = meant(request, state, ask)
    if isinstance(found, Reply):
        return found
    prices = list(request.amounts.prices[:2]) or None
    call = Call.of("price_test", sku=found.products[0].sku, prices=prices)
    return told("price_test", request, found, ask([call]), [call])
