"""Products of which the newest files say nothing: the report says so, and not that nothing changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from made_entries import entry
from test_compose import LANGUAGES, facts, rows, section, written

from assistant import cli
from assistant.report.sections.gaps import periods_since
from assistant.wording import Language

OLD = {"last_date": "2026-10-26"}
"""Three weeks before the others' last."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_newer_sales_are_not_no_change(language: Language) -> None:
    entries = [entry("A"), entry("B"), entry("C", standing=OLD)]
    entries = [replace(it, earlier=it.recommendation) for it in entries]
    last = "2026-11-16T08:00:00+00:00"
    document = written(*entries, language=language, last_report=last, since_last=True)
    assert facts(document, "appendix")["dropped"] == 0
    found = facts(document, "actions")
    assert (found["unchanged"], found["left_silent"]) == (2, 1)
    assert facts(document, "changes")["advice_silent"] == 1
    (row,) = rows(document, "silent")
    assert (row["sku"], row["last_record"], row["missing_periods"]) == ("C", "2026-10-26", 3)
    said = section(document, "gaps").sentences[0]
    assert {"en": "1 of 3 products", "zh": "3 个中有 1 个"}[language] in said


def test_a_shop_whose_products_all_have_the_newest_sales_says_nothing_of_it() -> None:
    document = written(entry("A"), entry("B"))
    assert "silent" not in {it.id for part in document.sections for it in part.tables}
    assert not any("on record since" in text for part in document.sections for text in part.sentences)


def test_where_nothing_else_is_missing_it_is_said_too() -> None:
    full = {
        "stock": 10.0,
        "stock_date": "2026-11-16",
        "competitor_price": 9.0,
        "competitor_date": "2026-11-16",
    }
    document = written(entry("A", standing=full), entry("B", standing=full | OLD))
    assert [row["sku"] for row in rows(document, "silent")] == ["B"]
    assert section(document, "gaps").sentences[1] == "Nothing else is missing that a suggestion needs."


def test_missing_periods_are_counted_by_the_calendar() -> None:
    assert periods_since("2026-01-31", "2026-03-01", "month") == 2
    assert periods_since("2025-12-29", "2026-01-13", "week") == 2  # the weeks of a new year shift by a day
    assert periods_since("2026-02-27", "2026-03-02", "day") == 3


def test_the_command_counts_them_apart(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sales.csv"
    weeks = [f"{date(2025, 1, 6) + timedelta(weeks=week)}" for week in range(32)]
    rows = [
        f"{sku},{day},{10 + n % 3},{20 - 2 * (n % 3)},4\n" for n, day in enumerate(weeks) for sku in "ABC"
    ]
    command = ["report", str(file), "--out", str(tmp_path / "out"), "--since-last", "--formats", "json"]
    for some, silent in ((rows[:-3], 0), (rows[-3:-1], 1)):  # C is not in the second file
        file.write_text("sku,date,price,units,cost\n" + "".join(some))
        assert cli.main(command) == 0
        said = capsys.readouterr().out
        assert ("No sales on record of the newest periods: 1 products" in said) == bool(silent)
    assert "2 products with new sales, rules, model or advice; 0 with none." in said
    newest = max((tmp_path / "out").glob("2*"))
    report = json.loads((newest / "report.json").read_text(encoding="utf-8"))
    tables = {it["id"]: it["rows"] for part in report["sections"] for it in part["tables"]}
    assert [row["sku"] for row in tables["silent"]] == ["C"]
    assert {row["sku"] for row in tables["actions"]} == {"A", "B"}
