"""Large files are read in parts: the shop then holds what it would hold had they been read whole."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assistant.store import Store
from assistant.store.demo import demo_history
from assistant.store.importing import (
    Imported,
    combined,
    error_text,
    is_large,
    parts,
    read_history,
    read_parts,
)
from assistant.wording import LANGUAGES
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


def assert_the_same(found: list[Imported], whole: Imported) -> None:
    """The parts hold every row of the whole, no product twice, and tell the same."""
    skus = [set(part.frame["sku"]) for part in found]
    assert sum(map(len, skus)) == len(set().union(*skus))
    together, expected = (
        table.sort_values(["sku", "date"], ignore_index=True)
        for table in (pd.concat([part.frame for part in found]), whole.frame)
    )
    pd.testing.assert_frame_equal(together[expected.columns], expected)
    report = combined([part.report for part in found])
    assert (report.history, report.notes) == (whole.report.history, whole.report.notes)
    assert (report.sha256, report.kind, report.columns, report.ignored, report.encoding) == (
        whole.report.sha256,
        whole.report.kind,
        whole.report.columns,
        whole.report.ignored,
        whole.report.encoding,
    )


def test_no_product_is_in_two_parts_and_no_row_is_lost(file: Path) -> None:
    whole, found = read_history(file), list(read_parts(file))
    assert len(found) > 3
    assert_the_same(found, whole)


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


@pytest.mark.parametrize(
    "encoding, name, in_parts",
    [
        ("utf-8-sig", "橡木砧板", True),
        ("gb18030", "橡木砧板", True),
        ("cp1252", "Schürze für Köche", True),
        ("utf-16", "橡木砧板", False),
    ],
)
def test_every_encoding_is_read(file: Path, encoding: str, name: str, in_parts: bool) -> None:
    text = file.read_text(encoding="utf-8").replace("Oak Cutting Board", name)
    file.write_text(text, encoding=encoding)
    whole, found = read_history(file), list(read_parts(file))
    assert name in set(whole.frame["name"])
    assert (len(found) > 1) == in_parts
    assert_the_same(found, whole)


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


def test_packed_files_are_read_in_parts_as_what_is_in_them(file: Path) -> None:
    packed = file.with_name("sales.csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert packed.stat().st_size < parts.PART  # it is what is in it that is large
    found = list(read_parts(packed))
    assert len(found) > 3
    assert_the_same(found, read_history(packed))
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(HistoryError, match=r"sales\.csv\.gz is damaged"):
        list(read_parts(packed))


def test_rows_that_name_no_product_and_blank_ones_are_no_part_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two products: some parts would have nothing but the rows without one.
    days = pd.date_range("2024-01-01", periods=700).strftime("%Y-%m-%d")
    lines = [f"{sku},{day},9.90,3" for sku in ("one", "two") for day in days]
    lines[100:100] = [",,,"] * 5 + [",2024-01-01,9.90,3"]
    file = tmp_path / "sales.csv"
    file.write_text("\n".join(["sku,date,price,units", *lines]) + "\n", encoding="utf-8")
    monkeypatch.setattr(parts, "PART", file.stat().st_size // 20)
    found = list(read_parts(file, skip_bad_rows=True))
    assert len(found) == 2
    assert_the_same(found, read_history(file, skip_bad_rows=True))


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_disk_is_named_where_the_parts_are(file: Path, packed: bool) -> None:
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes()))
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(HistoryError, match="TMPDIR") as error:
            list(read_parts(file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for language in LANGUAGES:
        said = error_text(error.value, language)
        assert tempfile.gettempdir() in said and file.name in said


# Parquet


def odd_sales() -> pd.DataFrame:
    """The demo's sales, by date, with what Parquet has and text has not."""
    table = demo_history().sort_values("date", ignore_index=True)
    number = table["sku"].astype("category").cat.codes.astype("Int64")
    table["sku"] = (number + 9_007_199_254_740_993).mask(
        number == 3
    )  # no float holds it; one has a name only
    table["promo"] = (table["promo"] > 0).astype("boolean").mask(table.index % 7 == 0)
    table["stock"] = table["stock"].round().astype("Int64").mask(table.index < len(table) // 2)
    table["category"] = table["category"].astype("category")
    return table.set_index("name")


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    file = tmp_path / "sales.parquet"
    odd_sales().to_parquet(file, row_group_size=500)
    return file


def test_parquet_is_read_in_parts_with_the_same_result(parquet: Path, tmp_path: Path) -> None:
    groups = pq.ParquetFile(parquet)
    first, last = (set(groups.read_row_group(i)["name"].to_pylist()) for i in (0, groups.num_row_groups - 1))
    assert groups.num_row_groups > 3 and first & last  # products go on from one group to another
    found, whole = list(read_parts(parquet)), read_history(parquet)
    assert len(found) > 2
    assert_the_same(found, whole)
    assert "9007199254740993" in set(whole.frame["sku"])
    shop, other = Store.open(home=tmp_path / "parts"), Store.open(home=tmp_path / "whole")
    shop.import_parts(read_parts(parquet))
    other.import_history(whole.frame, source="sales.parquet", content_hash="x")
    pd.testing.assert_frame_equal(shop.history(), other.history())


def test_one_group_of_rows_is_read_in_parts_too(parquet: Path) -> None:
    one = parquet.with_name("one.parquet")
    odd_sales().to_parquet(one, row_group_size=1_000_000)
    frames = [pd.concat([part.frame for part in read_parts(file)]) for file in (one, parquet)]
    pd.testing.assert_frame_equal(*frames)


def test_a_bad_row_late_in_parquet_is_named_and_nothing_is_loaded(parquet: Path, tmp_path: Path) -> None:
    table = odd_sales()
    table["price"] = table["price"].where(np.arange(len(table)) != len(table) - 3)
    table.to_parquet(parquet, row_group_size=500)
    shop = Store.open(home=tmp_path / "shop")
    with pytest.raises(HistoryError, match=f"row {len(table) - 2}"):
        shop.import_parts(read_parts(parquet))
    assert shop.products() == [] and shop.audit() == []


def test_damaged_parquet_is_one_clear_line(parquet: Path) -> None:
    data = bytearray(parquet.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    parquet.write_bytes(data)
    with pytest.raises(
        HistoryError, match=r"^sales\.parquet is damaged \(.*\)\. Download or export it again\.$"
    ):
        list(read_parts(parquet))
    parquet.write_bytes(data[:-100])
    with pytest.raises(HistoryError, match=r"^sales\.parquet is damaged"):
        list(read_parts(parquet))


def test_parquet_is_large_by_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "same.parquet"
    rows = 20_000  # that are alike, so that the file is small
    table = {"sku": ["A"] * rows, "date": ["2024-01-01"] * rows, "price": [1.0] * rows, "units": [1] * rows}
    pq.write_table(pa.table(table), file)
    assert file.stat().st_size < parts.PART and is_large(file)


def test_a_large_workbook_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "sales.xlsx"
    demo_history().to_excel(file, index=False)
    assert is_large(file)
    (found,) = read_parts(file)
    assert_the_same([found], read_history(file))
