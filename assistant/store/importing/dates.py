"""Dates as merchants write them; whether 3/4 is in March or in April, the whole column decides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import pandas as pd

Order = Literal["day_first", "month_first", "year_first"]
"""How 03/04/24 is to be read."""

_MONTH_NAMES = (
    "jan", "feb fev", "mar mär mrz", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov",
    "dec dez",
)  # fmt: skip
_MONTHS = {name: i for i, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_TIME = r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<sec>\d\d)(?:\.\d+)?)?\s*(?P<half>[ap]\.?m\.?)?)?"
_NUMERIC = re.compile(r"(?P<a>\d{1,2})[-/. ](?P<b>\d{1,2})[-/. ](?P<c>\d{4}|\d\d)" + _TIME, re.IGNORECASE)
_PLAIN = [
    re.compile(shape + _TIME, re.IGNORECASE)
    for shape in (
        r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?",
        r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)",
        r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})月?",
        r"(?P<year>\d{4})-?W(?P<week>\d{1,2})",
        r"(?P<day>\d{1,2})(?:\.|st|nd|rd|th)?[- ]?(?P<word>[a-zä]{3})[a-zä]*[-., ]+(?P<year>\d{4}|\d\d)",
        r"(?P<word>[a-zä]{3})[a-zä]*[-. ]+(?P<day>\d{1,2})(?:st|nd|rd|th)?[-, ]+(?P<year>\d{4}|\d\d)",
        r"(?P<word>[a-zä]{3})[a-zä]*[-., ]+(?P<year>\d{4})",
    )
]
_ZONE = re.compile(r"(?<=:\d\d)(\.\d+)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$", re.IGNORECASE)
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?")
"""A day as spreadsheets count them, from 1954 to 2091."""


@dataclass(frozen=True, kw_only=True)
class Dates:
    """A column read as dates."""

    values: pd.Series
    """datetime64; NaT where blank or unreadable. As the shop's clock showed them: time zones are dropped."""
    order: Order | None
    """How dates such as 03/04/2024 were read, where the column has any and something decides."""
    ambiguous: tuple[str, datetime, datetime] | None
    """Such a date, and its reading day first and month first, where nothing in the column decides."""


def read_dates(column: pd.Series) -> Dates:
    """Read a column of dates, whatever the order of day, month and year; spreadsheet serials too."""
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = column.dt.tz_localize(None) if column.dt.tz is not None else column
        return Dates(values=naive.astype("datetime64[us]"), order=None, ambiguous=None)
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    texts = pd.Series([_text(value) for value in distinct], dtype="str")
    iso = texts.where(texts.str.match(r"\d{4}-\d\d-\d\d"))
    moments = pd.to_datetime(iso, format="ISO8601", errors="coerce").astype("datetime64[us]")

    rest = texts[moments.isna()]
    numeric = {i: found for i, text in rest.items() if (found := _NUMERIC.fullmatch(text))}
    order, ambiguous = None, None
    if numeric:
        rows = [numeric[i] for i in codes if i in numeric]
        order, ambiguous = _decide(list(numeric.values()), rows)
    others = {i: _plain(text) for i, text in rest.items() if i not in numeric}
    read = others | {i: _ordered(found, order or "day_first") for i, found in numeric.items()}
    moments = moments.fillna(pd.Series(read, dtype="datetime64[us]")) if read else moments
    moments = moments.where(moments.dt.year.between(1900, 2199))
    values = pd.Series(moments.to_numpy()[codes], index=column.index, name=column.name)
    return Dates(values=values, order=order, ambiguous=ambiguous)


def _text(value: object) -> str:
    if isinstance(value, (datetime, date)):
        return "" if pd.isna(value) else value.isoformat()
    text = str(value).strip()
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = _ZONE.sub("", text) if ":" in text else text
    if text[:1].isdigit():
        return text
    text = text.lstrip("'")  # keeps a spreadsheet from reading it as a date
    return re.sub(r"^[^\W\d_]{3,9},\s*", "", text)  # "Mon, 3 Feb 2025"


def _plain(text: str) -> datetime | None:
    """A date that says itself which part is the month."""
    if _SERIAL.fullmatch(text):
        return datetime(1899, 12, 30) + timedelta(seconds=round(float(text) * 86_400))
    for shape in _PLAIN:
        if (found := shape.fullmatch(text)) is None:
            continue
        parts = found.groupdict()
        try:
            if "week" in parts:
                return datetime.fromisocalendar(int(parts["year"]), int(parts["week"]), 1)
            month = _MONTHS.get(parts["word"].lower(), 0) if "word" in parts else int(parts["month"])
            return _moment(parts, parts["year"], month, int(parts.get("day") or 1))
        except ValueError:  # a 31 April, a month 13
            continue
    return None


def _ordered(found: re.Match[str], order: Order) -> datetime | None:
    a, b, c = found["a"], found["b"], found["c"]
    year, month, day = {"day_first": (c, b, a), "month_first": (c, a, b), "year_first": (a, b, c)}[order]
    try:
        return _moment(found.groupdict(), year, int(month), int(day))
    except ValueError:
        return None


def _moment(parts: dict[str, str], year: str, month: int, day: int) -> datetime:
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        hour = hour % 12 + 12 * parts["half"].lower().startswith("p")
    full = int(year) + (2000 if len(year) <= 2 else 0)
    return datetime(full, month, day, hour, int(parts["minute"] or 0), int(parts["sec"] or 0))


def _decide(
    distinct: Sequence[re.Match[str]], rows: Sequence[re.Match[str]]
) -> tuple[Order | None, tuple[str, datetime, datetime] | None]:
    """The order of a column's dates, or an example of what stays open.

    Evidence, strongest first: an order in which all dates exist; for two-digit years, a far shorter span; an
    order in which the rows are sorted; the first days of twelve months.
    """
    orders: list[Order] = ["day_first", "month_first"]
    if all(len(found["c"]) == 2 for found in distinct):
        orders.append("year_first")
    read = {order: [_ordered(found, order) for found in distinct] for order in orders}
    valid = {order: sum(moment is not None for moment in read[order]) for order in orders}
    best = max(valid.values())
    orders = [order for order in orders if valid[order] == best]
    if best == 0 or len(orders) == 1:
        return orders[0], None
    if "year_first" in orders:
        spans = {}
        for order in orders:
            moments = [moment for moment in read[order] if moment]
            spans[order] = (max(moments) - min(moments)).days + 1
        shortest = min(orders, key=lambda order: spans[order])
        if all(spans[order] > 4 * spans[shortest] for order in orders if order != shortest):
            return shortest, None
        orders.remove("year_first")
    if all(found["a"] == found["b"] for found in distinct):
        return "day_first", None

    evidence: list[Callable[[list[datetime]], int]] = [_disorder, _not_first_days]
    for judge in evidence:
        scores = {o: judge([moment for found in rows if (moment := _ordered(found, o))]) for o in orders}
        if len(set(scores.values())) > 1:
            return min(orders, key=lambda order: scores[order]), None
    if len(orders) == 1:
        return orders[0], None
    open_one = next(found for found in distinct if found["a"] != found["b"])
    day_first, month_first = _ordered(open_one, "day_first"), _ordered(open_one, "month_first")
    assert day_first and month_first  # both orders fit every date, else one would have been chosen
    return None, (open_one.group(), day_first, month_first)


def _disorder(moments: list[datetime]) -> int:
    """How often a row goes back in time, or, in a file with the newest first, forward."""
    back = sum(b < a for a, b in pairwise(moments))
    forward = sum(b > a for a, b in pairwise(moments))
    return min(back, forward)


def _not_first_days(moments: list[datetime]) -> int:
    """0 where the dates are one day of at least twelve months."""
    months = {(moment.year, moment.month) for moment in moments}
    return int(len({moment.day for moment in moments}) > 1 or len(months) < 12)
