"""Rules in a merchant's words: which limits change, to what, and what each holds for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.embedded.amounts import Span, parse_number
from assistant.embedded.lexicon import Lexicon, RuleWords

Value = float | bool | None


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


def clauses_in(text: str, words: Lexicon) -> tuple[tuple[Clause, ...], str]:
    """The clauses of a sentence that change a rule, in order; and the part that lacks its amount, if any.

    A part of the sentence without a rule of its own belongs to the clause after it, or to the last one
    ("for kettles, at most 5 %").
    """
    clauses: list[Clause] = []
    start, unread = 0, ""
    for at, end in _parts(text, words):
        changes, spans = _changes(text, at, end, words)
        if changes:
            clauses.append(Clause(changes, start, end, spans))
            start = end
        elif words.rule_unread.search(text, at, end):
            unread, start = text[at:end], end
    if clauses and start < len(text):
        last = clauses[-1]
        clauses[-1] = Clause(last.changes, last.start, len(text), last.spans)
    return tuple(clauses), unread


def _parts(text: str, words: Lexicon) -> list[Span]:
    cuts = [0, *(match.start() for match in words.rule_splitters.finditer(text)), len(text)]
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def _changes(
    text: str, start: int, end: int, words: Lexicon
) -> tuple[tuple[RuleChange, ...], tuple[Span, ...]]:
    """Each number is read once, by the first rule whose words fit; each rule is changed once."""
    found: dict[str, RuleChange] = {}
    spans: list[Span] = [match.span() for match in words.rule_fillers.finditer(text, start, end)]
    read: list[Span] = []
    for rule in words.rules:
        for pattern in rule.patterns:
            match = pattern.search(text, start, end)
            if match is None:
                continue
            number = match.span("n") if "n" in pattern.groupindex else match.span()
            if any(a < number[1] and number[0] < b for a, b in read) or rule.field in found:
                continue
            read.append(number)
            spans.append(number)
            found[rule.field] = RuleChange(rule.field, _value(rule, match, words))
            break
    return tuple(found.values()), tuple(spans)


def _value(rule: RuleWords, match: re.Match[str], words: Lexicon) -> Value:
    if rule.kind in _FIXED:
        return _FIXED[rule.kind]
    return _READ[rule.kind](parse_number(match["n"], words))


def _ending(number: float) -> float:
    """ "99" and ".99" are cents, as in 4.99; one digit is the first after the point, as in 4.90."""
    if number < 1 or number != int(number):
        return round(number % 1, 2)
    return round(number / 10 if number < 10 else number / 100, 2)


_FIXED: dict[str, Value] = {"yes": True, "no": False, "off": None, "whole": 0.0}
_READ: dict[str, Callable[[float], float]] = {
    "percent": lambda number: round(number / 100, 6),
    "money": lambda number: number,
    "ending": _ending,
}


def merged(
    clauses: Sequence[tuple[tuple[str, str | None], tuple[RuleChange, ...]]],
) -> dict[tuple[str, str | None], dict[str, Value]]:
    """Changes by scope and key: what is said of one scope in several clauses is one change of its rules."""
    changes: dict[tuple[str, str | None], dict[str, Value]] = {}
    for scope, told in clauses:
        changes.setdefault(scope, {}).update({change.field: change.value for change in told})
    return changes
