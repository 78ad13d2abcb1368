"""One report in five formats: the numbers of each are the document's."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2 as pdfium
import pytest
from sample_report import document

from assistant.report.compose import compose
from assistant.report.document import Column, Document, Row, Table, Value, every_column, text
from assistant.report.html import write_html
from assistant.report.pdf import write_pdf
from assistant.report.tables import inert, write_csv, write_json
from assistant.report.workbook import write_workbook
from assistant.wording import LANGUAGES, Language


@pytest.fixture(scope="module", params=["sample", pytest.param("demo", marks=pytest.mark.slow)])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=LANGUAGES)
def report(which: str, request: pytest.FixtureRequest) -> Document:
    language: Language = request.param
    if which == "sample":
        return document(language)
    return compose(request.getfixturevalue("demo_report"), language, statuses={})


@pytest.fixture(scope="module")
def printed(report: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("printed")
    write_workbook(report, folder / "report.xlsx")
    write_csv(report, folder)
    write_json(report, folder / "report.json")
    write_html(report, folder / "report.html")
    write_pdf(report, folder / "report.pdf", pages=report.page_count)
    return folder


def tables(report: Document) -> list[Table]:
    return [table for section in report.sections for table in section.tables]


def known(value: Value) -> Value:
    """As it is kept: nothing for nothing, an empty text or what is not a number."""
    if value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def expected(report: Document, table: Table) -> list[list[Value]]:
    columns = every_column(table, report.language)
    return [[known(row.get(column.key)) for column in columns] for row in table.rows]


def test_xlsx(report: Document, printed: Path) -> None:
    book = openpyxl.load_workbook(printed / "report.xlsx")
    sheets = book.worksheets[1:]  # the first is the summary
    for table, sheet in zip(tables(report), sheets, strict=False):
        columns = every_column(table, report.language)
        lines = list(sheet.iter_rows(values_only=True))
        labels = [column.label for column in columns]
        places = [place for place, heading in enumerate(lines[0]) if heading in labels]
        lines = [tuple(line[place] for place in places) for line in lines]
        assert list(lines[0]) == labels
        if not (rows := expected(report, table)):
            assert len(lines) == 1
            continue
        for line, row in zip(lines[1:], rows, strict=True):
            for column, cell, value in zip(columns, line, row, strict=True):
                assert of_sheet(column, cell) == value, (table.id, column.key)


def of_sheet(column: Column, cell: Any) -> Value:
    """Sixteen digits are as many as a workbook's numbers have; whole ones come back without their point."""
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    is_number = isinstance(cell, int | float) and column.kind not in ("text", "code")
    found: Value = pytest.approx(cell, rel=1e-15) if is_number else cell
    return found


def test_csv(report: Document, printed: Path) -> None:
    for table in tables(report):
        columns = every_column(table, report.language)
        with (printed / f"{table.id}.csv").open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
        assert lines[0][: len(columns)] == [inert(column.label) for column in columns]
        for line, row in zip(lines[1:], expected(report, table), strict=True):
            for shown, value in zip(line, row, strict=False):
                if isinstance(value, str) or value is None:
                    assert shown == inert(value or "")
                else:
                    assert float(shown) == value


def test_json(report: Document, printed: Path) -> None:
    kept = json.loads((printed / "report.json").read_text(encoding="utf-8"))
    found = {table["id"]: table for section in kept["sections"] for table in section["tables"]}
    for table in tables(report):
        rows = [{key: known(value) for key, value in row.items()} for row in table.rows]
        assert [{k: known(v) for k, v in row.items()} for row in found[table.id]["rows"]] == rows
    pages = list(report.pages)
    assert [page["id"] for page in kept["pages"]] == [page.id for page in pages]
    for page, written in zip(pages, kept["pages"], strict=True):
        assert written["facts"] == [fact.to_dict() for fact in page.facts]
        assert written["sales"]["units"] == list(page.sales.units)
    for section, written in zip(report.sections, kept["sections"], strict=True):
        assert written["sentences"] == list(section.sentences)
        assert written["facts"] == [fact.to_dict() for fact in section.facts]


class TablesOfPage(HTMLParser):
    """The cells of each table by its id: (what is sorted by, what is read)."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[tuple[str | None, str]]]] = {}
        self._rows: list[list[tuple[str | None, str]]] | None = None
        self._open = self._beside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self._rows = self.tables.setdefault(str(given.get("id")), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append((given.get("data-v"), ""))
            self._open = True
        elif tag == "small":
            self._beside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False
        elif tag == "small":
            self._beside = False
        elif tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        if self._rows and self._open and not self._beside:
            raw, shown = self._rows[-1][-1]
            self._rows[-1][-1] = raw, shown + data


def test_html(report: Document, printed: Path) -> None:
    page = TablesOfPage()
    page.feed((printed / "report.html").read_text(encoding="utf-8"))
    for table in tables(report):
        lines = page.tables[f"table-{table.id}"][1:]
        for line, row in zip(lines, table.rows, strict=True):
            for column, (raw, shown) in zip(table.columns, line, strict=True):
                assert shown.strip() == text(column, row, report.language, report.currency).strip()
                value = known(row.get(column.key))
                if isinstance(value, int | float):
                    assert raw is not None and float(raw) == value


def test_pdf(report: Document, printed: Path) -> None:
    file = pdfium.PdfDocument(printed / "report.pdf")
    words = "".join("".join(page.get_textpage().get_text_range().split()) for page in file)
    file.close()
    for column, row in of_actions(report, ("current_price", "price", "change", "profit_gain")):
        shown = text(column, row, report.language, report.currency)
        assert "".join(shown.split()) in words, (column.key, shown)


def of_actions(report: Document, keys: tuple[str, ...]) -> Iterator[tuple[Column, Row]]:
    table = report.table("actions")
    by_key: Mapping[str, Column] = {column.key: column for column in table.columns}
    for row in table.rows:
        yield from ((by_key[key], row) for key in keys if key in by_key)
