"""A report of the small shop, and a merchant who fills its workbook in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
from sample_report import COLUMNS, document

from assistant.desk import Desk
from assistant.report.document import Section, Table
from assistant.report.review_sheet import WORDS
from assistant.report.workbook import write_workbook
from assistant.wording import LANGUAGES, Language, wording

ASKED = {
    wording(it, WORDS)(f"columns.{key}"): key
    for it in LANGUAGES
    for key in ("decision", "own_price", "reason")
}
"""The columns to fill in, by their headings in any language."""


def written(desk: Desk, path: Path, language: Language = "en") -> dict[str, str]:
    """Write the workbook of the whole shop; returns the decisions' ids by SKU."""
    decisions = desk.overview()
    rows = []
    for decision in decisions:
        it = decision.recommendation
        rows.append(
            {
                "product": it.name,
                "sku": it.sku,
                "store": it.store,
                "current_price": it.current_price,
                "price": None if it.abstained else it.price,
                "change": None if it.abstained else it.change,
                "profit_gain": it.gain and it.gain.mean,
                "status": "open",
                "date": it.date,
                "decision": decision.id,
                "currency": it.currency,
            }
        )
    table = Table(id="actions", title="What to do", columns=COLUMNS, rows=tuple(rows))
    section = Section(id="actions", title="Actions", tables=(table,))
    whole = document(language)
    write_workbook(replace(whole, sections=(whole.sections[0], section), page_count=0, pages=()), path)
    return {it.recommendation.sku: it.id for it in decisions}


def fill(path: Path, entries: Mapping[str, Mapping[str, Any]], *, sheet: str = "What to do") -> None:
    """Type into rows by SKU: `decision`, `own_price`, `reason`, or a heading of the sheet."""
    book = openpyxl.load_workbook(path)
    table = book[sheet]
    headings = [ASKED.get(cell.value, cell.value) for cell in table[1]]
    for line in table.iter_rows(min_row=2):
        for key, value in entries.get(
            next((it for it in map(_shown, line) if it in entries), ""), {}
        ).items():
            line[headings.index(key)].value = value
    book.save(path)


def _shown(cell: Any) -> str:
    return str(cell.value)
