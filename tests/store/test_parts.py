"""Large files are read in parts: the shop then holds what it would hold had they been read whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from assistant.store import Store
from assistant.store.demo import demo_history
from assistant.store.importing import combined, parts, read_history, read_parts
from policy.history import HistoryError, HistoryNote


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART", 40_000)
    monkeypatch.setattr(parts, "ROWS", 700)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    demo_history().to_csv(path, index=False)
    assert path.stat().st_size > 3 * parts.PART
    return path


def test_no_product_is_in_two_parts_and_no_row_is_lost(file: Path) -> None:
    whole, found = read_history(file), list(read_parts(file))
    assert len(found) > 3
    skus = [set(part.frame["sku"]) for part in found]
    assert sum(map(len, skus)) == len(set().union(*skus))
    together = pd.concat([part.frame for part in found]).sort_values(["sku", "date"], ignore_index=True)
    pd.testing.assert_frame_equal(together, whole.frame.sort_values(["sku", "date"], ignore_index=True))
    report = combined([part.report for part in found])
    assert report.history == whole.report.history
    assert (report.sha256, report.columns, report.encoding) == (
        whole.report.sha256, whole.report.columns, whole.report.encoding,
    )  # fmt: skip


def test_the_shop_is_the_same_and_knows_the_file_again(file: Path, tmp_path: Path) -> None:
    whole, shop = read_history(file), Store.open(home=tmp_path / "parts")
    _, result = shop.import_parts(read_parts(file))
    other = Store.open(home=tmp_path / "whole")
    one = other.import_history(whole.frame, source="sales.csv", content_hash="x")
    pd.testing.assert_frame_equal(shop.history(), other.history())
    assert (result.products, result.rows_added, result.prices_recorded) == (
        one.products, one.rows_added, one.prices_recorded,
    )  # fmt: skip
    _, again = shop.import_parts(read_parts(file))
    assert again.already_imported and again.rows_unchanged == result.rows_added
    assert len(shop.reports.inputs()) == 1


def test_a_file_has_one_entry_in_the_audit_log_with_all_its_numbers(file: Path, tmp_path: Path) -> None:
    shop = Store.open(home=tmp_path / "shop")
    _, result = shop.import_parts(read_parts(file), actor="Ann")
    shop.import_parts(read_parts(file))  # known already: no entry
    (entry,) = [it for it in shop.audit() if it.action == "import"]
    table = pd.read_csv(file)
    assert (entry.actor, entry.subject) == ("Ann", "sales.csv")
    assert entry.detail["content_hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (entry.detail["rows_added"], entry.detail["products"]) == (len(table), table["sku"].nunique())
    assert entry.detail["prices_recorded"] == result.prices_recorded


def test_a_bad_row_late_in_the_file_is_named_by_its_own_number_and_nothing_is_loaded(
    file: Path, tmp_path: Path
) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    at = lines[0].split(",").index("price")
    cells = lines[-5].split(",")
    cells[at] = "n/a?"
    lines[-5] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shop = Store.open(home=tmp_path / "shop")
    with pytest.raises(HistoryError, match=rf"row {len(lines) - 4:,}|row {len(lines) - 4}"):
        shop.import_parts(read_parts(file))
    assert shop.products() == []


def test_rows_with_more_cells_than_the_header_are_set_aside_once(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[900] += ",surplus"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(HistoryError, match="901"):
        list(read_parts(file))
    reports = [part.report for part in read_parts(file, skip_bad_rows=True)]
    (note,) = [note for note in combined(reports).notes if note.code == "rows_ragged_skipped"]
    assert (note.count, note.detail) == (1, "901")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_other_encodings_are_read_whole(file: Path, encoding: str) -> None:
    text = file.read_text(encoding="utf-8").replace("Oak Cutting Board", "橡木砧板")
    file.write_text(text, encoding="utf-8")
    whole = read_history(file)
    file.write_text(text, encoding=encoding)
    (found,) = read_parts(file)
    pd.testing.assert_frame_equal(found.frame, whole.frame)


def test_numbers_of_the_parts_notes_are_added_up(file: Path) -> None:
    reports = [part.report for part in read_parts(file)][:2]
    for code, details, total in [
        ("returns_exceed_sales", ("2.5", "4"), "6.5"),
        ("periods_added_up", ("104", "1000000"), "1000104"),
        ("unknown_columns", ("colour", "colour"), "colour"),
    ]:
        noted = [
            replace(it, history=replace(it.history, notes=(HistoryNote(code, 1, detail),)))
            for it, detail in zip(reports, details, strict=True)
        ]
        assert [it.detail for it in combined(noted).history.notes] == [total]
