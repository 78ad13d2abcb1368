"""The number check: no number leaves that is not a fact of this turn or the merchant's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import prompts
from assistant.facts import Fact, labels
from assistant.numerals import Number, numbers_in
from assistant.wording import Language

MERCHANT = "merchant"
"""What a number is bound to where it is the merchant's own."""


@dataclass(frozen=True)
class Unsupported:
    """A number that may not leave."""

    start: int
    end: int
    text: str
    reason: str
    """`unknown`: nothing in this turn says so; `direction`: a fact says so with the opposite sign."""


@dataclass(frozen=True)
class Verdict:
    """What became of every number in a text."""

    unsupported: tuple[Unsupported, ...]
    bindings: tuple[tuple[str, str], ...]
    """(number as written, id of the fact that it states, or `merchant`), in the order of the text."""

    @property
    def supported(self) -> bool:
        return not self.unsupported


@dataclass(frozen=True)
class _Reference:
    """One number that a fact states."""

    fact: Fact
    number: Number


def check(text: str, facts: Sequence[Fact], user_text: str = "", *, names: Iterable[str] = ()) -> Verdict:
    """Bind every number of a text to a fact, or to the merchant's own words.

    A number is supported where a fact prints the same number (12.5 for `12.50`, 1.2万 for `12,000`, never a
    coarser rounding), of the same kind (money in that currency, per cent, weeks, units), with the same sign:
    a written sign must agree, and so must words such as `raise` and `cut` where the fact has a direction.
    Digits inside product names and SKUs are no figures.

    Parameters
    ----------
    facts
        Facts of this turn.
    user_text
        What the merchant wrote; their numbers may be repeated.
    names
        Names and SKUs that may be mentioned.
    """
    references = [
        _Reference(fact, number) for fact in facts if fact.unit != "text" for number in numbers_in(fact.value)
    ]
    moves = {fact.subject: fact.raw for fact in facts if fact.key == "change" and fact.raw is not None}
    own = numbers_in(user_text)
    unsupported: list[Unsupported] = []
    bindings: list[tuple[str, str]] = []
    for number in numbers_in(text, masked=name_spans(text, names)):
        same = [ref for ref in references if _same(number, ref.number, ref.fact.unit)]
        agreeing = [ref for ref in same if _agrees(text, number, ref, moves)]
        if agreeing:
            bindings.append((number.text, agreeing[0].fact.id))
        elif same:
            unsupported.append(Unsupported(number.start, number.end, number.text, "direction"))
        elif any(_repeats(number, said) for said in own):
            bindings.append((number.text, MERCHANT))
        else:
            unsupported.append(Unsupported(number.start, number.end, number.text, "unknown"))
    return Verdict(tuple(unsupported), tuple(bindings))


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


# Which way it goes

_UP_MOVE = (
    r"rais\w*|increas\w*|higher|\bmore\b|\babove\b|hik\w+|\bup\b|\brise[sn]?\b|\brising\b"
    r"|上调|提高|提价|涨(?!跌)|上升|调高|加价"
)
_DOWN_MOVE = (
    r"\bcut\w*|lower\w*|reduc\w*|decreas\w*|drop\w*|\bdown\b|discount\w*|mark\w*\sdown|markdown|cheaper|\boff\b"
    r"|fall\w*|\bless\b|\bfewer\b|\bbelow\b|下调|降|调低|减|便宜|折|跌"
)
_UP_OUTCOME = r"\bgain\w*|\bmore\b|\badd\w*|\bearn\w*|\bextra\b|\bbetter\b|多赚|增加|增益|多|赚|增长"
_DOWN_OUTCOME = (
    r"\blos[est]\w*|\bless\b|\bfewer\b|\bworse\b|\bdown\b|\bshrink\w*|\bcosts?\syou\b"
    r"|(?:reduc|decreas|lower|drop|fall|cut)\w*(?:\s(?:by|your|the|in))*\s?(?:profit|revenue|sales|units|margin)\w*"
    r"|(?:profit|revenue|sales|units)\s(?:falls?|drops?|decreases?|down)\b|少赚|亏|损失|减少|下降|下滑|少"
)
_NAMED_OUTCOME = re.compile(f"(?P<down>{_DOWN_OUTCOME})|(?P<up>{_UP_OUTCOME})", re.IGNORECASE)
_NAMED_MOVE = re.compile(f"(?P<up>{_UP_MOVE})|(?P<down>{_DOWN_MOVE})", re.IGNORECASE)
_PRICE_VERB = re.compile(
    r"(?P<up>\b(?:rais(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|hik(?:e|ed|ing)|put(?:ting)?\s(?:it\s)?up)\b"
    r"|上调|提高|提价|涨(?!跌)|调高|加价)"
    r"|(?P<down>\b(?:cut(?:ting)?|lower(?:ed|ing)?|reduc(?:e|es|ed|ing)|drop(?:ped|ping)?|mark(?:ed|ing)?\sdown)\b"
    r"|下调|降|调低|减价)",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[.,](?!\d)|[;:!?，。；：！？、()（）\n|]|\s(?:but|and|while|whereas)\s|而|但")


def _agrees(text: str, number: Number, reference: _Reference, moves: dict[str, float]) -> bool:
    """Whether the sign written, and the direction words around, fit the fact."""
    fact, stated = reference.fact, reference.number
    if stated.value == 0 or stated.kind == "date":
        return True
    start, end = _clause(text, number)
    if stated.sign == 0:
        if fact.key == "price" and number.sign == 0:
            return _fits_move(text[start : number.start], moves.get(fact.subject))
        return number.sign == 0 or (number.sign < 0 and _is_listed_discount(number, fact))
    if fact.unit == "elasticity":
        return number.sign in (0, stated.sign)
    move = fact.key == "change" or fact.key.startswith("driver.")
    if number.sign:
        verb_fits = fact.key != "change" or _fits_move(text[start : number.start], fact.raw)
        return number.sign == stated.sign and verb_fits
    said = _nearest(_NAMED_MOVE if move else _NAMED_OUTCOME, text, start, end, number)
    return said == stated.sign or (said == 0 and stated.sign > 0)


def _is_listed_discount(number: Number, fact: Fact) -> bool:
    """Nothing unsigned may be written with a minus, save 八折 and the like, which carry their own."""
    return number.text.endswith("折") and fact.unit == "percent"


def _fits_move(before: str, change: float | None) -> bool:
    """`raise it to $15.49` does not fit where the price is cut; no verb fits everything."""
    if change is None:
        return True
    verbs = {match.lastgroup for match in _PRICE_VERB.finditer(before)}
    return verbs != {"down" if change > 0 else "up"} or change == 0


def _nearest(words: re.Pattern[str], text: str, start: int, end: int, number: Number) -> int:
    """+1 or -1 by the direction word nearest to the number in its clause; 0 where there is none."""
    best, sign = end - start + 1, 0
    for match in words.finditer(text, start, end):
        if number.start <= match.start() < number.end:
            gap = 0
        else:
            gap = number.start - match.end() if match.end() <= number.start else match.start() - number.end
        if 0 <= gap < best:
            best, sign = gap, 1 if match.lastgroup == "up" else -1
    return sign


def _clause(text: str, number: Number) -> tuple[int, int]:
    start, end = 0, len(text)
    for match in _CLAUSE_END.finditer(text):
        if match.end() <= number.start:
            start = match.end()
        elif match.start() >= number.end:
            end = match.start()
            break
    return start, end


# What is no figure

_MEASURE = (
    r"(?:g|kg|mg|ml|cl|l|cm|mm|m|w|kw|v|a|ah|mah|gb|tb|mb|hz|oz|lb|lbs|inch|in|pc|pcs|pack|piece|pieces|ct|"
    r"克|千克|公斤|斤|毫升|升|厘米|毫米|米|瓦|寸|英寸|件套|支装|只装|片装|包装|装|片|支|入)"
)
_PART_OF_NAME = re.compile(
    rf"\d+(?:\.\d+)?[\s-]?{_MEASURE}(?![A-Za-z])|(?=[a-z\d]*[a-z])(?=[a-z]*\d)[a-z\d]+", re.IGNORECASE
)


def name_spans(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Where a text names products: full names and SKUs, and parts that hold a measure, such as `1.7 L`.

    A name that is only digits counts where it is marked as one (`SKU 1042`, "1042") or has four or more.
    """
    spans: list[tuple[int, int]] = []
    patterns: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFC", name).strip()
        if not re.search(r"\d", plain):
            continue
        if re.fullmatch(r"[\d.,]+", plain):
            digits = re.escape(plain)
            patterns.add(rf"(?<=[`'\"“「#]){digits}(?=[`'\"”」])|(?:sku|商品|货号|编号)[\s:：#]*{digits}\b")
            if re.fullmatch(r"\d{4,}", plain):
                patterns.add(rf"(?<![\d.,$€£¥+-]){digits}(?![\d.,%元块])")
            continue
        patterns.add(rf"(?<![^\W_]){re.escape(plain)}(?![^\W_])")
        patterns.update(
            rf"(?<![\w.,]){re.escape(part.group()).replace(chr(92) + ' ', '[ -]?')}(?![A-Za-z\d])"
            for part in _PART_OF_NAME.finditer(plain)
        )
        patterns.update(
            rf"(?<![\w]){re.escape(part.group())}\b" for part in re.finditer(r"\b[Ss]et of \d+\b", plain)
        )
    for pattern in patterns:
        spans.extend(match.span() for match in re.finditer(pattern, text, re.IGNORECASE))
    return spans


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
