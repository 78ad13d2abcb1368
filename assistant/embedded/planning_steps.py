"""What plans share: the products and the time that are meant, and the reply that words results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from assistant.embedded.conversation import Call, Payload
from assistant.embedded.dates import When
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import Kind, Reply, asks_back
from assistant.embedded.understanding import Request

LIMITS = ("max_change_percent", "price_ending", "min_price", "max_price", "min_margin_percent")
ASSUMED = ("unit_cost", "competitor_price", "stock")
RELATIVE = "cost_percent"
COSTS = ("fee_percent", "shipping")
"""What a message may say beside the price, by what is done with it."""


@dataclass(frozen=True)
class Clock:
    """What a plan counts time by."""

    today: date
    period: str
    """The shop's: day, week or month."""


def meant(request: Request, state: State, ask: Ask) -> Reply | Resolved:
    """The products meant, or a reply that asks back."""
    # The product at hand is meant where its name alone would be ambiguous.
    found = resolve(replace(request, intent="what_if"), state, ask)
    return asks_back(request, found) or found


def told(
    kind: Kind, request: Request, found: Resolved, payloads: Sequence[Payload], calls: Sequence[Call] = ()
) -> Reply:
    """A reply that words these results; an error where all failed."""
    good = tuple(payload for payload in payloads if payload.get("status") != "error")
    reply = Reply(kind=kind, request=request, payloads=good, resolved=found, calls=tuple(calls))
    return reply if good else replace(reply, kind="error", payloads=tuple(payloads))


def window_of(when: When | None, clock: Clock, *, end: str = "until") -> dict[str, Any]:
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


def failed(payload: Payload) -> bool:
    return payload.get("status") == "error"
