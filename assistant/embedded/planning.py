"""Plans for questions beyond the next price: costs and fees, forecasts, clearance, promotions, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from assistant.embedded.amounts import Amounts
from assistant.embedded.circumstances import Circumstances
from assistant.embedded.conversation import Call, Payload, Product, items_of
from assistant.embedded.dates import When
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import MOST_PRODUCTS, Kind, Reply, other_currency
from assistant.embedded.understanding import UNKNOWN, Request
from assistant.measures import Measure, sizes_in

LIMITS = ("max_change_percent", "price_ending", "min_price", "max_price")
ASSUMED = ("unit_cost", "competitor_price", "stock")
COSTS = ("fee_percent", "shipping")
COVER_PERIODS = 12
"""How far ahead a stock is followed."""
TESTED = ("price", "what_if", "facts", "explain", "confidence", UNKNOWN)
"""Intents of a message with circumstances that are a question about a price under them."""
PER: Mapping[str, Measure] = {
    "per_100g": "100 g", "per_oz": "oz", "per_kg": "kg", "per_g": "g", "per_lb": "lb", "per_100ml": "100 ml",
    "per_l": "l", "per_ml": "ml", "per_m": "m", "per_ft": "ft", "per_jin": "jin", "per_liang": "liang",
}  # fmt: skip

_MONEY = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Clock:
    """What a plan counts time by."""

    today: date
    period: str
    """The shop's: day, week or month."""


def plan_ahead(request: Request, state: State, ask: Ask, clock: Clock) -> Reply | None:
    """The reply to a question of these kinds; None where it is none of them."""
    plan = _plan_of(request, state)
    return None if plan is None else PLANS[plan](request, state, ask, clock)


def _plan_of(request: Request, state: State) -> str | None:
    given, topic, amounts = request.given, request.topic, request.amounts
    named = bool(request.mentions or request.selection or state.focus or state.mentions)
    asks = "wants_price" in request.flags
    anything = named or request.has_number
    if "new_product" in request.flags and topic is None and not named and anything:
        return "new_product"
    if asks and named and given.named(*LIMITS) and topic in ("rules", "rounding", "clearance", None):
        return "limited"
    if topic == "clearance" and "which_ones" in request.flags:
        return "slow_stock"
    if given.named(*COSTS) and anything and topic in ("fees", "shipping", "override", "margin", None):
        return "fees" if topic != "margin" else "margin"
    if "than_said" in request.flags and (amounts.percent is not None or amounts.amount is not None):
        return "than_said"
    if topic == "forecast" and request.has_number:
        return "tried"
    if topic in ("action", "cross") and request.has_number and "asks_effect" in request.flags:
        return "tried"
    if given.named("unit_cost") and topic == "currency":
        return "assumed"
    if topic in PLANS:
        return topic
    if topic in ("match", "override", None) and given.named(*ASSUMED) and request.intent in TESTED:
        return "assumed"
    if topic is None and request.has_number and named:
        both = amounts.percent is not None and amounts.amount is not None
        if both or (given.when is not None and request.intent in ("what_if", UNKNOWN)):
            return "tried"
    ahead = request.intent == "price" and given.when is not None and named
    limited = bool(given.named(*LIMITS)) and request.intent in ("price", "what_if", UNKNOWN)
    return "limited" if topic is None and (ahead or limited) else None


def continued(request: Request, state: State) -> Request:
    """The request with what it leaves unsaid of a plan taken from the question before."""
    before = state.request
    instead = request.topic == "action" and "make_it" in request.flags
    if before is None or (request.topic is not None and not instead) or request.selection is not None:
        return request
    if before.topic not in _FOLLOWED or "usual" in request.flags:
        return request
    says_more = request.has_number or request.given != Circumstances()
    other_product = bool(request.mentions) and bool(request.flags & {"same_question", "likewise"})
    plain = request.intent in (UNKNOWN, "find", "what_if") or (request.intent == "price" and says_more)
    if not (plain or instead) or not (says_more or other_product or state.asked):
        return request
    given = request.given.over(before.given)
    if "later" in request.flags:
        given = replace(given, times=before.given.times)
    return replace(
        request,
        topic=before.topic,
        intent=before.intent,
        amounts=_same_kind(request.amounts, before.amounts) if request.has_number else before.amounts,
        given=given,
        flags=request.flags | (before.flags & {"whole_shop", "china", "eu", *PER}),
    )


def _same_kind(now: Amounts, before: Amounts) -> Amounts:
    """A bare number after a percentage is a percentage: "20 % off" and then "make it 10"."""
    bare = len(now.prices) == 1 and now.percent is None and now.currency is None
    if bare and before.percent is not None and not before.prices and now.prices[0] < 100:
        sign = -1.0 if before.percent < 0 else 1.0
        return replace(now, prices=(), percent=sign * now.prices[0])
    return now


def _named(request: Request, state: State, ask: Ask) -> Reply | Resolved:
    """The products meant, or a reply that asks back."""
    # The product at hand is meant where its name alone would be ambiguous.
    found = resolve(replace(request, intent="what_if"), state, ask)
    reply = Reply(kind="which", request=request, resolved=found)
    if found.failed is not None:
        return replace(reply, kind="error", payloads=(found.failed,))
    if not found.products:
        kind: Kind = "clarify" if found.candidates else "not_found" if found.missing else "which"
        return replace(reply, kind=kind)
    if other_currency(request.amounts.currency, found.products):
        return replace(reply, kind="currency")
    return found


def _told(
    kind: Kind, request: Request, found: Resolved, payloads: Sequence[Payload], calls: Sequence[Call] = ()
) -> Reply:
    """A reply that words these results; an error where all failed."""
    good = tuple(payload for payload in payloads if payload.get("status") != "error")
    reply = Reply(kind=kind, request=request, payloads=good, resolved=found, calls=tuple(calls))
    return reply if good else replace(reply, kind="error", payloads=tuple(payloads))


def _window(when: When | None, clock: Clock, *, end: str = "until") -> dict[str, Any]:
    """A time ahead as arguments: how many periods, or the days from and to."""
    if when is None:
        return {}
    unit = clock.period
    counted = when.length is not None and (when.kind == "length" or when.length[1] == unit)
    if counted and (when.start is None or when.start <= clock.today):
        return {"periods": when.periods(unit)}  # type: ignore[arg-type]
    last = when.end
    if when.start is not None and last is None:
        return {"start": when.start.isoformat()}
    start = None if when.start is None or when.start <= clock.today else when.start.isoformat()
    return {"start": start, end: None if last is None else last.isoformat()}


def _forecast(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    window = _window(request.given.when, clock)
    price = request.amounts.prices[0] if request.amounts.prices else None
    whole = "whole_shop" in request.flags or not (request.mentions or request.selection)
    if whole and not (state.focus and "follow_up" in request.flags and "whole_shop" not in request.flags):
        return _told("forecast", request, Resolved(), ask([Call.of("forecast", **window)]))
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    skus = [product.sku for product in found.products]
    payload = ask([Call.of("forecast", skus=skus, price=price, **window)])
    return _told("forecast", request, found, payload)


def _cover(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """How long the stock lasts, and the price that would stretch it where that is asked."""
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    sku, stock = found.products[0].sku, request.given.stock
    calls = [
        Call.of("forecast", skus=[sku], periods=COVER_PERIODS, stock=stock),
        Call.of("recommend", skus=[sku], stock=stock, objective=None if stock else "profit"),
    ]
    return _told("cover", request, found, ask(calls), calls)


def _fees(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """Break-even; and what a price would do under these costs, where one is named."""
    if not (request.mentions or request.selection or state.focus or state.mentions):
        return Reply(kind="cost_asked", request=request)
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    given, amounts = request.given, request.amounts
    costs = given.named(*COSTS, "unit_cost")
    calls = []
    for product in found.products[:MOST_PRODUCTS]:
        for price in amounts.prices or (None,):
            calls.append(Call.of("break_even", sku=product.sku, price=price, **costs))
    return _told("break_even", request, found, ask(calls), calls)


def _margin(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    wanted = request.given.named("margin_points", "margin_percent", *COSTS, "unit_cost")
    calls = [Call.of("break_even", sku=product.sku, **wanted) for product in found.products[:MOST_PRODUCTS]]
    return _told("break_even", request, found, ask(calls), calls)


def _clearance(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    when, given = request.given.when, request.given
    window = _window(when, clock)
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
        return _told("no_stock", request, found, explained, calls)
    return _told("clearance", request, found, payloads, calls)


def _default_periods(clock: Clock) -> int:
    """Where no end is named: about six weeks."""
    return {"day": 42, "week": 6, "month": 2}.get(clock.period, 6)


def _promotion(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    if not (request.mentions or request.selection or state.focus or state.mentions):
        return Reply(kind="which", request=request)
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    amounts, window = request.amounts, _window(request.given.when, clock, end="end")
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
    if len(found.products) == 1 and _failed(payloads[0]) and payloads[0].get("code") == "start_past":
        window.pop("start", None)
        payloads = ask([Call.of("promotion", sku=found.products[0].sku, **cut, **window, **costs)])
    return _told("promotion", request, found, payloads, calls)


def _target(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    product = found.products[0]
    price = _price_of(request.amounts, product, ask)
    if price is None:
        return Reply(kind="at_which_price", request=request, resolved=found)
    return _told("target", request, found, ask([Call.of("target_price", sku=product.sku, price=price)]))


def _price_of(amounts: Amounts, product: Product, ask: Ask) -> float | None:
    return amounts.prices[0] if amounts.prices else None


def _reference(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = _named(request, state, ask)
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
    return _told("reference", request, found, ask(calls), calls)


def _unit_price(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    per = next((measure for flag, measure in PER.items() if flag in request.flags), "piece")
    stated = next(iter(sizes_in(request.text)), None) if per != "piece" else None
    size: dict[str, Any] = {} if stated is None else {"size": stated.amount, "size_unit": stated.measure}
    calls = [
        Call.of("unit_price", sku=product.sku, per=per, **size) for product in found.products[:MOST_PRODUCTS]
    ]
    payloads = ask(calls)
    if _failed(payloads[0]) and size:
        payloads = ask([Call.of("unit_price", sku=found.products[0].sku, per=per)])
    return _told("unit_price", request, found, payloads, calls)


def _assumed(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A price under other circumstances: what staying would bring, and what would be recommended then."""
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    product, given = found.products[0], request.given
    circumstances = given.named(*ASSUMED)
    costs = given.named(*COSTS)
    calls = []
    for price in request.amounts.prices or (None,):
        change = (
            {"percent": request.amounts.percent, "amount": request.amounts.amount} if price is None else {}
        )
        window = _window(given.when, clock)
        calls.append(
            Call.of("what_if", sku=product.sku, price=price, **change, **circumstances, **costs, **window)
        )
    calls.append(Call.of("recommend", skus=[product.sku], objective=request.objective, **circumstances))
    calls.append(Call.of("recommend", skus=[product.sku], objective=request.objective))
    return _told("assumed", request, found, ask(calls), calls)


def _tried(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """What-ifs at every price or change named, over the time that is named."""
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    amounts, window = request.amounts, _window(request.given.when, clock)
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
    told = replace(request, topic=None, intent="what_if")
    return _told("what_if", told, found, ask(calls), calls)


def _than_said(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A change from the price that was suggested, not from the one now."""
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    sku, amounts = found.products[0].sku, request.amounts
    payload = ask([Call.of("recommend", skus=[sku], objective=request.objective)])[0]
    items = items_of(payload)
    said = _MONEY.search(str(items[0].get("facts", {}).get("price", ""))) if items else None
    if said is None or not amounts.signed:
        return Reply(kind="at_which_price", request=replace(request, topic=None), resolved=found)
    base = float(said[0].replace(",", ""))
    price = round(base * (1 + (amounts.percent or 0.0) / 100) + (amounts.amount or 0.0), 2)
    call = Call.of("what_if", sku=sku, price=price)
    return _told("what_if", replace(request, topic=None, intent="what_if"), found, ask([call]), [call])


def _slow_stock(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    payload = ask([Call.of("catalogue_overview")])[0]
    told = replace(request, topic=None, intent="overview")
    return _told("overview", told, Resolved(), [payload])


def _limited(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A suggestion within limits of this question, or for several periods."""
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found
    window = _window(request.given.when, clock)
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
    return _told(kind, replace(request, topic=None, intent="price"), found, [payload], [call])


def _cannot(request: Request, state: State, ask: Ask, clock: Clock) -> Reply | None:
    """Offers that are not modelled: what a unit leaves to pay for them, and what can be worked out."""
    named = request.mentions or request.selection or (state.focus and "follow_up" in request.flags)
    if not named or request.topic in ("shipping", "gift"):
        return Reply(kind="cannot", request=request)
    found = _named(request, state, ask)
    if isinstance(found, Reply):
        return found if found.kind in ("clarify", "currency") else Reply(kind="cannot", request=request)
    amounts = request.amounts
    if request.topic == "coupon" and (amounts.percent is not None or amounts.prices or amounts.amount):
        return _coupon(request, found, ask)
    calls = [Call.of("break_even", sku=product.sku) for product in found.products[:MOST_PRODUCTS]]
    payloads = [payload for payload in ask(calls) if not _failed(payload)]
    return Reply(kind="cannot", request=request, payloads=tuple(payloads), resolved=found, calls=tuple(calls))


def _coupon(request: Request, found: Resolved, ask: Ask) -> Reply:
    """A coupon that everybody uses is a price cut: that much can be worked out."""
    amounts, sku = request.amounts, found.products[0].sku
    if amounts.percent is not None:
        call = Call.of("promotion", sku=sku, percent=abs(amounts.percent))
    elif amounts.prices:
        call = Call.of("promotion", sku=sku, price=min(amounts.prices))
    else:
        call = Call.of("what_if", sku=sku, amount=-abs(amounts.amount or 0.0))
    kind: Kind = "promotion" if call.tool == "promotion" else "what_if"
    return _told(kind, request, found, ask([call]), [call])


def _choice(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    payload = ask([Call.of("catalogue_overview")])[0]
    return _told("promo_choice", request, Resolved(), [payload])


def _new(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A product that is new and not named: its history says nothing yet, whichever it is."""
    return Reply(kind="topic", request=replace(request, topic="new_product", intent=UNKNOWN))


def _said(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """Answered in words alone."""
    return Reply(kind="topic", request=replace(request, intent=UNKNOWN))


def _failed(payload: Payload) -> bool:
    return payload.get("status") == "error"


_Plan = Callable[[Request, State, Ask, Clock], Reply | None]
PLANS: Mapping[str, _Plan] = {
    "forecast": _forecast,
    "stock_cover": _cover,
    "fees": _fees,
    "margin": _margin,
    "clearance": _clearance,
    "promo": _promotion,
    "reverse": _target,
    "discount_law": _reference,
    "unit_price": _unit_price,
    "assumed": _assumed,
    "limited": _limited,
    "tried": _tried,
    "than_said": _than_said,
    "slow_stock": _slow_stock,
    "coupon": _cannot,
    "bundle": _cannot,
    "shipping": _cannot,
    "gift": _cannot,
    "promo_choice": _choice,
    "new_product": _new,
    "past_promo": _said,
    "tax": _said,
    "law_emergency": _said,
    "law_minimum": _said,
    "law_below_cost": _said,
    "personal_data": _said,
}
"""By topic, or by what is said beside the price."""
_FOLLOWED = frozenset(
    {"forecast", "clearance", "promo", "fees", "discount_law", "reverse", "unit_price", "coupon"}
)
"""Plans that a later message may go on with by another product, number or date."""
