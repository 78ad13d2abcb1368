"""The workbook, the CSV files and the JSON of a report: the same numbers, and text that stays text."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.escape import unescape
from sample_report import COLUMNS, ROWS, document

from assistant.report import workbook
from assistant.report.cell_formats import number_pattern
from assistant.report.document import Column, Document, Section, Table, every_column, text
from assistant.report.review_sheet import HIDDEN, SHEET, check, choice_of
from assistant.report.tables import write_csv, write_json
from assistant.report.workbook import write_workbook

TRICKS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "00123", "8712345678901234567", "1e5", "<r>x</r>",
          "http://x.example", "_x0041_", "TRUE", "{=1}", "＝1")  # fmt: skip


def opened(path: Path) -> Any:
    return openpyxl.load_workbook(path)


def with_rows(rows: Sequence[dict[str, Any]], columns: Sequence[Column] = COLUMNS) -> Document:
    """The sample's report with other actions."""
    table = Table(id="actions", title="What to do", columns=tuple(columns), rows=tuple(rows))
    whole = document()
    return replace(whole, sections=(whole.sections[0], Section(id="actions", title="", tables=(table,))))


def test_interval_ends_are_named_in_the_reports_language() -> None:
    table = document("zh").table("actions")
    english, chinese = (
        {it.key: it.label for it in every_column(table, language)} for language in ("en", "zh")
    )
    assert english["units_low"] == "Units a week, low"
    assert chinese["units_high"] == "Units a week（上限）"


@pytest.mark.parametrize("trick", TRICKS)
def test_text_stays_text(tmp_path: Path, trick: str) -> None:
    write_workbook(with_rows([ROWS[0] | {"product": trick, "sku": trick}]), tmp_path / "report.xlsx")
    name, sku = opened(tmp_path / "report.xlsx")["What to do"][2][:2]
    assert (name.data_type, sku.data_type) in {("s", "s"), ("inlineStr", "inlineStr")}
    assert name.hyperlink is None
    # What the library takes for its own markup is told apart by a blank; openpyxl leaves escapes as they are.
    assert [unescape(cell.value).rstrip(" ") for cell in (name, sku)] == [trick, trick]


@pytest.mark.parametrize("trick", [it for it in TRICKS if it[0] in "=+-@\t＝"])
def test_csv_disarms_formulas(tmp_path: Path, trick: str) -> None:
    write_csv(with_rows([ROWS[0] | {"product": trick, "profit_gain_low": -14.36}]), tmp_path)
    with (tmp_path / "actions.csv").open(encoding="utf-8-sig", newline="") as file:
        line = list(csv.reader(file))[1]
    assert line[0] == f"'{trick}"
    assert "-14.36" in line  # a negative number is no formula


def test_rows_need_room_beside_the_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a full one"))
    write_workbook(document(), tmp_path / "report.xlsx")
    assert [it.name for it in tmp_path.iterdir()] == ["report.xlsx"]


def test_formats_print_what_the_other_formats_print(tmp_path: Path) -> None:
    write_workbook(document(), tmp_path / "report.xlsx")
    sheet = opened(tmp_path / "report.xlsx")["What to do"]
    by_label = {cell.value: cell.column - 1 for cell in sheet[1]}
    first = {label: sheet[2][place].number_format for label, place in by_label.items()}
    assert first["Now"] == '"$"#,##0.00;-"$"#,##0.00'
    assert first["Change"] == "+0.0%;-0.0%;0.0%"
    assert first["From"] == "yyyy-mm-dd"
    # Totals from a hundred on have no cents, as `text` prints them.
    gain = next(it for it in COLUMNS if it.key == "profit_gain")
    assert text(gain, ROWS[1], "en") == "+$1,250"
    assert sheet[3][by_label["Profit against keeping"]].number_format.startswith('+"$"#,##0;')


@pytest.mark.parametrize(
    ("currency", "pattern"), [("JPY", '"¥"#,##0'), ("KWD", '"KWD"#,##0.000'), (None, "#,##0.00")]
)
def test_prices_have_their_currencys_decimals(currency: str | None, pattern: str) -> None:
    column = Column(key="price", label="", kind="price")
    assert number_pattern(column, 980.0, currency, "en").split(";")[0] == pattern


def test_the_action_sheet_can_be_decided_in(tmp_path: Path) -> None:
    write_workbook(document("zh"), tmp_path / "report.xlsx")
    book = opened(tmp_path / "report.xlsx")
    sheet = book["What to do"]
    headings = [cell.value for cell in sheet[1]]
    change = headings.index("Change")  # the decision stands beside the prices
    assert headings[change + 1 : change + 4] == ["您的决定", "您自己的价", "您的理由"]
    assert tuple(headings[-3:]) == HIDDEN
    assert sheet.freeze_panes == "B2" and sheet.auto_filter.ref is not None
    choices = next(it for it in sheet.data_validations.dataValidation if it.type == "list")
    assert [choice_of(word) for word in choices.formula1.strip('"').split(",")] == [
        "approve",
        "reject",
        "edit",
    ]
    letters = [cell.column_letter for cell in sheet[1][-3:]]
    widths = sheet.column_dimensions
    assert any(widths[letter].hidden for letter in letters)
    assert book[SHEET].sheet_state == "veryHidden"
    assert sheet[2][-1].value == check("7", sku="CAN-LAV", now=18.0, suggested=16.69, currency="USD")


def test_a_check_fails_where_anything_that_it_ties_is_changed() -> None:
    row: dict[str, Any] = {"sku": "A", "now": 10.0, "suggested": 9.0, "currency": "USD"}
    same = check("D1", **row)
    assert same == check("D1", **(row | {"now": 10.0 + 1e-12}))
    others = [check("D2", **row)] + [
        check("D1", **(row | change))
        for change in (
            {"sku": "B"},
            {"now": 9.0, "suggested": 10.0},
            {"suggested": None},
            {"currency": "EUR"},
        )
    ]
    assert len({same, *others}) == 6


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_workbook(document(), tmp_path / f"{name}.xlsx")
        write_json(document(), tmp_path / f"{name}.json")
    for kind in ("xlsx", "json"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_table_longer_than_a_sheet_goes_on_on_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    write_workbook(with_rows([*ROWS, *ROWS]), tmp_path / "report.xlsx")
    book = opened(tmp_path / "report.xlsx")
    sheets = [name for name in book.sheetnames if name.startswith("What to do")]
    assert sheets == ["What to do", "What to do (2)", "What to do (3)"]
    assert [book[name].max_row for name in sheets] == [3, 3, 3]


def test_titles_become_names_that_excel_takes(tmp_path: Path) -> None:
    tables = [
        Table(id=str(n), title=title, columns=COLUMNS[:2], rows=())
        for n, title in enumerate(["a/b: c?", "A/B: C?", "x" * 40, "x" * 40, "'quoted'", "History", ""])
    ]
    whole = document()
    report = replace(whole, sections=(Section(id="s", title="S", tables=tuple(tables)),))
    write_workbook(report, tmp_path / "report.xlsx")
    names = opened(tmp_path / "report.xlsx").sheetnames[1:]
    assert len({name.casefold() for name in names}) == 7 and max(map(len, names)) <= 31


def test_a_row_that_breaks_leaves_no_half_file(tmp_path: Path) -> None:
    def broken() -> Any:
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    class Rows:
        def __iter__(self) -> Any:
            return broken()

    table = Table(id="actions", title="What to do", columns=COLUMNS, rows=Rows())
    whole = document()
    report = replace(whole, sections=(Section(id="actions", title="", tables=(table,)),))
    (tmp_path / "report.xlsx").write_bytes(b"last week's")
    for write in (
        lambda: write_workbook(report, tmp_path / "report.xlsx"),
        lambda: write_csv(report, tmp_path),
        lambda: write_json(report, tmp_path / "report.json"),
    ):
        with pytest.raises(OSError, match="No space left"):
            write()
    assert [it.name for it in tmp_path.iterdir()] == ["report.xlsx"]
    assert (tmp_path / "report.xlsx").read_bytes() == b"last week's"


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        write_workbook(document(), tmp_path / "nowhere" / "report.xlsx")


def test_figures_show_the_largest_gains_and_all_changes(tmp_path: Path) -> None:
    rows = [
        ROWS[0] | {"product": f"P{n}", "profit_gain": float(n), "change": -0.3 + 0.02 * n} for n in range(30)
    ]
    write_workbook(with_rows(rows), tmp_path / "report.xlsx")
    sheet = opened(tmp_path / "report.xlsx")["Figures"]
    assert [sheet.cell(line, 1).value for line in range(2, 23)] == [
        *(f"P{n}" for n in range(29, 9, -1)),
        None,
    ]
    assert sum(sheet.cell(line, 7).value for line in range(2, 11)) == 30
    assert len(sheet._charts) == 2


def test_a_change_of_exactly_the_largest_step_is_not_beyond_it(tmp_path: Path) -> None:
    # The report counts the same changes as no larger than 20 %.
    rows = [ROWS[0] | {"change": change} for change in (15.2 / 19.0 - 1, 12.0 / 10.0 - 1, -0.3, 0.3)]
    write_workbook(with_rows(rows), tmp_path / "report.xlsx")
    sheet = opened(tmp_path / "report.xlsx")["Figures"]
    assert [sheet.cell(line, 7).value for line in range(2, 11)] == [1, 1, 0, 0, 0, 0, 0, 1, 1]


def test_what_is_not_a_number_is_left_empty(tmp_path: Path) -> None:
    report = with_rows([ROWS[0] | {"price": float("nan"), "profit_gain": float("inf")}])
    write_workbook(report, tmp_path / "report.xlsx")
    write_json(report, tmp_path / "report.json")
    assert opened(tmp_path / "report.xlsx")["What to do"][2][3].value is None
    row = json.loads((tmp_path / "report.json").read_text())["sections"][1]["tables"][0]["rows"][0]
    assert row["price"] is None and row["profit_gain"] is None
