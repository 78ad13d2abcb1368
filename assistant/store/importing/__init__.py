"""From a merchant's file to the canonical history: read whole or not at all.

reading.py   bytes → cells under a header        columns.py  whose column is which (names in columns.toml)
values.py    money and counts, dates.py dates     sales.py    cells → rows of sales, and what is wrong
report.py    what was understood, in words           parts.py     large files, some products at a time
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from assistant.store.importing.columns import ColumnMatch, dates_orders, match_columns, plain, platform_of
from assistant.store.importing.parts import cells_in_parts, is_large
from assistant.store.importing.reading import Cells, read_cells
from assistant.store.importing.report import (
    LISTED,
    SOME_BAD,
    ImportReport,
    combined,
    error_text,
    problem,
)
from assistant.store.importing.sales import Sheet, as_text, read_sales
from policy.history import Gaps, Period, canonical_history
from policy.history.jumps import refuse_jumps

__all__ = [
    "SOME_BAD", "ImportReport", "Imported", "combined", "error_text",
    "is_large", "read_history", "read_parts",
]  # fmt: skip

SalesEnd = Callable[[], tuple[dt.date, Period] | None]
"""The last day that a shop's sales cover and the length of their periods; None without sales."""

_ISO_OF_SIGN = {"$": "USD", "¥": "CNY"}
"""What a sign that several countries share is taken for; the report says so."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A file's sales and what was understood of them."""

    frame: pd.DataFrame
    """The canonical table."""
    report: ImportReport


def read_history(
    path: str | Path,
    *,
    period: Period | None = None,
    gaps: Gaps | None = None,
    skip_bad_rows: bool = False,
    sales_end: SalesEnd | None = None,
) -> Imported:
    """Read sales from CSV, TSV, Excel or Parquet, each also as .gz.

    Parameters
    ----------
    path
        The file; its content decides what it is, not its name.
    period, gaps
        See `policy.history.canonical_history`; both are found out where None.
    skip_bad_rows
        Set aside rows that cannot be read, with a note, instead of refusing the file.
    sales_end
        `Store.sales_end` of the shop that the file is meant for: asked for its period where the file's own
        dates do not tell one.

    Raises
    ------
    HistoryError
        One clear error; nothing is half loaded. `error_text` says it in another language.
    """
    path = Path(path)
    cells = read_cells(path, skip_bad_rows=skip_bad_rows)
    return _imported(cells, path.name, period, gaps, skip_bad_rows, sales_end)


def read_parts(
    path: str | Path,
    *,
    period: Period | None = None,
    gaps: Gaps | None = None,
    skip_bad_rows: bool = False,
    sales_end: SalesEnd | None = None,
) -> Iterator[Imported]:
    """Read sales as `read_history` does, a large file in parts: memory does not grow with it.

    Each part has all rows of its products, a random choice of them, and is judged as a file of its own; the
    period and what gaps mean are found out from the first and hold for the others. `combined` puts the
    reports together.
    """
    path = Path(path)
    for cells in cells_in_parts(path, skip_bad_rows=skip_bad_rows):
        imported = _imported(cells, path.name, period, gaps, skip_bad_rows, sales_end)
        period, gaps = imported.report.history.period, imported.report.history.gaps
        yield imported


def _imported(
    cells: Cells,
    file: str,
    period: Period | None,
    gaps: Gaps | None,
    skip_bad_rows: bool,
    sales_end: SalesEnd | None,
) -> Imported:
    blank = [_is_blank(cells.table[i]) for i in range(len(cells.header))]
    matches = match_columns(cells.header, blank=blank)
    _refuse_twins(matches, cells.header, blank, file)
    platform = platform_of(cells.header)
    sheet = Sheet(cells, matches, platform)
    rows = read_sales(sheet, file=file, skip_bad_rows=skip_bad_rows)
    seen = [note.detail for note in sheet.notes if note.code == "currency_seen"]
    if seen:
        rows = rows.assign(currency=_ISO_OF_SIGN.get(seen[0], seen[0]))
    is_log = (platform is not None and platform.log) or bool(sheet.at.keys() & {"order", "event"})
    is_log |= any(match.field == "date" and dates_orders(match.source) for match in matches)
    table, history = canonical_history(rows, period=period, gaps=gaps, transactions=is_log or None)
    assumed = any(note.code == "period_assumed" for note in history.notes)
    if assumed and sales_end is not None and (end := sales_end()) is not None:
        # One date does not tell how long its period is: it is as long as those that the shop has.
        sheet.note("period_of_shop", len(rows), end[1])
        table, history = canonical_history(rows, period=end[1], gaps=gaps, transactions=is_log or None)
    refuse_jumps(table)
    used = {match.position for match in matches}
    report = ImportReport(
        file=file,
        sha256=cells.sha256,
        kind=cells.kind,
        platform=platform.title if platform else None,
        encoding=cells.encoding,
        delimiter=cells.delimiter,
        sheet=cells.sheet,
        other_sheets=cells.other_sheets,
        columns=tuple(matches),
        ignored=tuple(name for i, name in enumerate(cells.header) if name and i not in used),
        notes=tuple(sheet.notes),
        history=history,
        set_aside=tuple(sorted(sheet.set_aside, key=lambda it: it.row)[:LISTED]),
    )
    return Imported(frame=table, report=report)


def _is_blank(column: pd.Series) -> bool:
    distinct = pd.Series(column.unique(), dtype=object)
    return len(distinct) <= 3 and bool((as_text(distinct) == "").all())


def _refuse_twins(
    matches: Sequence[ColumnMatch], header: Sequence[str], blank: Sequence[bool], file: str
) -> None:
    names = [plain(name) for name, empty in zip(header, blank, strict=True) if not empty]
    if twins := [match.source for match in matches if names.count(plain(match.source)) > 1]:
        raise problem("file_columns_twice", file=file, found=", ".join(f"'{name}'" for name in twins))
