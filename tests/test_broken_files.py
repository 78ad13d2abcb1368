"""Broken files: one clear error with counts and the first place, in both languages; nothing half loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.store.importing import Imported, error_text, read_history
from policy.history import HistoryError

PLAIN = "sku,date,price,units\nmilk,2026-01-05,1.50,10\nmilk,2026-01-12,1.60,8\nmilk,2026-01-19,1.50,11\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "sales.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def codes(imported: Imported) -> set[str]:
    return {note.code for note in (*imported.report.notes, *imported.report.history.notes)}


def refused(path: Path, *, skip_bad_rows: bool = False) -> HistoryError:
    with pytest.raises(HistoryError) as error:
        read_history(path, skip_bad_rows=skip_bad_rows)
    # Whatever is said in English is said in Chinese too.
    assert any("\u4e00" <= sign <= "\u9fff" for sign in error_text(error.value, "zh"))
    assert error_text(error.value, "en") == str(error.value)
    return error.value


def test_bad_rows_make_one_error_with_counts_and_first_places(write: Write) -> None:
    text = PLAIN + "tea,2026-01-05,n/a,2\ntea,2026-01-12,,3\ntea,soon,2,3\n"
    error = refused(write("\n" + text))
    assert str(error) == (
        "1 of 6 rows have no readable date in 'date'; the first is row 8, 'tea' ('soon').\n"
        "2 of 6 rows have no positive price in 'price'; the first is row 6, 'tea' on 2026-01-05 ('n/a').\n"
        "Fix or remove these rows, or load with --skip-bad-rows to set them aside."
    )
    assert "6 行中有 2 行" in error_text(error, "zh") and "第 6 行" in error_text(error, "zh")
    imported = read_history(write("\n" + text), skip_bad_rows=True)
    assert len(imported.frame) == 3 and "bad_rows_skipped" in codes(imported)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (b"sku,date,price,units\n", "a header but no rows under it; its columns are sku, date, price, units"),
        (bytes(range(256)) * 8, "is binary, not a table"),
        (b"%PDF-1.7\n1 0 obj", "is PDF, not a table"),
        (b"\x89PNG\r\n\x1a\n0000", "is PNG, not a table"),
        (b"PK\x03\x04 not really a workbook", "is ZIP, not a table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old format (.xls)"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is HTML/XML, not a table"),
        (b'[{"sku": "a"}]', "is JSON, not a table"),
        (b"a" * 200_000 + b",b\n", "cannot be read as CSV"),
        (PLAIN.replace("2026-", "0026-").encode(), "3 of 3 rows have no readable date"),
        (b"sku,date,price,units\na,2026-01-05,1,-2\na,2026-01-06,1,-3\n", "Returns exceed sales"),
        (b"\x1f\x8b\x08 cut short", "is damaged"),
        (b"PAR1 cut short", "is damaged"),
        (b"milk\ntea\nbread\n", "has a single column; it begins 'milk'"),
        (PLAIN.replace("1.50", "").replace("1.60", "nan").encode(), "3 of 3 rows have no positive price"),
        (PLAIN.replace("2026-01-", "week ").encode(), "3 of 3 rows have no readable date"),
        (PLAIN.replace("1.60", "€1.60").replace("1.50", "$1.50").encode(), "several currencies ($, EUR)"),
        (PLAIN.replace("1.60", "1,60").encode(), "1 of 3 rows of sales.csv have more cells than the 4 "
         "columns of the header; the first is row 3 (milk,2026-01-12,1,60,8)"),
        (PLAIN.encode() + b'milk,2026-01-26,"1.50,10\n', "a quote opens in row 5 and never closes"),
    ],
)  # fmt: skip
def test_broken_files_get_one_clear_error(write: Write, content: bytes, said: str) -> None:
    error = refused(write(content))
    assert said in str(error)


def test_where_no_row_can_be_read_skipping_is_no_remedy(write: Write) -> None:
    error = refused(write(PLAIN.replace("milk", "")), skip_bad_rows=True)
    assert "3 of 3 rows have no product" in str(error) and "--skip-bad-rows" not in str(error)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "There is no file" in str(refused(tmp_path / "nowhere.csv"))


def test_totals_and_remarks_at_the_end_are_not_sales(write: Write) -> None:
    text = PLAIN + "Total,,,29\n\n3 record(s) downloaded,,,\n"
    imported = read_history(write(text))
    assert len(imported.frame) == 3 and "footer_rows" in codes(imported)
