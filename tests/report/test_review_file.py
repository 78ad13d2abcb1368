"""Files that are no workbook of a report, or one no more, and what other programs make of one."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from decided_report import fill, written
from sample_report import document

from assistant.desk import Desk
from assistant.report.review import read_review
from assistant.report.review_file import ReviewError
from assistant.report.review_sheet import SHEET
from assistant.report.workbook import write_workbook


def test_what_is_no_report_says_so(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("sku,price\n")
    with pytest.raises(ReviewError, match=r"sales\.csv is not an Excel workbook"):
        read_review(tmp_path / "sales.csv", desk, "en")
    (tmp_path / "broken.xlsx").write_bytes(b"PK not a zip")
    with pytest.raises(ReviewError, match="不是 Excel 工作簿"):
        read_review(tmp_path / "broken.xlsx", desk, "zh")
    openpyxl.Workbook().save(tmp_path / "other.xlsx")
    with pytest.raises(ReviewError, match="hidden sheet"):
        read_review(tmp_path / "other.xlsx", desk, "en")
    with pytest.raises(FileNotFoundError):
        read_review(tmp_path / "none.xlsx", desk, "en")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("version", "another version"),
        ("sheet", "no sheet “What to do”"),
        ("column", "no column “Your reason”"),
    ],
)
def test_a_workbook_that_lost_its_shape_says_what(desk: Desk, report: Path, damage: str, said: str) -> None:
    written(desk, report)
    book = openpyxl.load_workbook(report)
    match damage:
        case "version":
            book[SHEET]["C1"].value = "99"
        case "sheet":
            book["What to do"].title = "Mine"
        case _:
            next(it for it in book["What to do"][1] if it.value == "Your reason").value = None
    book.save(report)
    with pytest.raises(ReviewError, match=said):
        read_review(report, desk, "en")


def rewritten(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Change a part of a workbook's archive."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


def test_a_workbook_that_was_cut_short_says_so(desk: Desk, report: Path) -> None:
    written(desk, report)
    rewritten(report, "xl/worksheets/sheet2.xml", lambda content: content[: len(content) // 2])
    with pytest.raises(ReviewError, match="is not an Excel workbook"):
        read_review(report, desk, "en")


def test_rows_count_though_a_program_noted_the_sheet_as_smaller(desk: Desk, report: Path) -> None:
    ids = written(desk, report)
    fill(report, {"CAN-LAV-200": {"decision": "approve"}})
    small = re.compile(rb'<dimension ref="[^"]*"')
    for number in (2, 3):
        part = f"xl/worksheets/sheet{number}.xml"
        rewritten(report, part, lambda content: small.sub(b'<dimension ref="A1"', content))
    review = read_review(report, desk, "en")
    assert (len(review.changes), review.undecided) == (1, len(ids) - 1)


def test_workbook_of_a_report_without_actions_is_not_reviewable(desk: Desk, tmp_path: Path) -> None:
    whole = document()
    write_workbook(replace(whole, sections=whole.sections[:1]), tmp_path / "report.xlsx")
    with pytest.raises(ReviewError, match="hidden sheet"):
        read_review(tmp_path / "report.xlsx", desk, "en")
