"""Rules in a merchant's words: which limits change, to what, and what each holds for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

from babel.core import Locale

from assistant.embedded.amounts import Span, parse_number, value_of
from assistant.embedded.dates import When
from assistant.embedded.lexicon import Lexicon, RuleWords

Value = float | bool | str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
"""In JSON types. A group's word and a pack's products are the tools' to find: here they are empty."""
GROUP, PACK = "price_group", "pack_of"
IN_MARKET = "money_in_market"
"""The kind of rule that holds in the country that is named with it."""
MARGIN_EXCEPTION = "margin_exception"
"""The kind of rule that lifts the margin floor for one time."""


@dataclass(frozen=True)
class RuleChange:
    """One limit to change; a value of None switches it off."""

    field: str
    """Of `policy.Rules`."""
    value: Value


@dataclass(frozen=True)
class Clause:
    """Limits that hold for the same products."""

    changes: tuple[RuleChange, ...]
    start: int
    end: int
    """Where in the text the products are named, if any are."""
    spans: tuple[Span, ...]
    """Places that are no part of a product's name."""


def clauses_in(
    text: str,
    words: Lexicon,
    *,
    times: Sequence[When] = (),
    today: date | None = None,
    reason: str = "",
    once: bool = False,
) -> tuple[tuple[Clause, ...], str]:
    """The clauses of a sentence that change a rule, in order; and the part that lacks its amount, if any.

    `times` are those that the sentence names, `reason` is why the merchant wants it so, and `once` whether
    for one time only.

    A part of the sentence without a rule of its own belongs to the clause after it, or to the last one
    ("for kettles, at most 5 %").
    """
    clauses: list[Clause] = []
    start, unread = 0, ""
    told = _Told(times=tuple(times), today=today, reason=reason, once=once)
    whole = [when.span for when in times]
    for rule in words.rules:  # an exception's floor may be told after a comma
        if rule.kind == "exception":
            whole += [match.span() for pattern in rule.patterns if (match := pattern.search(text))]
    for at, end in _parts(text, words, whole):
        changes, spans, lacking = _changes(text, at, end, words, told)
        spans = (*spans, *(when.span for when in times))
        if lacking:
            unread, start = text[at:end], end
        elif changes:
            clauses.append(Clause(changes, start, end, spans))
            start = end
        elif words.rule_unread.search(text, at, end):
            unread, start = text[at:end], end
    if clauses and start < len(text):
        last = clauses[-1]
        clauses[-1] = Clause(last.changes, last.start, len(text), last.spans)
    return tuple(clauses), unread


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a sentence says besides its rules."""

    times: tuple[When, ...]
    today: date | None
    reason: str
    once: bool

    @property
    def ahead(self) -> When | None:
        """The first time that is not over."""
        return next((it for it in self.times if not it.is_past), None)


def _parts(text: str, words: Lexicon, whole: Sequence[Span]) -> list[Span]:
    """The sentence cut where a rule may end; `whole` are places that are not cut."""
    found = (match.start() for match in words.rule_splitters.finditer(text))
    cuts = [0, *(at for at in found if not any(a < at < b for a, b in whole)), len(text)]
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def _changes(
    text: str, start: int, end: int, words: Lexicon, told: _Told
) -> tuple[tuple[RuleChange, ...], tuple[Span, ...], bool]:
    """Each number is read once, by the first rule whose words fit; each rule is changed once.

    Beside them, whether a rule is spoken of without what it needs: a freeze without an end, an exception
    without its day, floor or reason.
    """
    lacking = False
    found: dict[str, RuleChange] = {}
    spans: list[Span] = [match.span() for match in words.rule_fillers.finditer(text, start, end)]
    read: list[Span] = [when.span for when in told.times]
    for rule in words.rules:
        if rule.kind == MARGIN_EXCEPTION and not told.once:
            continue  # lifted for good
        for pattern in rule.patterns:
            match = pattern.search(text, start, end)
            if match is None or (
                rule.kind == IN_MARKET and market_of(match["market"], words.language) is None
            ):
                continue
            number = match.span("n") if "n" in pattern.groupindex else match.span()
            in_time = rule.kind not in _TIMED or "n" in pattern.groupindex
            taken = read if in_time else read[len(told.times) :]
            if any(a < number[1] and number[0] < b for a, b in taken) or rule.field in found:
                continue
            read.append(match.span() if rule.kind == "exception" else number)
            spans.append(number)
            if rule.kind == IN_MARKET:
                spans.append(match.span("market"))
            if rule.kind in _TIMED:
                if (value := _TIMED[rule.kind](match, words, told)) is None:
                    lacking = True
                    break
                found[rule.field] = RuleChange(rule.field, value)
            else:
                found[rule.field] = RuleChange(rule.field, _value(rule, match, words))
            break
    return tuple(found.values()), tuple(spans), lacking


@cache
def _territories(language: str) -> Mapping[str, str]:
    """ISO 3166 codes by the names of countries in a language, lower case."""
    names = Locale.parse(language).territories
    return {name.lower(): code for code, name in names.items() if len(code) == 2 and code.isalpha()}


def market_of(name: str, language: str) -> str | None:
    """The code of the country that a name is one of; None for other words."""
    return _territories(language).get(name.strip().lower().removeprefix("the "))


def _value(rule: RuleWords, match: re.Match[str], words: Lexicon) -> Value:
    if rule.kind == IN_MARKET:
        return [{"market": market_of(match["market"], words.language), "price": value_of(match, words)}]
    if rule.kind in _FIXED:
        return _FIXED[rule.kind]
    return _READ[rule.kind](value_of(match, words))


def _freeze(_: re.Match[str], words: Lexicon, told: _Told) -> Value:
    """From today, or a later day that is named, to the day that is."""
    when, today = told.ahead, told.today
    if when is None or today is None or when.end is None or when.end < today:
        return None
    start = today if when.kind == "deadline" else max(when.start or today, today)
    return [{"start": start.isoformat(), "end": when.end.isoformat()}]


def _exception(match: re.Match[str], words: Lexicon, told: _Told) -> Value:
    if told.ahead is None or told.ahead.end is None or not told.reason:
        return None
    floor = round(parse_number(match["n"], words) / 100, 6)
    return {"until": told.ahead.end.isoformat(), "floor": floor, "reason": told.reason}


def _margin_exception(_: re.Match[str], words: Lexicon, told: _Told) -> Value:
    """Under the margin floor to the day that is named, for a reason, and never below cost."""
    if told.ahead is None or told.ahead.end is None or not told.reason:
        return None
    return {"until": told.ahead.end.isoformat(), "floor": 1.0, "reason": told.reason}


def _since(_: re.Match[str], words: Lexicon, told: _Told) -> Value:
    """The day from which an emergency holds: the one named, else today."""
    day = next((when.start for when in told.times if when.start is not None), told.today)
    return None if day is None else day.isoformat()


def ending(number: float) -> float:
    """ "99" and ".99" are cents, as in 4.99; one digit is the first after the point, as in 4.90."""
    if number < 1 or number != int(number):
        return round(number % 1, 2)
    return round(number / 10 if number < 10 else number / 100, 2)


_FIXED: dict[str, Value] = {
    "yes": True,
    "no": False,
    "off": None,
    "whole": 0.0,
    "group": "",
    "as_rival": {"high": 1.0},
    "not_under_rival": {"low": 1.0},
}
"""Values that are said without a number."""
_READ: dict[str, Callable[[float], Value]] = {
    "percent": lambda number: round(number / 100, 6),
    "money": lambda number: number,
    "ending": ending,
    "pack": lambda number: {"units": int(number)},
    "above_rival": lambda number: {"high": round(1 + number / 100, 6)},
    "below_rival": lambda number: {"high": round(1 - number / 100, 6)},
    "not_far_below_rival": lambda number: {"low": round(1 - number / 100, 6)},
}
_TIMED: dict[str, Callable[[re.Match[str], Lexicon, _Told], Value]] = {
    "freeze": _freeze,
    "exception": _exception,
    MARGIN_EXCEPTION: _margin_exception,
    "since": _since,
}
"""Values that need a time."""


def amended(change: RuleChange, number: float) -> RuleChange | None:
    """The same rule with another number ("make that 12"); None where it has no single number."""
    if isinstance(change.value, bool) or not isinstance(change.value, int | float):
        return None
    kind = {"price_ending": "ending"} | dict.fromkeys(_PERCENT, "percent")
    return RuleChange(change.field, _READ[kind.get(change.field, "money")](number))


_PERCENT = ("max_change", "max_increase", "max_decrease", "min_margin")


def merged(
    clauses: Sequence[tuple[tuple[str, str | None], tuple[RuleChange, ...]]],
) -> dict[tuple[str, str | None], dict[str, Value]]:
    """Changes by scope and key: what is said of one scope in several clauses is one change of its rules."""
    changes: dict[tuple[str, str | None], dict[str, Value]] = {}
    for scope, told in clauses:
        changes.setdefault(scope, {}).update({change.field: change.value for change in told})
    return changes
