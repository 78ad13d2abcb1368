"""What a decision lacked, told in the message after it: a rate, a reason, a last day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from assistant.embedded.circumstances import Circumstances
from assistant.embedded.lexicon import lexicon
from assistant.embedded.products import State
from assistant.embedded.understanding import UNKNOWN, Request, understand

_DECIDES = ("approve", "action", "reject", "rules", "rules_list", "undo", "jailbreak")
"""Topics of a message that is a decision of its own, not what the one before lacked."""
_PLAIN = (UNKNOWN, "facts", "idle")
"""Intents of words that may be a reason rather than a question."""


def completed(request: Request, state: State, today: date) -> Request | None:
    """The decision of the message before with what this one tells; None where it tells nothing of it."""
    before = state.request
    if before is None or request.topic in _DECIDES or "?" in request.text:
        return None
    if state.asked == "rate":
        return _converted(request, before)
    if state.asked == "reason":
        return _reasoned(request, before)
    return _in_full(request, before, today) if state.asked == "lacking" else None


def _converted(request: Request, before: Request) -> Request | None:
    """The price with the rate that was asked for, or the price in the shop's own currency instead."""
    amounts, rate = request.amounts, request.given.exchange_rate
    if rate is None and len(amounts.prices) == 1:
        if amounts.currency not in (None, before.amounts.currency):
            return _at_hand(replace(before, amounts=amounts))
        rate = amounts.prices[0]
    if rate is None:
        return None
    return _at_hand(replace(before, given=replace(before.given, exchange_rate=rate)))


def _reasoned(request: Request, before: Request) -> Request | None:
    """The price below cost with its reason."""
    match = lexicon(request.language).reason.search(request.text)
    if match is None and request.intent not in _PLAIN:
        return None
    reason = (match["reason"] if match else request.text).strip(" .。!！")
    return _at_hand(replace(before, reason=reason)) if reason else None


def _in_full(request: Request, before: Request, today: date) -> Request | None:
    """The rule read again together with the day, reason or amount that it lacked."""
    told = request.given != Circumstances() or request.has_number
    if not told and lexicon(request.language).reason.search(request.text) is None:
        return None
    text = f"{before.text.rstrip(' .。!！')} {request.text}"
    whole = understand(text, language=before.language, today=today)[0]
    return whole if whole.topic == "rules" and (whole.clauses or whole.unread) else None


def _at_hand(request: Request) -> Request:
    """The decision for the product that was found for it."""
    return replace(request, mentions=(), selection=None)
