"""Cells as merchants write them: money, counts, yes and no.

A column is read by its distinct values; whether 1.204 is a thousand and some, the whole file decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

Mark = Literal[".", ","]
BLANK = frozenset(
    {
        "",
        "-",
        "--",
        "—",
        "–",
        "n/a",
        "na",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "?",
        "nat",
        "无",
        "空",
        "暂无",
    }
)
"""What people write for nothing, casefolded."""

_CURRENCY_WORDS = {
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD",
    "NT$": "TWD", "MX$": "MXN", "R$": "BRL", "S$": "SGD", "$": "$", "€": "EUR", "£": "GBP", "¥": "¥",
    "₹": "INR", "RS": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF",
    "元": "CNY", "人民币": "CNY", "RMB": "CNY", "CNY": "CNY", "円": "JPY", "JPY": "JPY", "EURO": "EUR",
    **{code: code for code in (
        "USD", "EUR", "GBP", "CAD", "AUD", "NZD", "HKD", "TWD", "MXN", "BRL", "SGD", "INR", "KRW", "RUB",
        "TRY", "PLN", "CZK", "HUF", "CHF", "SEK", "NOK", "DKK", "ZAR", "THB", "IDR", "MYR", "PHP", "VND",
        "AED", "SAR", "ILS", "CLP", "COP", "ARS",
    )},
}  # fmt: skip
SHARED_SIGNS = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "TWD", "MXN", "SGD", "CLP", "COP", "ARS"}),
    "¥": frozenset({"CNY", "JPY"}),
}
"""Signs of several currencies."""
_COUNT_WORDS = frozenset("件个只瓶盒包袋箱台条") | {
    "PCS",
    "PC",
    "EA",
    "STK",
    "ST",
    "STÜCK",
    "UNITS",
    "UNIT",
    "X",
}
_NUMBER = re.compile(
    r"(?P<before>\D*?)(?P<sign>[-−]?)\s*(?P<core>\d[\d.,' ]*|[.,]\d+)(?P<after>.*)", re.DOTALL
)
_PLAIN = re.compile(r"(-?)(\d+(?:[.,]\d+)?)", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:[.,' ]\d{2,3})*[.,' ]\d{3}")


@dataclass(frozen=True)
class Written:
    """A number as it is written, before its column has said what its marks mean."""

    digits: str
    """Digits with the marks `.` and `,` as written."""
    factor: float
    """Sign, per cent, 万."""
    currency: str | None
    """ISO code, or `$` or `¥`, which are several countries'."""


def written_number(text: str) -> Written | None:
    """The number in a cell, or None where it is no number: `$1,299.00`, `1.299,00 €`, `(12.50)`, `12 元`."""
    if plain := _PLAIN.fullmatch(text):  # nearly all, and nothing to take off them
        return Written(plain[2], -1.0 if plain[1] else 1.0, None)
    text = unicodedata.normalize("NFKC", text).strip().upper()
    negative = text.startswith("(") and text.endswith(")")
    text = text.strip("()").strip() if negative else text
    if (found := _NUMBER.fullmatch(text)) is None:
        return None
    core, before, after = found["core"].rstrip(".,' "), found["before"].strip(), found["after"].strip()
    factor = -1.0 if negative or found["sign"] else 1.0
    for mark in ("-", "−"):  # "-$5.00", "5.00-"
        if before.startswith(mark) or (after.endswith(mark) and not found["sign"]):
            factor, before, after = -1.0, before.strip(mark + " "), after.strip(mark + " ")
    if after.startswith("万"):
        factor, after = factor * 1e4, after[1:].strip()
    if after == "%":
        factor, after = factor / 100, ""
    words = {word.strip(". ") for word in (before, after)} - {""} - _COUNT_WORDS
    if len(words) > 1 or not words <= _CURRENCY_WORDS.keys():
        return None
    core = re.sub(r"(?<=\d)[ '](?=\d{3})", "", core)
    if " " in core or "'" in core:
        return None
    return Written(core, factor, _CURRENCY_WORDS[words.pop()] if words else None)


def _mark_shown(digits: str) -> Mark | None:
    """The decimal mark that a number shows beyond doubt."""
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    if dots > 1 or commas > 1:
        return "," if dots else "."
    if not dots and not commas:
        return None
    mark: Mark = "." if dots else ","
    whole, part = digits.split(mark)
    return mark if len(part) != 3 or len(whole) > 3 or whole in ("", "0") else None


def decimal_marks(columns: Iterable[pd.Series]) -> set[Mark]:
    """The decimal marks that the text cells of a file's columns of numbers show beyond doubt."""
    marks: set[Mark] = set()
    for column in columns:
        for value in column.unique():
            if isinstance(value, str) and (found := written_number(value)):
                mark = _mark_shown(found.digits)
                marks |= {mark} if mark else set()
    return marks


def _value(digits: str, mark: Mark) -> float | None:
    """The digits' value where `mark` is the decimal mark unless they show the other; None where malformed."""
    mark = _mark_shown(digits) or mark
    thousands = "," if mark == "." else "."
    whole, _, part = digits.partition(mark)
    if mark in part or thousands in part:
        return None
    if thousands in whole:
        if not _GROUPED.fullmatch(whole):
            return None
        whole = whole.replace(thousands, "")
    return float(f"{whole or '0'}.{part or '0'}")


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column read as numbers."""

    values: pd.Series
    """float64; NaN where blank or bad."""
    bad: pd.Series
    """True where something is written that is no number."""
    currencies: frozenset[str]
    ambiguous: int
    """Rows such as 1,204 that had to be read by convention."""


def read_numbers(column: pd.Series, *, mark: Mark | None) -> Numbers:
    """Read a column of numbers.

    Parameters
    ----------
    column
        Text as written, or numbers as a spreadsheet stores them.
    mark
        The decimal mark of the file; where None, it is a point, and a comma before three digits groups.
    """
    readings: dict[Hashable, float] = {}
    doubtful: set[Hashable] = set()
    currencies: set[str] = set()
    for value in column.unique():
        reading: float | None = np.nan
        if isinstance(value, str):
            text = value.strip()
            if text.casefold() in BLANK:
                pass
            elif (found := written_number(text)) is None:
                reading = _scientific(text)
            else:
                reading = _value(found.digits, mark or ".")
                reading = None if reading is None else reading * found.factor
                currencies |= {found.currency} if found.currency else set()
                if mark is None and "," in found.digits and _mark_shown(found.digits) is None:
                    doubtful.add(value)
        elif not pd.isna(value):
            reading = float(value) if isinstance(value, (int, float, np.number, Decimal)) else None
        readings[value] = np.inf if reading is None else reading  # a cell cannot hold infinity otherwise
    values = column.map(readings).astype("float64")
    bad = values == np.inf
    return Numbers(
        values=values.mask(bad),
        bad=bad,
        currencies=frozenset(currencies),
        ambiguous=int(column.isin(doubtful).sum()) if doubtful else 0,
    )


def _scientific(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?[eE][+-]?\d+", text) else None


_YES = frozenset({"yes", "y", "true", "t", "x", "on", "是", "有", "√", "✓", "ja", "oui", "sí", "si", "promo"})
_NO = frozenset({"no", "n", "false", "f", "off", "否", "没有", "×", "nein", "non"}) | BLANK


def read_promo(column: pd.Series, *, mark: Mark | None) -> pd.Series:
    """Promotion as a share from 0 to 1: yes or no, a percentage, or the name of a promotion (then 1)."""

    def share(value: Any) -> float:
        if not isinstance(value, str):
            return np.nan if pd.isna(value) else float(value)
        text = unicodedata.normalize("NFKC", value).strip().casefold()
        if text in _YES or text in _NO:
            return float(text in _YES)
        if found := written_number(text):
            return (_value(found.digits, mark or ".") or 0.0) * found.factor
        return 1.0

    return column.map({value: share(value) for value in column.unique()}).astype("float64").clip(0, 1)
