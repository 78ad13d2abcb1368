"""The report as an Excel workbook: a summary, a sheet a table, figures. The action table takes decisions."""

from __future__ import annotations

import datetime as dt
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from assistant.facts import day
from assistant.report import review_sheet
from assistant.report.cell_formats import CellFormats
from assistant.report.document import Column, Document, Row, Table, every_column
from assistant.report.whole_file import whole_file
from assistant.report.workbook_figures import Figures
from assistant.wording import wording

MOST_ROWS = 1_048_576
"""Of an Excel sheet, its heading among them. A longer table goes on on another sheet."""
LONGEST_TEXT = 32_767
"""Characters of an Excel cell."""
NARROWEST, WIDEST = 9, 52
"""Of a column, in characters; longer text is wrapped."""
WIDEST_HEADING = 16
"""What a heading alone makes of a column."""
SUMMARY = (84, 18, 60)
"""Widths of the summary's columns: words, value, note."""
LINE = 15
"""Height of a line of text, in points."""
MOST_ON_A_PAGE = 14
"""Columns that can be read where all are put on one sheet of paper; more go on on further sheets."""


def write_workbook(document: Document, path: Path) -> None:
    """Write the report as XLSX. Numbers are numbers with the format that they have in the other formats,
    dates are dates, and text is text, whatever it looks like.

    Rows go to disk as they come. A text too long for a cell is cut and ends in `…`. The same document gives
    the same bytes. Raises OSError.
    """
    # Beside the file: the system's folder for such may be small, and rows go there first.
    with whole_file(path) as part, tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        options = {"constant_memory": True, "tmpdir": folder}
        book = xlsxwriter.Workbook(str(part), options)
        book.use_zip64()  # beyond 4 GB; smaller files stay as they are
        made = dt.datetime.fromisoformat(document.made_at).astimezone(dt.UTC)
        book.set_properties({"title": document.title, "created": made})
        try:
            _Printer(document, book).print()
            book.close()
        except FileCreateError as error:
            raise error.args[0] from error


class _Printer:
    """One document on its way into one workbook."""

    def __init__(self, document: Document, book: Any) -> None:
        self.document, self.book = document, book
        self.words = wording(document.language, review_sheet.WORDS)
        self.formats = CellFormats(book, document.language)
        self.names: set[str] = set()

    def print(self) -> None:
        summary = self._sheet(self.words("workbook.summary"))
        placed: list[tuple[Table, list[str]]] = []
        figures: Figures | None = None
        for section in self.document.sections:
            for table in section.tables:
                if table.id == review_sheet.TABLE:
                    figures = Figures(table, self.document)
                placed.append((table, self._table(table, figures)))
        if figures is not None and figures.found:
            name = self._name(self.words("workbook.figures"))
            figures.print(self.book, self.book.add_worksheet(name), name, self.formats)
        self._summary(summary, placed)
        self._review(next((sheets for table, sheets in placed if table.id == review_sheet.TABLE), []))

    def _name(self, title: str) -> str:
        """A sheet's name that Excel takes: at most 31 characters, none of []:*?/\\, not used before."""
        base = re.sub(r"[\[\]:*?/\\]", " ", title).strip().strip("'")[:31] or "-"
        name, number = base, 1
        while name.casefold() in self.names or name.casefold() == "history":  # Excel keeps that for itself
            number += 1
            name = f"{base[: 31 - len(str(number)) - 3]} ({number})"
        self.names.add(name.casefold())
        return name

    def _sheet(self, title: str) -> Any:
        return self.book.add_worksheet(self._name(title))

    def _table(self, table: Table, figures: Figures | None) -> list[str]:
        """Write a table; returns the names of its sheets."""
        columns = every_column(table, self.document.language)
        layout = _Layout(columns, reviewed=table.id == review_sheet.TABLE)
        names: list[str] = []
        rows = iter(table.rows)
        pending = next(rows, None)
        while pending is not None or not names:
            sheet = self._sheet(table.title)
            names.append(sheet.get_name())
            widths = [min(_width(column.label), WIDEST_HEADING) for column in columns]
            self._heading(sheet, columns, layout)
            last = 0
            while pending is not None and last + 1 < MOST_ROWS:
                last += 1
                lines = 1
                for number, column in enumerate(columns):
                    width = _width(self._cell(sheet, last, layout.shown[number], column, pending))
                    widths[number] = max(widths[number], width + 2)
                    lines = max(lines, _lines(width, WIDEST))
                if lines > 1:  # not every program finds the height of wrapped text itself
                    sheet.set_row(last, LINE * lines)
                if layout.asked:
                    self._to_decide(sheet, last, layout, pending)
                    if figures is not None:
                        figures.see(pending)
                pending = next(rows, None)
            for place, width in zip(layout.shown, widths, strict=True):
                sheet.set_column(place, place, min(max(width, NARROWEST), WIDEST))
            self._set_up(sheet, last, layout)
        return names

    def _heading(self, sheet: Any, columns: Sequence[Column], layout: _Layout) -> None:
        sheet.set_row(0, 3 * LINE)
        for place, column in zip(layout.shown, columns, strict=True):
            sheet.write_string(0, place, column.label, self.formats.heading)
        for place, key in zip(layout.asked, review_sheet.ASKED, strict=False):
            sheet.write_string(0, place, self.words(f"columns.{key}"), self.formats.to_fill_heading)
        for place, key in zip(layout.hidden, review_sheet.HIDDEN, strict=False):
            sheet.write_string(0, place, key, self.formats.heading)

    def _set_up(self, sheet: Any, last: int, layout: _Layout) -> None:
        """What holds of a whole sheet, once its rows are there."""
        if layout.asked:
            self._ask(sheet, last, layout)
            sheet.set_column(layout.hidden[0], layout.hidden[-1], None, None, {"hidden": True})
        # The product's name stays in sight to the left.
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(last, 1), layout.width - 1)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(9)
        if len(layout.shown) <= MOST_ON_A_PAGE:
            sheet.fit_to_pages(1, 0)
        else:
            sheet.set_print_scale(70)
            sheet.repeat_columns(0)
        sheet.set_footer("&L&A&R&P / &N")

    def _ask(self, sheet: Any, last: int, layout: _Layout) -> None:
        """What may be typed into the columns for the merchant, and what is said of them there."""
        choices = [self.words(f"choices.{choice}") for choice in review_sheet.CHOICES]
        checks: tuple[dict[str, Any], ...] = (
            {"validate": "list", "source": choices},
            {"validate": "decimal", "criteria": ">", "value": 0},
            {"validate": "any"},
        )
        for place, key, rule, width in zip(
            layout.asked, review_sheet.ASKED, checks, (15, 13, 30), strict=True
        ):
            told = {
                "input_title": self.words(f"inputs.{key}_title"),
                "input_message": self.words(f"inputs.{key}"),
            }
            sheet.data_validation(1, place, max(last, 1), place, rule | told)
            sheet.set_column(place, place, width)

    def _cell(self, sheet: Any, line: int, place: int, column: Column, row: Row) -> str:
        """Write one cell; returns about as much as is to be read there."""
        value = row.get(column.key)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return ""
        if isinstance(value, str):
            if column.kind == "date":
                moment = dt.datetime.fromisoformat(value[:10])
                sheet.write_datetime(line, place, moment, self.formats.date)
            else:
                self._text(sheet, line, place, value, self.formats.text)
        elif column.kind in ("text", "code"):
            self._text(sheet, line, place, str(value), self.formats.text)
        else:
            sheet.write_number(line, place, value, self.formats.of(column, float(value), self._iso(row)))
            return f"{value:+,.2f} US$"
        return str(value)

    def _to_decide(self, sheet: Any, line: int, layout: _Layout, row: Row) -> None:
        """The empty cells for the merchant's decision, and what ties the row to its suggestion."""
        for place in layout.asked:
            sheet.write_blank(line, place, None, self.formats.to_fill)
        record, iso = _word(row.get("decision")), _word(row.get("currency"))
        if record is None:
            return
        digest = review_sheet.check(
            record,
            sku=_word(row.get("sku")),
            now=_number(row.get("current_price")),
            suggested=_number(row.get("price")),
            currency=iso,
        )
        for place, value in zip(layout.hidden, (record, iso or "", digest), strict=True):
            self._text(sheet, line, place, value, self.formats.text)

    def _summary(self, sheet: Any, placed: list[tuple[Table, list[str]]]) -> None:
        """Title, indicators, every section's sentences, and the way to the other sheets."""
        formats, lines = self.formats, self._lines()
        line = 0
        for kind, cells in lines:
            for place, cell in enumerate(cells):
                self._text(sheet, line, place, cell, formats.summary[kind])
            if kind == "sentence" and cells:
                sheet.set_row(line, LINE * _lines(_width(cells[0]), SUMMARY[0]))
            line += 1
        line += 1
        self._text(sheet, line, 0, self.words("workbook.sheets"), formats.summary["section"])
        for table, names in placed:
            for name in names:
                line += 1
                sheet.write_url(line, 0, f"internal:'{name}'!A1", formats.link, name)
                self._text(sheet, line, 2, table.note, formats.summary["note"])
                sheet.set_row(line, LINE * _lines(_width(table.note), SUMMARY[2]))
            if table.id == review_sheet.TABLE:
                line += 1
                how = self.words("inputs.how", sheet=names[0])
                self._text(sheet, line, 0, how, formats.summary["note"])
                sheet.set_row(line, LINE * _lines(_width(how), SUMMARY[0]))
        for place, width in enumerate(SUMMARY):
            sheet.set_column(place, place, width)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)

    def _lines(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(what it is, cells of a line) from the title down."""
        document = self.document
        yield "title", (document.title,)
        yield "subtitle", (document.subtitle,)
        yield "subtitle", (self.words("workbook.made", day=day(document.made_at, document.language)),)
        for section in document.sections:
            if not (section.sentences or section.indicators):
                continue
            yield "sentence", ()
            yield "section", (section.title,)
            for it in section.indicators:
                yield it.tone or "indicator", (it.label, it.value, it.note)
            for sentence in section.sentences:
                yield "sentence", (sentence,)

    def _review(self, sheets: list[str]) -> None:
        """The hidden sheet that a review reads first."""
        if not sheets:
            return
        sheet = self.book.add_worksheet(review_sheet.SHEET)
        columns = every_column(self.document.table(review_sheet.TABLE), self.document.language)
        lines = [("version", "", str(review_sheet.VERSION)), ("language", "", self.document.language)]
        lines += [("sheet", "", name) for name in sheets]
        lines += [("column", column.key, column.label) for column in columns]
        lines += [("asked", key, self.words(f"columns.{key}")) for key in review_sheet.ASKED]
        for line, cells in enumerate(lines):
            for place, cell in enumerate(cells):
                self._text(sheet, line, place, cell, None)
        sheet.very_hidden()

    def _iso(self, row: Row) -> str | None:
        return _word(row.get("currency") or self.document.currency)

    @staticmethod
    def _text(sheet: Any, line: int, place: int, value: str, style: Any) -> None:
        """Text as text: no formula, number or link is made of it."""
        if len(value) > LONGEST_TEXT:
            value = f"{value[: LONGEST_TEXT - 1]}…"
        if value.startswith("<r>") and value.endswith("</r>"):
            value += " "  # the library would take it for markup of its own
        if value:
            sheet.write_string(line, place, value, style)


class _Layout:
    """Where the columns of a sheet stand: the table's, those to be filled in, those that are hidden."""

    def __init__(self, columns: Sequence[Column], *, reviewed: bool) -> None:
        asked, hidden = (len(review_sheet.ASKED), len(review_sheet.HIDDEN)) if reviewed else (0, 0)
        # What is decided stands beside the price and its change, not behind all that explains them.
        changes = [number for number, column in enumerate(columns, 1) if column.kind == "change"]
        first = changes[0] if changes else len(columns)
        self.shown = [number if number < first else number + asked for number in range(len(columns))]
        self.asked = range(first, first + asked)
        self.width = len(columns) + asked + hidden
        self.hidden = range(self.width - hidden, self.width)


def _width(shown: str) -> int:
    """In characters; a Chinese one takes two."""
    return max((sum(2 if ord(c) > 0x2E7F else 1 for c in part) for part in shown.split("\n")), default=0)


def _lines(characters: int, width: int) -> int:
    """Lines that text takes in a column; letters are narrower than the digits that widths are counted in."""
    return max(1, math.ceil(0.9 * (characters + 2) / width))


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
