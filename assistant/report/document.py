"""The report as people read it: sections of sentences and tables, then a page a product.

One document is printed as HTML, XLSX, CSV, PDF and JSON, so that all of them hold the same numbers. Tables
and pages are read anew from disk by whoever prints them, a row at a time: memory does not grow with the
catalogue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.facts import Fact, count, day, labels, money, percent, quantity, signed, total_decimals
from assistant.report.entry import Curve, Sales
from assistant.wording import Language

Kind = Literal[
    "text", "price", "total", "change", "share", "units", "count", "number", "elasticity", "date", "code"
]
"""What a column holds. `price` and `total` are money in the row's currency (a price with its cents), `change`
a fraction shown as signed per cent, `share` one without a sign, `number` to two decimals (index, cover),
`date` ISO 8601, `text` words in the report's language, `code` an id that is printed as it is."""
Value = float | int | str | None
Row = Mapping[str, Value]
"""Raw values by the key of their column. `currency` beside them is the ISO code of the row's money."""
Tone = Literal["good", "bad", "warning"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table. Where an interval belongs to it, its ends are columns of their own."""

    key: str
    label: str
    kind: Kind = "text"
    signed: bool = False
    """Whether a plus is printed."""
    low: str | None = None
    high: str | None = None
    """Keys of the 80 % interval's ends: printed beside the value where there is room, as columns of their own
    in XLSX, CSV and JSON."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose rows are read anew each time they are asked for."""

    id: str
    """Stable and short, e.g. `actions`: the sheet's, the file's and the anchor's name."""
    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    """Can be gone through again and again. A row with `page` links to that product page."""
    note: str = ""
    """One sentence under the table: a unit, a source, how it was measured."""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One figure of the first page, large with its name under it."""

    label: str
    value: str
    """As `Fact.value` prints it."""
    note: str = ""
    tone: Tone | None = None


@dataclass(frozen=True, kw_only=True)
class Section:
    """Sentences, and the tables that they are about."""

    id: str
    title: str
    sentences: tuple[str, ...] = ()
    """Each checked against `facts`."""
    facts: tuple[Fact, ...] = ()
    """What the sentences may say, each formatted once."""
    indicators: tuple[Indicator, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """One product on a page of its own."""

    id: str
    """`SKU` or `SKU@outlet`: unique, and what rows link to."""
    title: str
    sentences: tuple[str, ...]
    """The advice and why, each checked against `facts`."""
    facts: tuple[Fact, ...]
    sales: Sales
    curve: Curve | None
    unit_cost: float | None
    current_price: float
    price: float | None
    """The suggested price; None where there is none."""
    currency: str | None
    period: str
    """`day`, `week` or `month`."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    language: Language
    currency: str | None
    """Of the totals; None where products are sold in several, or it is unknown."""
    period: str
    made_at: str
    """ISO 8601, by the clock of the place where it was made."""
    sections: tuple[Section, ...]
    """In order of reading; the first is the headline, the last the appendix."""
    pages: Iterable[Page]
    """Can be gone through again and again; the largest expected gain first, unpriced products last."""
    page_count: int
    manifest: Mapping[str, object]
    """Versions, hashes, settings and inputs, as JSON: what the appendix prints."""

    def table(self, id: str) -> Table:
        """One table by its id; raises KeyError."""
        return next(
            (it for section in self.sections for it in section.tables if it.id == id), None
        ) or _missing(id)


def _missing(id: str) -> Table:
    raise KeyError(f"The report has no table {id!r}.")


def text(column: Column, row: Row, language: Language, currency: str | None = None) -> str:
    """A cell as people read it; empty where nothing is known.

    Parameters
    ----------
    currency
        Of money in rows that name none.
    """
    value = row.get(column.key)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return day(value, language) if column.kind == "date" else value
    found = _number(column, value, row, language, currency)
    return signed(found) if column.signed else found


def interval(column: Column, row: Row, language: Language, currency: str | None = None) -> str:
    """The 80 % interval of a cell as people read it; empty where it has none."""
    if column.low is None or column.high is None:
        return ""
    ends = [row.get(column.low), row.get(column.high)]
    if not all(isinstance(end, float | int) and math.isfinite(end) for end in ends):
        return ""
    low, high = (
        _number(column, float(end), row, language, currency)  # type: ignore[arg-type]
        for end in ends
    )
    if column.signed:
        low, high = signed(low), signed(high)
    pattern = labels(language)["range"]["units" if column.kind in ("units", "count") else "money"]
    return str(pattern.format(low=low, high=high))


def _number(column: Column, value: float, row: Row, language: Language, currency: str | None) -> str:
    of_row = row.get("currency") or currency
    iso = of_row if isinstance(of_row, str) else None
    match column.kind:
        case "price":
            return money(value, iso, language)
        case "total":
            beside = [
                float(it)
                for it in (row.get(column.low or ""), row.get(column.high or ""))
                if isinstance(it, float)
            ]
            return money(value, iso, language, decimals=total_decimals(iso, value, *beside))
        case "change":
            return percent(value, language, sign=True)
        case "share":
            return percent(value, language)
        case "units":
            return quantity(value, language)
        case "count":
            return count(int(value), language)
        case "elasticity":
            return f"{round(value, 1) + 0.0:.1f}"
        case _:
            return f"{round(value, 2) + 0.0:.2f}"


def every_column(table: Table, language: Language) -> Sequence[Column]:
    """The columns with their intervals' ends beside them: what XLSX, CSV and JSON hold."""
    ends = labels(language)["interval_end"]
    found: list[Column] = []
    for column in table.columns:
        found.append(column)
        for end, key in (("low", column.low), ("high", column.high)):
            if key is not None:
                label = str(ends[end]).format(column=column.label)
                found.append(Column(key=key, label=label, kind=column.kind, signed=column.signed))
    return found
