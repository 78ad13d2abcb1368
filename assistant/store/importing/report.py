"""What an import understood, in the merchant's language, and the errors of files that hold no history."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal

from assistant.store.importing.columns import ColumnMatch
from policy.history import HistoryError, HistoryNote, HistoryReport
from prompts import load, substitute

Language = Literal["en", "zh"]
SOME_BAD = ("some_bad", "rows_ragged")
"""The remedy, or else the code, of a `HistoryError` where a file can be used without its bad rows."""
SHOWN = 12
"""Unused columns that a report names before it only counts them."""


@cache
def _words(language: Language) -> dict[str, dict[str, str]]:
    return tomllib.loads(load(language, "importing.toml"))


def problem(code: str, **values: Any) -> HistoryError:
    """The error `code` of `prompts/en/importing.toml`, ready to raise."""
    template = _words("en")["errors"][code]
    substitute(template, **values)  # a missing value is our mistake: say which
    return HistoryError(code, template, **values)


def error_text(error: HistoryError, language: Language) -> str:
    """An error of reading sales in the merchant's language."""
    if language == "en" or error.code not in _words(language)["errors"]:
        return str(error)
    words = _words(language)
    values = {k: words["periods"].get(v, v) if k == "period" else v for k, v in error.values.items()}
    if rows := values.pop("problems", None):
        lines = [substitute(words["bad_rows"][code], **row) for code, row in rows]
        values = {"problems": "\n".join(lines)} | {k: v for k, v in values.items() if k == "remedy_code"}
        remedy = words["remedies"][values.pop("remedy_code")]
        return substitute(words["errors"][error.code], **values, remedy=remedy)
    if fault := values.pop("fault", None):
        values["what"] = substitute(words["faults"][fault], column=values.pop("column"))
    return substitute(words["errors"][error.code], **values)


def bad_rows_error(problems: list[tuple[str, dict[str, str]]], remedy: str) -> HistoryError:
    """One error for all that is wrong with the rows; each problem has a code and the values of its line."""
    words = _words("en")
    lines = "\n".join(substitute(words["bad_rows"][code], **values) for code, values in problems)
    message = substitute(words["errors"]["bad_cells"], problems=lines, remedy=words["remedies"][remedy])
    error = HistoryError("bad_cells", message)
    error.values = {"problems": problems, "remedy_code": remedy}
    return error


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A row that cannot be read, and so is not among the sales; texts are empty where they are not known."""

    row: int
    """Its number in the file, as a spreadsheet shows it."""
    sku: str
    store: str
    date: str
    """ISO 8601."""
    why: str
    """A key of `[set_aside]` in `report.toml`."""
    column: str
    """The file's name of the column that cannot be read."""
    found: str
    """What is written there."""


LISTED = 200
"""Rows set aside that an import names; how many there are is in its notes."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What was understood of a file, and what was mended on the way."""

    file: str
    sha256: str
    """Of the file's bytes: the same file has the same hash, whatever it is called."""
    kind: Literal["csv", "excel", "parquet"]
    platform: str | None
    """Title of the shop system whose export this is."""
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    other_sheets: tuple[str, ...]
    columns: tuple[ColumnMatch, ...]
    ignored: tuple[str, ...]
    """Columns that were not used."""
    notes: tuple[HistoryNote, ...]
    """Of reading the file; those on the sales are in `history`."""
    history: HistoryReport
    set_aside: tuple[SetAside, ...] = ()
    """The first `LISTED` rows that cannot be read, in the file's order."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    def to_text(self, language: Language = "en") -> str:
        """The report as lines to read."""
        words = _words(language)
        line, fields, history = words["report"], words["fields"], self.history
        lines = [
            substitute(
                line["summary"],
                file=self.file,
                rows=f"{history.rows_in:,}",
                products=f"{history.products:,}",
                period=words["periods"][history.period],
                first=history.first_date,
                last=history.last_date,
            )
        ]
        if self.platform:
            lines.append(substitute(line["platform"], platform=self.platform))
        if self.encoding and self.delimiter:
            delimiter = "Tab" if self.delimiter == "\t" else self.delimiter
            lines.append(substitute(line["text"], encoding=self.encoding, delimiter=delimiter))
        if self.sheet and self.other_sheets:
            others = ", ".join(self.other_sheets)
            lines.append(substitute(line["sheet"], sheet=self.sheet, others=others))
        lines.append(line["columns"])
        for match in self.columns:
            key = "column_by_spelling" if match.how == "spelling" else "column"
            lines.append(substitute(line[key], source=match.source, field=fields[match.field]))
        if self.ignored:
            more = len(self.ignored) - SHOWN
            names = ", ".join(self.ignored[:SHOWN]) + (f" … (+{more})" if more > 0 else "")
            lines.append(substitute(line["ignored"], names=names))
        if mended := self.mended(language):
            lines.append(line["notes"])
        lines += [f"- {text}" for text, _ in mended]
        return "\n".join(lines)

    def mended(self, language: Language) -> list[tuple[str, tuple[str, str]]]:
        """What was mended, assumed or set aside: a sentence each, with the count and the detail in it."""
        words = _words(language)
        told = []
        for note in (*self.notes, *self.history.notes):
            if note.code != "unknown_columns":
                values = f"{note.count:,}", words["periods"].get(note.detail, note.detail)
                text = substitute(words["notes"][note.code], count=values[0], detail=values[1])
                told.append((text, values))
        return told


def combined(reports: Sequence[ImportReport]) -> ImportReport:
    """One report of a file that was read in parts."""
    first, histories = reports[0], [it.history for it in reports]
    history = replace(
        first.history,
        **{name: sum(getattr(it, name) for it in histories) for name in ("rows_in", "rows_out", "products")},
        first_date=min(it.first_date for it in histories),
        last_date=max(it.last_date for it in histories),
        notes=_summed([note for it in histories for note in it.notes]),
    )
    aside = sorted((row for it in reports for row in it.set_aside), key=lambda it: it.row)
    notes = _summed([note for it in reports for note in it.notes])
    return replace(first, notes=notes, history=history, set_aside=tuple(aside[:LISTED]))


ADDED_UP = ("transactions_added_up", "repeats_added_up", "periods_added_up", "returns_exceed_sales")
"""Notes whose detail is a number of the part's own."""


def _summed(notes: Sequence[HistoryNote]) -> tuple[HistoryNote, ...]:
    """The notes of parts: counts added up, details that are numbers too, of others the first."""
    found: dict[str, HistoryNote] = {}
    for note in notes:
        if (known := found.get(note.code)) is None:
            found[note.code] = note
            continue
        detail = f"{float(known.detail) + float(note.detail):.15g}" if note.code in ADDED_UP else known.detail
        count = known.count if note.code == "unknown_columns" else known.count + note.count
        found[note.code] = replace(known, count=count, detail=detail)
    return tuple(found.values())
