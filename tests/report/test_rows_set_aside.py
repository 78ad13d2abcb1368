"""Rows that cannot be read stop no report: they are listed in it, once, and what to do about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_entries import entry
from test_compose import LANGUAGES, facts, rows, section, written

from assistant import cli
from assistant.store import Store
from assistant.store.importing import parts, read_history, read_parts
from assistant.store.importing.report import LISTED
from assistant.store.reports import RowsSetAside
from assistant.wording import Language

HEADER = "sku,date,price,units,cost\n"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Forty weeks of two products; of the second, a price and a date cannot be read, a row is too long."""
    path = tmp_path / "sales.csv"
    lines = [HEADER]
    for month in range(1, 11):
        for day in ("05", "12", "19", "26"):
            lines += [f"A,2025-{month:02d}-{day},{10 + month % 3},{20 - month},4\n"]
            lines += [f"B,2025-{month:02d}-{day},{5 + month % 2},{9 + month},2\n"]
    lines[4] = "B,2025-01-12,n/a,7,2\n"  # a spreadsheet's row 5
    lines[6] = "B,soon,5,7,2\n"
    lines[8] = "B,2025-01-26,5,7,2,new,till\n"
    path.write_text("".join(lines))
    return path


def report(file: Path | None, out: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status, and the rows that the newest report lists as set aside."""
    named = [] if file is None else [str(file)]
    status = cli.main(["report", *named, "--out", str(out), "--formats", "json", "xlsx", *more])
    newest = max(out.glob("2*"), key=lambda it: it.stat().st_mtime_ns)
    said = json.loads((newest / "report.json").read_text(encoding="utf-8"))
    tables = {it["id"]: it["rows"] for part in said["sections"] for it in part["tables"]}
    return status, tables.get("set_aside", [])


def test_bad_rows_are_listed_in_the_report_and_stop_nothing(
    sales: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    status, found = report(sales, out)
    assert status == 0
    assert "Rows that could not be read, and so were left out: 3;" in capsys.readouterr().out
    assert [(it["file"], it["row"], it["sku"], it["column"], it["found"], it["why"]) for it in found] == [
        ("sales.csv", "5", "B", "price", "n/a", "No positive price"),
        ("sales.csv", "7", "B", "date", "soon", "No readable date"),
        (
            "sales.csv",
            "9",
            None,
            None,
            "B,2025-01-26,5,7,2,new,till",
            "More cells than the header has columns",
        ),
    ]
    assert [it["date"] for it in found] == ["2025-01-12", None, None]
    assert {it.sku: it.periods for it in Store.open(home=home).products()} == {"A": 40, "B": 37}
    # The same file again brings nothing new; one with another bad row does, though no price moves.
    assert cli.main(["report", str(sales), "--out", str(out), "--since-last", "--formats", "json"]) == 3
    last = sales.read_text().splitlines()[-1]
    sales.write_text(HEADER + "A,2025-10-26,n/a,3,4\n" + last + "\n")
    status, found = report(sales, out, "--since-last")
    assert status == 0 and [(it["row"], it["sku"]) for it in found] == [("2", "A")]
    # An import by itself is told of by the next report, of the installed shop.
    sales.write_text(HEADER + "B,2025-10-26,6,?,2\nA,2025-10-26,11,10,4\n")
    assert cli.main(["import", str(sales), "--skip-bad-rows"]) == 0
    assert [it["why"] for it in report(None, out, "--since-last")[1]] == ["No number of units"]


def test_a_file_without_a_row_to_read_is_refused(
    sales: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sales.write_text(HEADER + "A,2025-10-26,n/a,3,4\nB,soon,5,3,4\n")
    assert cli.main(["report", str(sales), "--out", str(tmp_path / "out")]) == 1
    assert "1 of 2 rows have no positive price" in capsys.readouterr().err
    assert not home.exists()


def test_a_large_file_lists_the_same_rows(sales: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    whole = read_history(sales, skip_bad_rows=True).report.set_aside
    monkeypatch.setattr(parts, "PART", 500)
    store = Store.open(home=home)
    told, _ = store.import_parts(read_parts(sales, skip_bad_rows=True))
    assert told.set_aside == whole
    (kept,), _ = store.reports.set_aside(after=0)
    assert (kept.file, kept.count) == ("sales.csv", 3)
    assert [it["row"] for it in kept.rows] == [it.row for it in whole] == [5, 7, 9]


def test_a_file_that_is_read_again_in_another_way_counts_once(sales: Path, home: Path) -> None:
    store = Store.open(home=home)
    for gaps in ("zero", "unknown"):
        store.import_parts(read_parts(sales, skip_bad_rows=True, gaps=gaps))
    (kept,), newest = store.reports.set_aside(after=0)
    assert (kept.count, [it["row"] for it in kept.rows]) == (3, [5, 7, 9])
    assert newest == 2  # both were taken in


def test_of_very_many_the_first_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    bad = [f"A,2025-01-05,{'n/a' if n % 2 else 5},{3 if n % 2 else 'x'},4\n" for n in range(3 * LISTED)]
    file.write_text("".join([HEADER, *bad, "A,2025-10-26,5,3,4\n"]))
    told = read_history(file, skip_bad_rows=True).report
    assert [it.row for it in told.set_aside] == list(range(2, 2 + LISTED))
    (note,) = (it for it in told.notes if it.code == "bad_rows_skipped")
    assert note.count == 3 * LISTED


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", [2, 5])
def test_every_language_says_how_many_and_what_to_do(language: Language, number: int) -> None:
    row = {"sku": "=cmd()", "store": "", "date": "2026-11-16", "column": "price", "found": "1,2,3"}
    listed = [row | {"row": 4, "why": "no_price"}, row | {"row": 5, "why": "ragged", "date": ""}]
    aside = RowsSetAside(file="sales.csv", count=number, rows=listed)
    document = written(entry("A"), language=language, set_aside=[aside])
    assert facts(document, "appendix")["dropped"] == 0
    said = " ".join(section(document, "coverage").sentences)
    assert {"en": f"imported: {number}.", "zh": f"：{number} 行。"}[language] in said
    assert {"en": "the first 2", "zh": "前 2 行"}[language] in said or number == 2
    assert [it["row"] for it in rows(document, "set_aside")] == ["4", "5"]
    assert "set_aside" not in {it.id for part in written(entry("A")).sections for it in part.tables}
