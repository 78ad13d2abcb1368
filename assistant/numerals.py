"""Reading every number in a text: digits, words and Chinese numerals, with sign, unit and currency."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from assistant.numerals_words import (
    chinese_pattern,
    chinese_value,
    english_pattern,
    english_value,
    fractions_and_multiples,
)

Kind = Literal["plain", "percent", "money", "multiple", "date"]


@dataclass(frozen=True)
class Number:
    """One number as a text states it. `value` is the magnitude; the sign is apart."""

    start: int
    end: int
    text: str
    value: Decimal
    """Scaled (`1.2万` is 12000); per cent for percentages; yyyymmdd for dates, zeros for parts not said."""
    kind: Kind = "plain"
    sign: int = 0
    """-1 or +1 where a sign is written, else 0."""
    currencies: frozenset[str] = frozenset()
    """ISO codes that the written currency may mean."""
    noun: str = ""
    """What is counted: `units`, `count` (products), `day`, `week`, `month`, `year`; empty where not said."""


DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD", "BRL", "CLP", "COP", "ARS"})
_PREFIXES: dict[str, frozenset[str]] = {
    "$": DOLLARS, "¥": frozenset({"CNY", "JPY"}), "€": frozenset({"EUR"}), "£": frozenset({"GBP"}),
    "₹": frozenset({"INR"}), "₩": frozenset({"KRW"}), "US$": frozenset({"USD"}), "CN¥": frozenset({"CNY"}),
    "JP¥": frozenset({"JPY"}), "C$": frozenset({"CAD"}), "CA$": frozenset({"CAD"}), "A$": frozenset({"AUD"}),
    "HK$": frozenset({"HKD"}), "NZ$": frozenset({"NZD"}), "NT$": frozenset({"TWD"}), "R$": frozenset({"BRL"}),
    "MX$": frozenset({"MXN"}), "S$": frozenset({"SGD"}), "RMB": frozenset({"CNY"}),
}  # fmt: skip
_SUFFIXES: dict[str, frozenset[str]] = {
    "dollars": DOLLARS, "dollar": DOLLARS, "bucks": DOLLARS, "buck": DOLLARS, "美元": frozenset({"USD"}),
    "美金": frozenset({"USD"}), "euros": frozenset({"EUR"}), "euro": frozenset({"EUR"}),
    "欧元": frozenset({"EUR"}), "pounds": frozenset({"GBP"}), "pound": frozenset({"GBP"}),
    "英镑": frozenset({"GBP"}), "yuan": frozenset({"CNY"}), "rmb": frozenset({"CNY"}),
    "人民币": frozenset({"CNY"}), "块钱": frozenset({"CNY"}), "块": frozenset({"CNY"}),
    "元": frozenset({"CNY"}), "yen": frozenset({"JPY"}), "日元": frozenset({"JPY"}),
    "港币": frozenset({"HKD"}), "港元": frozenset({"HKD"}), "€": frozenset({"EUR"}), "£": frozenset({"GBP"}),
}  # fmt: skip
_CODES = (
    "USD", "EUR", "GBP", "CNY", "JPY", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "INR", "KRW", "CHF", "SEK",
    "NOK", "DKK", "PLN", "MXN", "BRL", "ZAR", "TRY", "THB",
)  # fmt: skip
_PREFIXES |= {code: frozenset({code}) for code in _CODES}
_SUFFIXES |= {code.lower(): frozenset({code}) for code in _CODES}

_NOUNS = {
    "day": r"days?\b|天|日(?!元)", "week": r"weeks?\b|wks?\b|周(?!年)|个?星期|个?礼拜",
    "month": r"months?\b|个月", "year": r"years?\b|年", "count": r"products?\b|skus?\b|items?\b|款|种",
    "units": r"units?\b|pieces?\b|pcs\b|sales\b|orders\b|sold\b|件|单(?!价|位)|箱|瓶|只",
}  # fmt: skip
_NOUN = re.compile(
    r"\s?-?(?:(?:more|fewer|extra|additional|full)\s)?(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _NOUNS.items())
    + ")",
    re.IGNORECASE,
)
_SCALES = {
    "thousand": 1000, "million": 10**6, "billion": 10**9, "k": 1000, "m": 10**6, "bn": 10**9,
    "百": 100, "千": 1000, "万": 10**4, "亿": 10**8,
}  # fmt: skip

# One character for one, so that places in the text stay what they are.
_SAME_WIDTH = str.maketrans("０１２３４５６７８９％．＋－−‑￥＄\u00a0\u202f", "0123456789%.+---¥$  ")
_DIGITS = (
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d{2}(?!\d)|\d+,\d{2}(?![\d,])"
    r"|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
)
_BEFORE = re.compile(
    rf"(?P<s1>[-+])?(?P<cur>{'|'.join(map(re.escape, sorted(_PREFIXES, key=len, reverse=True)))})?"
    r"\s?(?P<s2>[-+])?(?P<percent>百分之)?\s?$",
    re.IGNORECASE,
)
_MINUS_WORD = re.compile(r"(?:\bminus|\bnegative|负)\s?$", re.IGNORECASE)
_SCALE = re.compile(r"\s?(?:(thousand|million|billion)\b|([kK]|bn|[mM])(?![A-Za-z])|([百千万亿]))(?!\w*克)")
_AFTER = re.compile(
    r"(?P<percent>\s?(?:%|percentage\spoints?\b|percent\b|per\scent\b|pct\b|个?百分点|个点|-?points?\b))"
    r"|(?P<off>\s?折)|(?P<tenths>\s?成(?P<half>半)?(?![本为功交熟员立长果品]))"
    r"|(?P<times>\s?(?:倍|times\b|-?fold\b|[x×](?![\w])))"
    rf"|(?P<cur>\s?(?:{'|'.join(map(re.escape, sorted(_SUFFIXES, key=len, reverse=True)))})(?![A-Za-z]))"
    r"|(?P<cents>\s?(?:cents?\b|¢))|(?P<dimes>\s?[毛角])",
    re.IGNORECASE,
)
_YUAN_AND_PART = re.compile(
    r"[块元](?P<rest>\d{1,2}|[一二三四五六七八九])(?:[毛角]|(?![\d.%折成倍件个款天周月]))"
)
_RANGE = re.compile(r"\s*(?:[-–—~～]|to|至|到)\s*", re.IGNORECASE)
_PAIR = re.compile(r"\s*(?:and|和|与)\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|介于|在)\W{0,3}$", re.IGNORECASE)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)\b|第\s?(?:\d+|[一二三四五六七八九十百]+)", re.IGNORECASE)
_LABELLED = re.compile(
    r"(?:\b(?:option|step|plan|scenario)|方案|选项|步骤|#)\s?(\d{1,2})(?![\d.,%])", re.IGNORECASE
)
_MARKER = re.compile(r"^[ \t>]*(?:[-*+]\s)?(?:\*\*)?[(（]?(\d{1,2})[.)）、](?=\s*\S)(?!\d)", re.MULTILINE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<mon>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_DATES = [
    re.compile(r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?:(?P<y>\d{4})年\s?)?(?P<m>\d{1,2})月(?:\s?(?P<d>\d{1,2})[日号])?"),
    re.compile(rf"\b{_MONTH}\s(?P<d>\d{{1,2}})(?:,?\s(?P<y>\d{{4}}))?\b(?!%)", re.IGNORECASE),
    re.compile(rf"\b(?P<d>\d{{1,2}})\s{_MONTH}(?:,?\s(?P<y>\d{{4}}))?\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}\s(?P<y>\d{{4}})\b", re.IGNORECASE),
]


_WORDY = re.compile(r"[^\W\d_]|[½⅓¼¾]")
"""What every number in words has."""


def numbers_in(text: str, *, masked: list[tuple[int, int]] | None = None) -> list[Number]:
    """Every number of a text, in order.

    Left out are ordinals (`2nd`, `第二`), list markers that count up, labels (`option 2`), the English `one`
    and the Chinese `一` used as articles, and the spans in `masked`.
    """
    plain = text.translate(_SAME_WIDTH)
    taken = bytearray(len(plain))
    for start, end in masked or ():
        taken[start:end] = b"\x01" * (end - start)
    for start, end in _not_quantities(plain):
        taken[start:end] = b"\x01" * (end - start)
    found: list[Number] = []
    for reader in (_dates, _words, _digits):
        for number in reader(plain):
            if not any(taken[number.start : number.end]):
                taken[number.start : number.end] = b"\x01" * (number.end - number.start)
                found.append(replace(number, text=text[number.start : number.end]))
    return _with_shared_units(plain, sorted(found, key=lambda number: number.start))


def _not_quantities(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_ORDINAL, _LABELLED):
        yield from (match.span() for match in pattern.finditer(text))
    last = 0
    for match in _MARKER.finditer(text):  # "1." "2." count up; a line that begins with a price does not
        if last < int(match[1]) <= last + 3 and int(match[1]) <= 20:
            last = int(match[1])
            yield match.span()


def _dates(text: str) -> Iterator[Number]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = _MONTHS.index(parts["mon"].lower()) + 1 if parts.get("mon") else int(parts.get("m") or 0)
            day = int(parts.get("d") or 0)
            if month <= 12 and day <= 31:
                value = int(parts.get("y") or 0) * 10_000 + month * 100 + day
                yield Number(match.start(), match.end(), match.group(), Decimal(value), "date")


def _words(text: str) -> Iterator[Number]:
    if not _WORDY.search(text):  # as most facts are
        return
    for start, end, value, kind in fractions_and_multiples(text):
        yield Number(start, end, text[start:end], value, kind)
    for pattern, read in ((english_pattern, english_value), (chinese_pattern, chinese_value)):
        for match in pattern.finditer(text):
            number = _quantity(text, match.start(), match.end(), read(match.group()))
            if number is not None and not _is_article(text, match, number):
                yield number


def _is_article(text: str, match: re.Match[str], number: Number) -> bool:
    """`one of them`, `一个`, `either side of zero`, and single Chinese digits inside words: no quantities."""
    word = match.group().lower()
    if word == "zero":
        return number.kind == "plain" and not number.noun
    if word in ("one", "一", "a"):
        return number.kind == "plain"
    after = text[match.end() : match.end() + 2]
    single = len(word) == 1 and not word.isascii()
    counted = number.noun or after.startswith(("个", "次", "家", "倍"))
    return single and number.kind == "plain" and not counted


def _digits(text: str) -> Iterator[Number]:
    for match in re.finditer(_DIGITS, text):
        number = _quantity(text, match.start(), match.end(), _decimal(match.group()))
        if number is not None:
            yield number


def _decimal(digits: str) -> Decimal:
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d{2}|\d+,\d{2}", digits):  # 1.299,00 as much of Europe writes it
        digits = digits.replace(".", "").replace(",", ".")
    return Decimal(digits.replace(",", ""))


def _quantity(text: str, start: int, end: int, value: Decimal) -> Number | None:
    """The number at a place with what stands before and after it: sign, currency, scale, unit, noun."""
    left, sign, currencies, percent = _before(text, start)
    kind: Kind = "percent" if percent else "money" if currencies else "plain"
    if part := _YUAN_AND_PART.match(text, end):  # 15块9 and 15块49
        rest = Decimal(part["rest"]) if part["rest"].isdecimal() else chinese_value(part["rest"])
        value += rest / 10 ** len(part["rest"])
        return Number(left, part.end(), "", value, "money", sign, frozenset({"CNY"}))
    scale = _SCALE.match(text, end)
    metres = scale is not None and scale[2] in ("m", "M") and not currencies
    if scale and not metres and not (scale[2] and scale.group()[0] == " "):
        value, end = value * _SCALES[(scale[1] or scale[2] or scale[3]).lower()], scale.end()
    after = _AFTER.match(text, end)
    if after and kind == "plain":
        end = after.end()
        if after["percent"]:
            kind = "percent"
        elif after["off"]:  # 八折 is 80 % of the price, so 20 % off; 85折 is 15 % off
            kind, sign = "percent", -1
            value = 100 - (value if value >= 10 else value * 10)
        elif after["tenths"]:
            kind, value = "percent", value * 10 + (5 if after["half"] else 0)
        elif after["times"]:
            kind = "multiple"
        elif after["cur"]:
            kind, currencies = "money", _SUFFIXES[after["cur"].strip().lower()]
        else:
            kind, value = "money", value / (100 if after["cents"] else 10)
            currencies = DOLLARS | {"EUR"} if after["cents"] else frozenset({"CNY"})
    noun = _NOUN.match(text, end) if kind == "plain" else None
    return Number(left, end, "", value, kind, sign, currencies, noun.lastgroup or "" if noun else "")


def _before(text: str, start: int) -> tuple[int, int, frozenset[str], bool]:
    """Where the number really begins, its sign, its currency, and whether 百分之 makes it a percentage."""
    match = _BEFORE.search(text, max(0, start - 12), start)
    assert match is not None  # every part of the pattern may be empty
    currency = match["cur"] or ""
    if currency.isalpha() and match.start("cur") and text[match.start("cur") - 1].isalnum():
        currency = ""  # the end of a longer word
    left, sign = start, 0
    if currency:
        left = match.start("cur")
    if match["percent"]:
        left = min(left, match.start("percent"))
    for group in ("s1", "s2"):
        if match[group] and match.start(group) <= left and (group == "s2" or match.end(group) == left):
            if _is_sign(text, match.start(group)):
                sign, left = (-1 if match[group] == "-" else 1), match.start(group)
        elif match[group] and currency and match.start(group) > left:
            sign = -1 if match[group] == "-" else 1
    if sign == 0 and (word := _MINUS_WORD.search(text, max(0, left - 10), left)):
        sign, left = -1, word.start()
    return left, sign, _PREFIXES.get(currency.upper(), frozenset()), bool(match["percent"])


def _is_sign(text: str, place: int) -> bool:
    """Whether + or - here is a sign, and no hyphen, range or sum."""
    if place + 1 < len(text) and text[place + 1] == " ":
        return False
    before = text[:place].rstrip(" ")
    touching = place > 0 and text[place - 1] != " "
    if not before:
        return True
    if before[-1].isdigit() or before[-1] in "%折成元块":
        return False
    return not (touching and before[-1].isascii() and before[-1].isalnum())


def _with_shared_units(text: str, numbers: list[Number]) -> list[Number]:
    """In `15–20%`, `$29-40` and `between 29 and 40 units` both numbers have the unit."""
    shared = list(numbers)
    for i, (first, second) in enumerate(pairwise(numbers)):
        between = text[first.end : second.start]
        pair = _PAIR.fullmatch(between) and _BETWEEN.search(text, max(0, first.start - 12), first.start)
        if not (_RANGE.fullmatch(between) or pair):
            continue
        if first.kind == "plain" and not first.noun and second.kind != "date":
            shared[i] = replace(shared[i], kind=second.kind, currencies=second.currencies, noun=second.noun)
        elif second.kind == "plain" and not second.noun and first.kind == "money":
            shared[i + 1] = replace(shared[i + 1], kind="money", currencies=first.currencies)
    return shared
