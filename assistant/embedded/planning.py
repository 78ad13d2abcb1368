"""Which plan answers a question beyond the next price, and what a follow-up takes from the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from assistant.embedded import cost_plans, price_plans, time_plans
from assistant.embedded.amounts import Amounts
from assistant.embedded.circumstances import Circumstances
from assistant.embedded.planning_steps import ASSUMED, COSTS, LIMITS, RELATIVE, Clock
from assistant.embedded.products import Ask, State
from assistant.embedded.replies import Reply
from assistant.embedded.understanding import UNKNOWN, Request

TESTED = ("price", "what_if", "facts", "competitors", "explain", "confidence", UNKNOWN)
"""Intents of a message with circumstances that are a question about a price under them."""


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
    if topic == "clearance" and request.intent == "idle" and not named:
        return None  # a list of what stands still
    costs = given.named(*COSTS)
    told = anything or len(costs) > 1
    if costs and told and topic in ("fees", "shipping", "override", "margin", None):
        return "fees" if topic != "margin" else "margin"
    if "than_said" in request.flags and (amounts.percent is not None or amounts.amount is not None):
        return "than_said"
    if topic == "forecast" and request.has_number:
        return "tried"
    if topic in ("action", "cross") and request.has_number and "asks_effect" in request.flags:
        return "tried"
    if given.named("unit_cost") and topic == "currency":
        return "assumed"
    if topic in ("promo", "bundle") and request.intent == "compare" and not request.has_number:
        return None  # which of them, not how it would go
    if topic in PLANS:
        return topic
    if topic == "override" and given.named(RELATIVE):
        return "assumed"
    if topic in ("match", "override", None) and given.named(*ASSUMED) and request.intent in TESTED:
        return "assumed"
    if topic is None and request.has_number and named:
        both = amounts.percent is not None and amounts.amount is not None
        compared = request.intent == "compare" and len(request.mentions) <= 1
        over_time = given.when is not None and request.intent in ("what_if", UNKNOWN)
        if both or compared or over_time:
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
    if request.mentions and request.given.named("unit_cost", RELATIVE) and not other_product:
        return request  # a product and what it costs now: a question of its own
    plain = request.intent in (UNKNOWN, "find", "what_if") or (request.intent == "price" and says_more)
    if not (plain or instead) or not (says_more or other_product or state.asked):
        return request
    given, amounts = request.given.over(before.given), request.amounts
    if before.given.fee_percent is not None and amounts.percent is not None:  # "and with 15 %?"
        given, amounts = replace(given, fee_percent=abs(amounts.percent)), before.amounts
    if "later" in request.flags:
        given = replace(given, times=before.given.times)
    return replace(
        request,
        topic=before.topic,
        intent=before.intent,
        amounts=_same_kind(amounts, before.amounts) if request.has_number else before.amounts,
        given=given,
        flags=request.flags | (before.flags & {"whole_shop", "china", "eu", *cost_plans.PER}),
    )


def _same_kind(now: Amounts, before: Amounts) -> Amounts:
    """A bare number after a percentage is a percentage: "20 % off" and then "make it 10"."""
    bare = len(now.prices) == 1 and now.percent is None and now.currency is None
    if bare and before.percent is not None and not before.prices and now.prices[0] < 100:
        sign = -1.0 if before.percent < 0 else 1.0
        return replace(now, prices=(), percent=sign * now.prices[0])
    return now


def _new(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """A product that is new and not named: its history says nothing yet, whichever it is."""
    return Reply(kind="topic", request=replace(request, topic="new_product", intent=UNKNOWN))


def _said(request: Request, state: State, ask: Ask, clock: Clock) -> Reply:
    """Answered in words alone."""
    return Reply(kind="topic", request=replace(request, intent=UNKNOWN))


_Plan = Callable[[Request, State, Ask, Clock], Reply | None]
PLANS: Mapping[str, _Plan] = {
    "forecast": time_plans.forecast,
    "stock_cover": time_plans.cover,
    "fees": cost_plans.fees,
    "margin": cost_plans.margin,
    "clearance": time_plans.clearance,
    "promo": time_plans.promotion,
    "reverse": price_plans.target,
    "discount_law": cost_plans.reference,
    "unit_price": cost_plans.unit_price,
    "assumed": price_plans.assumed,
    "limited": price_plans.limited,
    "tried": price_plans.tried_prices,
    "than_said": price_plans.than_said,
    "slow_stock": price_plans.slow_stock,
    "coupon": cost_plans.cannot,
    "bundle": cost_plans.cannot,
    "shipping": cost_plans.cannot,
    "gift": cost_plans.cannot,
    "price_test": time_plans.price_test,
    "promo_choice": time_plans.choice,
    "new_product": _new,
    "past_promo": _said,
    "past_sales": _said,
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
