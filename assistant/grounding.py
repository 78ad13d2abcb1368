"""The number check: no number leaves that is not a fact of this turn or the merchant's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import prompts
from assistant.directions import advice_in, advises_against, agrees, joined
from assistant.facts import Fact, labels
from assistant.naming import Named, name_spans, named_in, owners_of
from assistant.numerals import Number, numbers_in
from assistant.wording import Language

MERCHANT = "merchant"
"""What a number is bound to where it is the merchant's own."""


@dataclass(frozen=True)
class Unsupported:
    """A number, or a piece of advice, that may not leave."""

    start: int
    end: int
    text: str
    reason: str
    """`unknown`: nothing in this turn says so; `direction`: a fact says so with the opposite sign;
    `product`: it is another product's; `order`: two numbers stand the wrong way round;
    `deed`: nothing was done that it says was."""


@dataclass(frozen=True)
class Cited:
    """A number in a text and the fact that it states."""

    start: int
    end: int
    text: str
    fact: str
    """Id of the fact, or `merchant`."""


@dataclass(frozen=True)
class Verdict:
    """What became of every number in a text."""

    unsupported: tuple[Unsupported, ...]
    cited: tuple[Cited, ...]
    """The numbers that are supported, in the order of the text."""

    @property
    def supported(self) -> bool:
        return not self.unsupported

    @property
    def bindings(self) -> tuple[tuple[str, str], ...]:
        """(number as written, id of the fact that it states, or `merchant`), in the order of the text."""
        return tuple((it.text, it.fact) for it in self.cited)


@dataclass(frozen=True)
class _Reference:
    """One number that a fact states."""

    fact: Fact
    number: Number


def check(
    text: str,
    facts: Sequence[Fact],
    user_text: str = "",
    *,
    names: Iterable[str] = (),
    products: Mapping[str, str] | None = None,
) -> Verdict:
    """Bind every number of a text to a fact, or to the merchant's own words.

    A number is supported where a fact prints the same number (12.5 for `12.50`, 1.2万 for `12,000`, never a
    coarser rounding), of the same kind (money in that currency, per cent, weeks, units), with the same sign:
    a written sign must agree, and so must words such as `raise` and `cut` where the fact has a direction.
    Where a product is named beside it the fact must be that product's; a range's ends, and a price now and
    then, must stand in their order. Advice to raise or cut needs a change that goes that way. Digits inside
    product names and SKUs are no figures.

    Parameters
    ----------
    facts
        Facts of this turn.
    user_text
        What the merchant wrote; their numbers may be repeated.
    names
        Names and SKUs that may be mentioned.
    products
        Name by SKU of the products that the text may speak of.
    """
    products = products or {}
    references = [
        _Reference(fact, number) for fact in facts if fact.unit != "text" for number in _stated(fact.value)
    ]
    moves = {fact.subject: fact.raw for fact in facts if fact.key == "change" and fact.raw is not None}
    own, named = numbers_in(user_text), named_in(text, products)
    names = tuple(names)
    plain = _without(text, (*names, *products.values()))
    sku_of = {fact.subject: _sku(fact.subject, products) for fact in facts}
    unsupported: list[Unsupported] = []
    cited: list[Cited] = []
    numbers = numbers_in(text, masked=name_spans(text, names))
    for number in numbers:
        same = [ref for ref in references if _same(number, ref.number, ref.fact.unit)]
        agreeing = [ref for ref in same if agrees(plain, number, ref.fact, ref.number, moves)]
        owners = owners_of(text, number.start, named)
        theirs = [ref for ref in agreeing if not owners or sku_of[ref.fact.subject] in (None, *owners)]
        if theirs:
            # Counts are told in the facts' order: of several that are equal, the next one is meant.
            told = {it.fact for it in cited}
            fresh = [ref for ref in theirs if ref.fact.unit == "count" and ref.fact.id not in told]
            fact = (fresh or theirs)[0].fact
            cited.append(Cited(number.start, number.end, number.text, fact.id))
        elif any(_repeats(number, said) for said in own) and not (same and not agreeing):
            cited.append(Cited(number.start, number.end, number.text, MERCHANT))
        else:
            reason = "product" if agreeing else "direction" if same else "unknown"
            unsupported.append(Unsupported(number.start, number.end, number.text, reason))
    for first, second in pairwise(numbers):
        if joined(text, first, second) and _reversed(first, second, facts):
            pair = text[first.start : second.end]
            unsupported.append(Unsupported(first.start, second.end, pair, "order"))
    bad = [(it.start, it.end) for it in unsupported]
    unsupported += [
        it for it in _wrong_advice(text, facts, moves, named, sku_of, products) if not _beside(text, it, bad)
    ]
    unsupported.sort(key=lambda it: it.start)
    kept = [it for it in cited if not any(a <= it.start < b for a, b in bad)]
    return Verdict(tuple(unsupported), tuple(kept))


def _without(text: str, names: Iterable[str]) -> str:
    """The text with full names of several words blotted out, place by place: a cutting board is no cut."""
    for name in sorted({name for name in names if " " in name.strip()}, key=len, reverse=True):
        if name in text:
            text = text.replace(name, "x" * len(name))
    return text


def _sku(subject: str, products: Mapping[str, str]) -> str | None:
    """The product that a fact's subject is about; None for the shop as a whole."""
    owned = [sku for sku in products if subject == sku or subject.startswith((f"{sku}@", f"{sku}."))]
    return max(owned, key=len, default=None)


def _reversed(first: Number, second: Number, facts: Sequence[Fact]) -> bool:
    """Whether two numbers stand as no fact orders them, and some fact orders them the other way."""
    pairs = [
        ((low, high), fact.unit)
        for fact in facts
        if fact.key.endswith("_range") and len(ends := _stated(fact.value)) == 2
        for low, high in [ends]
    ]
    by_id = {fact.id: fact for fact in facts}
    for fact in facts:
        for key, other in _STEPS.items():
            start = by_id.get(f"{fact.subject}.{other}") if fact.key == key else None
            if start is not None:
                pairs.append(((_stated(start.value)[0], _stated(fact.value)[0]), fact.unit))
        if fact.key.startswith("clamp.") and fact.key.endswith(".after"):
            start = by_id.get(f"{fact.id.removesuffix('.after')}.before")
            if start is not None:
                pairs.append(((_stated(start.value)[0], _stated(fact.value)[0]), fact.unit))

    def stated(a: Number, b: Number) -> bool:
        return any(
            _same(a, x, unit) and _same(b, y, unit) and a.sign in (0, x.sign) and b.sign in (0, y.sign)
            for (x, y), unit in pairs
        )

    return stated(second, first) and not stated(first, second)


_STEPS = {"price": "current_price"}
"""A price moves from where it is."""


def _wrong_advice(
    text: str,
    facts: Sequence[Fact],
    moves: Mapping[str, float],
    named: Sequence[Named],
    sku_of: Mapping[str, str | None],
    products: Mapping[str, str],
) -> list[Unsupported]:
    """Advice to raise or cut a price that no change of that product, or of any, goes along with."""
    found = []
    silent = {fact.subject for fact in facts if fact.key == "abstained"}
    for start, end, sign, of_price in advice_in(text):
        name = next((it for it in named if it.start <= start < it.end), None)
        if name is not None and text[name.start : name.end].casefold() == products[name.sku].casefold():
            continue  # a product that is called so
        after = [it for it in named if it.start >= end]
        owners = owners_of(text, end, after) or owners_of(text, start, named)
        about = {subject for subject in (*moves, *silent) if not owners or sku_of[subject] in owners}
        follows = any(it.start - end < 6 for it in after)
        if about and (of_price or follows) and advises_against(sign, [moves.get(it, 0.0) for it in about]):
            found.append(Unsupported(start, end, text[start:end], "direction"))
    return found


def _beside(text: str, it: Unsupported, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a statement holds something unsupported already."""
    place = 0
    for line in text.splitlines(keepends=True):
        for start, end in _statements(line):
            if place + start <= it.start < place + end:
                return any(a < place + end and place + start < b for a, b in others)
        place += len(line)
    return False


def drop_unsupported(text: str, verdict: Verdict, language: Language) -> tuple[str, list[str]]:
    """The text without sentences and table rows that hold an unsupported number, and what was dropped.

    Where something was dropped, a closing line says so.
    """
    if verdict.supported:
        return text, []
    kept, dropped, place = [], [], 0
    for line in text.splitlines(keepends=True):
        remaining = []
        for start, end in _statements(line):
            if any(place + start < bad.end and bad.start < place + end for bad in verdict.unsupported):
                dropped.append(line[start:end].strip())
            else:
                remaining.append(line[start:end])
        place += len(line)
        rest = "".join(remaining)
        if re.search(r"[^\W_]", rest) or not line.strip() or (rest.strip() and rest == line):
            kept.append(rest if rest.endswith("\n") or not line.endswith("\n") else rest.rstrip() + "\n")
    words = labels(language)["answer"]
    body = _without_empty_tables("".join(kept)).strip()
    if not re.search(r"[^\W_]", body):
        return str(words["dropped_all"]), dropped
    note = words["dropped_one"] if len(dropped) == 1 else words["dropped_many"]
    return f"{body}\n\n{note}", dropped


@lru_cache(maxsize=4096)
def _stated(value: str) -> tuple[Number, ...]:
    """The numbers of a fact, which many statements are held against."""
    return tuple(numbers_in(value))


# What the same number is


def _same(number: Number, stated: Number, unit: str) -> bool:
    """Whether a number in a text is the number that a fact of this unit states, sign aside."""
    if stated.kind == "date" or unit == "date":
        return _same_date(number, stated)
    if number.value != stated.value:
        return False
    if number.kind == "percent":
        return unit in ("percent", "elasticity")
    if number.kind == "money":
        return unit in number.currencies
    if number.kind != "plain" or unit == "percent":
        return False
    if number.noun in ("day", "week", "month", "year"):
        return unit == number.noun
    if number.noun == "units":
        return unit == "units"
    if number.noun == "count":
        return unit in ("count", "units")
    return True


def _same_date(number: Number, stated: Number) -> bool:
    """Every part of the date that is said agrees; a bare year is said by `2026`."""
    year, month, day = _parts(stated)
    if number.kind == "plain" and not number.noun:
        return number.value == year >= 1000
    return number.kind == "date" and all(
        said in (0, meant) for said, meant in zip(_parts(number), (year, month, day), strict=True)
    )


def _parts(date: Number) -> tuple[int, int, int]:
    value = int(date.value)
    return value // 10_000, value // 100 % 100, value % 100


def _repeats(number: Number, said: Number) -> bool:
    """Whether a number repeats one of the merchant's: their plain `21.99` may be written `$21.99`."""
    if number.kind == "date" or said.kind == "date":
        return said.kind == "date" and _same_date(number, said)
    if number.value != said.value or (number.sign and said.sign and number.sign != said.sign):
        return False
    if "percent" in (number.kind, said.kind) or "multiple" in (number.kind, said.kind):
        return number.kind == said.kind
    if number.kind == said.kind == "money":
        return bool(number.currencies & said.currencies)
    if number.kind == "plain" and said.kind == "plain":
        return not number.noun or not said.noun or number.noun == said.noun
    return not (number.noun or said.noun)  # one is money, the other plain


# What a statement is

_TABLE_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”')]*\s+(?=[^\sa-z])|(?<=[。！？])[”」）]*")


def _statements(line: str) -> list[tuple[int, int]]:
    """Places of the sentences of a line; a row of a table is one statement."""
    if line.lstrip().startswith("|"):
        return [(0, len(line))]
    cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(line)), len(line)]
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def _without_empty_tables(text: str) -> str:
    """Tables that lost all their rows lose their header too."""
    lines = [*text.splitlines(keepends=True), ""]
    empty = {
        i
        for i, (header, rule, row) in enumerate(zip(lines, lines[1:], lines[2:], strict=False))
        if header.lstrip().startswith("|")
        and _TABLE_RULE.fullmatch(rule)
        and not row.lstrip().startswith("|")
    }
    return "".join(line for i, line in enumerate(lines) if not {i, i - 1} & empty)


def resend_message(verdict: Verdict, language: Language) -> str:
    """What is sent back to the model once, for it to put right."""
    figures = "\n".join(f"- {bad.text} ({bad.reason})" for bad in verdict.unsupported)
    return prompts.fill(language, "resend.txt", figures=figures)
