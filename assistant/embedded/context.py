"""What a message leaves unsaid, taken from what was asked and answered before it."""

from __future__ import annotations

from dataclasses import replace

from assistant.embedded.amounts import Amounts
from assistant.embedded.mentions import Mention
from assistant.embedded.products import State, fitting, stating
from assistant.embedded.shop_answers import OF_SHOP
from assistant.embedded.understanding import UNKNOWN, Request

PRODUCT_INTENTS = ("price", "compare", "explain", "confidence", "elasticity", "facts", "what_if")


def in_context(request: Request, state: State) -> Request:
    """The request with what it leaves unsaid taken from what was asked before."""
    request = _asking(request)
    before, amounts = state.request or request, request.amounts
    unnamed = not request.mentions and "whole" not in request.flags
    if request.signs and unnamed and (state.asked == "which" or not state.focus):
        request = replace(request, mentions=request.signs)
    if state.asked == "which" and "both" in request.flags and len(state.candidates) > 1:
        return replace(before, mentions=(), selection=None, flags=before.flags | {"them"}, text=request.text)
    if _tries_another(request, state):
        request = replace(request, topic=None, intent="what_if", amounts=_as_before(amounts, before.amounts))
    if request.topic is not None:
        return request
    if (
        "correction" in request.flags
        and state.request is not None
        and request.mentions
        and request.intent == UNKNOWN
        and not request.has_number
    ):
        return replace(before, mentions=request.mentions, selection=None, text=request.text)
    if state.asked == "direction" and amounts.direction and not request.has_number:
        return replace(before, amounts=_signed(before.amounts, amounts.direction))
    if not amounts.signed and before.amounts.direction:  # "and by 15 %?" goes the way of the question before
        request = replace(request, amounts=_signed(amounts, before.amounts.direction))
    names_one = (
        request.selection is not None
        or bool(request.mentions)
        or bool(request.flags & {"them", "small", "large"})
    )
    open_question = state.asked == "which" and names_one
    if state.asked == "which" and not open_question:
        changes = amounts.percent is not None or amounts.amount is not None
        meant = fitting(request.text, state.candidates)
        meant = meant or ([] if changes else stating(request.text, state.candidates))
        if len(meant) == 1:
            chosen = Mention(meant[0].name, meant[0].sku, marked=True)
            return replace(before, mentions=(chosen,), text=request.text)
    if open_question and request.intent in (UNKNOWN, "find", "thanks", "greeting"):
        return replace(
            before, mentions=request.mentions, selection=request.selection, flags=before.flags | request.flags
        )
    if request.intent != UNKNOWN:
        return request
    if state.asked == "price" and request.has_number:
        return replace(before, amounts=request.amounts)
    same = "same_question" in request.flags and request.mentions and not request.has_number
    if state.asked == "direction" and (request.selection is not None or same):
        return replace(request, intent="price")  # the question back was left unanswered
    if state.request is not None and (request.selection is not None or same):
        intent = before.intent if before.intent in PRODUCT_INTENTS else "price"
        return replace(request, intent=intent, amounts=before.amounts, flags=request.flags | before.flags)
    if request.flags & {"revenue", "profit"} and state.focus:
        return replace(request, intent="price")
    if request.has_number and (state.focus or state.mentions or request.mentions):
        return replace(request, intent="what_if")
    return replace(request, intent="price") if request.mentions or request.selection else request


def _tries_another(request: Request, state: State) -> bool:
    """Whether "make it 10 instead?" changes the question before rather than a price."""
    asked = state.request is not None and (
        state.request.intent == "what_if" or state.request.topic in ("promo", "coupon", "match")
    )
    return asked and request.topic == "action" and request.has_number and "tentative" in request.flags


def _as_before(amounts: Amounts, before: Amounts) -> Amounts:
    """A bare number as what the number before it was: per cent after per cent."""
    if before.percent is None or len(amounts.prices) != 1 or amounts.currency is not None:
        return amounts
    percent = amounts.prices[0] * (1 if before.percent > 0 else -1)
    return replace(amounts, prices=(), percent=percent, direction=before.direction)


def _asking(request: Request) -> Request:
    """ "Put the two kettles side by side" asks for something and changes nothing."""
    asks = request.intent in OF_SHOP or "brief" in request.flags
    return (
        replace(request, topic=None)
        if request.topic == "action" and not request.has_number and asks
        else request
    )


def _signed(amounts: Amounts, sign: int) -> Amounts:
    """The changes with the direction that was said elsewhere."""
    percent, amount = (
        None if value is None else abs(value) * sign for value in (amounts.percent, amounts.amount)
    )
    return replace(amounts, percent=percent, amount=amount, signed=True, direction=sign)
