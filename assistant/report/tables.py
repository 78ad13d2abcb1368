"""The report for other programs: its tables as CSV, all of it as JSON. Numbers are raw in both.

Text that a spreadsheet could take for a formula has an apostrophe put before it in CSV, as OWASP advises
(https://owasp.org/www-community/attacks/CSV_Injection). JSON has every text as it is.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import Any, TextIO

from assistant.facts import labels
from assistant.report.document import Column, Document, Page, Row, Section, Table, Value, every_column
from assistant.report.whole_file import whole_file

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell must not begin with: Excel reads the full-width signs as it does the others."""
MONEY = ("price", "total")


def write_csv(document: Document, folder: Path) -> None:
    """Write a file a table, `<table's id>.csv`, into a folder that is there.

    UTF-8 with a byte-order mark, without which Excel takes Chinese for something else; lines end as RFC 4180
    says. Numbers have a point and no grouping, shares are fractions, dates ISO 8601; a table with money has
    its currency in a last column. What is not known is empty. Raises OSError.
    """
    for section in document.sections:
        for table in section.tables:
            with (
                whole_file(folder / f"{table.id}.csv") as part,
                part.open("w", encoding="utf-8-sig", newline="") as file,
            ):
                csv.writer(file).writerows(_lines(table, document))


def _lines(table: Table, document: Document) -> Iterator[list[str]]:
    columns = every_column(table, document.language)
    money = any(column.kind in MONEY for column in columns)
    heading = [column.label for column in columns]
    if money:
        heading.append(str(labels(document.language)["report_columns"]["currency"]))
    yield [inert(label) for label in heading]
    for row in table.rows:
        cells = [_cell(row.get(column.key)) for column in columns]
        yield [*cells, _cell(row.get("currency") or document.currency)] if money else cells


def _cell(value: Value) -> str:
    known = _known(value)
    return "" if known is None else inert(known) if isinstance(known, str) else repr(known)


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> inert("=cmd()"), inert("Mug"), inert("-5 °C mug")
    ("'=cmd()", 'Mug', "'-5 °C mug")
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write_json(document: Document, path: Path) -> None:
    """Write every sentence, table, fact and series of the report, and its manifest, as one JSON object.

    Rows hold their raw values by key; the keys' labels and kinds are in `columns`. Raises OSError.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        head = {
            name: getattr(document, name)
            for name in ("title", "subtitle", "language", "currency", "period", "made_at", "manifest")
        }
        file.write(_json(head)[:-1] + ', "sections": [')
        for number, section in enumerate(document.sections):
            file.write(",\n" if number else "\n")
            _write_section(section, file, document)
        file.write("],\n")
        _write_list("pages", (_page(page) for page in document.pages), file)
        file.write("}\n")


def read_sections(path: Path) -> dict[str, Any]:
    """What `write_json` wrote, but for the product pages, most of it. Raises OSError, ValueError."""
    with path.open(encoding="utf-8") as file:
        head = "".join(takewhile(lambda line: not line.startswith('"pages"'), file))
    found: dict[str, Any] = json.loads(head.rstrip().removesuffix(",") + "}")
    return found


def _write_section(section: Section, file: TextIO, document: Document) -> None:
    head = {
        "id": section.id,
        "title": section.title,
        "sentences": section.sentences,
        "facts": [fact.to_dict() for fact in section.facts],
        "indicators": [asdict(it) for it in section.indicators],
    }
    file.write(_json(head)[:-1] + ', "tables": [')
    for number, table in enumerate(section.tables):
        file.write(", " if number else "")
        columns = [_described(column) for column in every_column(table, document.language)]
        about = {"id": table.id, "title": table.title, "note": table.note, "columns": columns}
        file.write(_json(about)[:-1] + ", ")
        _write_list("rows", table.rows, file)
        file.write("}")
    file.write("]}")


def _described(column: Column) -> dict[str, str]:
    return {"key": column.key, "label": column.label, "kind": column.kind}


def _write_list(name: str, values: Iterable[Row | Mapping[str, Any]], file: TextIO) -> None:
    file.write(f'"{name}": [')
    for number, value in enumerate(values):
        file.write(",\n" if number else "\n")
        file.write(_json(value))
    file.write("]")


def _page(page: Page) -> dict[str, Any]:
    return asdict(page) | {"facts": [fact.to_dict() for fact in page.facts]}


def _json(value: object) -> str:
    """One line; no number is lost, and what is not a number is null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return _known(value) if isinstance(value, float) else value


def _known(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value
