"""What a message assumes or demands beside the price: costs, fees, stock, limits, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

from assistant.embedded.amounts import Span, value_of
from assistant.embedded.dates import When, times_in
from assistant.embedded.lexicon import Lexicon
from assistant.embedded.rule_words import ending

ONLY_WITH: Mapping[str, str] = {
    "was_price": "discount_law",
    "margin_percent": "margin",
    "margin_points": "margin",
}
"""Roles that a number has only where this topic is spoken of."""
RATE = "exchange_rate"
"""Told with the names of two currencies, of which neither is then the price's."""
RIVAL = "competitor_said"
"""A competitor's price told as a fact: beside other circumstances it is one, alone it is a price to match."""
_NUMBERS = re.compile(r"[$€£¥]?\d[\d.,]*\d|\d")
BLANK = "|"
"""What stands for words that are read: it ends a product's name, and keeps every place where it was."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Numbers and times by what they are. Money in the merchant's currency; None where nothing is said."""

    unit_cost: float | None = None
    cost_percent: float | None = None
    """A change of the unit cost, per cent, signed."""
    competitor_price: float | None = None
    stock: float | None = None
    fee_percent: float | None = None
    shipping: float | None = None
    max_change_percent: float | None = None
    price_ending: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    min_margin_percent: float | None = None
    was_price: float | None = None
    margin_percent: float | None = None
    margin_points: float | None = None
    coupon: float | None = None
    """What a coupon takes off, money."""
    exchange_rate: float | None = None
    """Of the shop's currency for one of the currency that a price is named in."""
    times: tuple[When, ...] = ()
    spans: tuple[Span, ...] = field(default=(), compare=False)
    """Places that are read: neither prices nor names."""

    def named(self, *names: str) -> dict[str, float]:
        """Those of these that are said, by name."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def when(self) -> When | None:
        """The time ahead that is meant: a deadline, else a stretch, else a length."""
        order = ("deadline", "stretch", "length")
        ahead = [when for when in self.times if not when.is_past]
        # "Black Friday, 27 to 30 November": the days that are named, not the event.
        return min(ahead, key=lambda it: (order.index(it.kind), it.event is not None), default=None)

    def over(self, before: Circumstances) -> Circumstances:
        """These, and what was said before and is not said anew."""
        said = {it.name: getattr(self, it.name) or getattr(before, it.name) for it in fields(self)}
        return Circumstances(**said | {"spans": self.spans})


def circumstances_in(text: str, words: Lexicon, *, topic: str | None, today: date | None) -> Circumstances:
    """Read a sentence; each place counts once, times first, then roles in the order of the lexicon."""
    times = () if today is None else times_in(text, words.language, today=today)
    spans = [when.span for when in times]
    found: dict[str, float] = {}
    for role, patterns in words.circumstances.items():
        if topic != ONLY_WITH.get(role, topic) or (role == RIVAL and not found):
            continue
        role = "competitor_price" if role == RIVAL else role
        for pattern in patterns:
            match = pattern.search(text)
            if match is None or role in found:
                continue
            if "n" not in pattern.groupindex:  # whole numbers
                found[role] = 0.0
                continue
            if _taken(match.span("n"), spans):
                continue
            value = value_of(match, words)
            found[role] = ending(value) if role == "price_ending" else value
            # The words may hold a product's name ("we buy the mug at 3"): only numbers are taken.
            numbers = (it.span() for it in _NUMBERS.finditer(text, *match.span()))
            spans += [match.span()] if role == RATE else [match.span("n"), *numbers]
    return Circumstances(**found, times=times, spans=tuple(spans))


def blanked(text: str, spans: tuple[Span, ...]) -> str:
    """The text with what is read taken out."""
    for start, end in spans:
        text = text[:start] + BLANK * (end - start) + text[end:]
    return text


def _taken(span: Span, spans: list[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)
