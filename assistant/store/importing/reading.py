"""A merchant's file as a table of cells: whatever its format, encoding, delimiter and header row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

import pandas as pd

from assistant.store.importing.columns import recognised
from assistant.store.importing.report import problem

LARGEST = 1 << 30
"""Bytes of a file, unpacked."""
HEADER_WITHIN = 20
"""Rows in which to look for the header: some exports begin with a title or a blank line."""
SAMPLE = 1 << 20
"""Bytes from which encoding and delimiter are judged."""

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
"""What such files begin with."""
_SIGNATURES = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (b"SQLite format 3", "SQLite"),
    (b"{\\rtf", "RTF"),
)
_DELIMITERS = (",", ";", "\t", "|")
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls row labels without a name: they are no column."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A file's rows under their header."""

    table: pd.DataFrame
    """Cells as they are: text from CSV, typed values from a workbook or Parquet. Columns are numbered from
    0; the index is the row's number as a spreadsheet shows it. Blank rows are left out."""
    header: tuple[str, ...]
    sha256: str
    """Of the file's bytes."""
    kind: Literal["csv", "excel", "parquet"]
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()
    ragged: tuple[tuple[int, str], ...] = ()
    """Numbers and texts of rows that were set aside for having more cells than the header."""


def read_cells(path: Path, *, skip_bad_rows: bool = False) -> Cells:
    """Read CSV and its kin (any delimiter), Excel or Parquet, each also as .gz.

    Raises
    ------
    HistoryError
        Where there is no such file, or it holds no table: what it is instead, and what to do.
    """
    data = _bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    data = _unpacked(data, path)
    if not data.strip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t"):
        raise problem("file_empty", file=path.name)
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise problem("not_a_table", file=path.name, kind=kind)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise problem("old_excel", file=path.name)
    if data.startswith(PARQUET):
        return _parquet(data, path, sha256)
    if data.startswith(b"PK\x03\x04"):
        return _excel(data, path, sha256)
    return _text_table(data, path, sha256, skip_bad_rows)


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise problem("file_is_folder", file=str(path))
    if not path.is_file():
        raise problem("file_missing", file=str(path))
    if path.stat().st_size > LARGEST:
        raise problem("file_too_large", file=path.name, limit=f"{LARGEST >> 20:,} MiB")
    return path.read_bytes()


def _unpacked(data: bytes, path: Path) -> bytes:
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise problem("archive_broken", file=path.name, reason=str(error)) from error
    if len(unpacked) > LARGEST:
        raise problem("file_too_large", file=path.name, limit=f"{LARGEST >> 20:,} MiB")
    return unpacked


# --- text ------------------------------------------------------------------------------------------


def _text_table(data: bytes, path: Path, sha256: str, skip_bad_rows: bool) -> Cells:
    text, encoding = decoded(data, path)
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<?xml", "<table", "<head", "<script")):
        raise problem("not_a_table", file=path.name, kind="HTML/XML")
    if text.lstrip()[:1] in ("{", "["):
        raise problem("not_a_table", file=path.name, kind="JSON")
    text = text if "\n" in text else text.replace("\r", "\n")
    try:
        return _delimited(text, encoding, path, sha256, skip_bad_rows)
    except csv.Error as error:
        raise problem("text_broken", file=path.name, reason=str(error)) from error


def _delimited(text: str, encoding: str, path: Path, sha256: str, skip_bad_rows: bool) -> Cells:
    delimiter = found_delimiter(text)
    if delimiter is None:
        raise problem("one_column", file=path.name, found=text.strip().splitlines()[0][:60])
    widest = max(len(row) for row in csv.reader(io.StringIO(text[:SAMPLE]), delimiter=delimiter))
    try:
        rows = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None,
            names=range(widest),
            index_col=False,
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
        ).fillna("")
    except pd.errors.ParserError as error:
        if opened := re.search(r"EOF inside string starting at row (\d+)", str(error)):
            raise problem("quote_open", file=path.name, row=str(int(opened[1]) + 1)) from error
        # Some row has more cells than any in the sample; read slowly, and find them.
        rows = _padded(list(csv.reader(io.StringIO(text), delimiter=delimiter)), "").astype("str")
    rows.index += 1
    at, header = named_columns(rows)
    body, ragged = even_rows(rows.iloc[at + 1 :], len(header), delimiter, path, skip_bad_rows)
    return Cells(
        table=without_blank_rows(body, path, header),
        header=tuple(header),
        sha256=sha256,
        kind="csv",
        encoding=encoding,
        delimiter=delimiter,
        ragged=ragged,
    )


def named_columns(rows: pd.DataFrame) -> tuple[int, list[str]]:
    """Where the header of text is, and its names without blank ones at the end."""
    at = _header_row(rows)
    header = [cell.strip() for cell in rows.iloc[at]]
    return at, header[: max((i + 1 for i, cell in enumerate(header) if cell), default=0)]


def even_rows(
    body: pd.DataFrame, width: int, delimiter: str, path: Path, skip_bad_rows: bool
) -> tuple[pd.DataFrame, tuple[tuple[int, str], ...]]:
    """Rows with as many cells as the header, and numbers and texts of those set aside for having more."""
    ragged: tuple[tuple[int, str], ...] = ()
    if (overfull := (body.iloc[:, width:] != "").any(axis=1)).any():
        texts = (delimiter.join(cells).rstrip(delimiter)[:80] for cells in body[overfull].to_numpy())
        ragged = tuple(zip(map(int, body.index[overfull]), texts, strict=True))
        if not skip_bad_rows:
            raise problem(
                "rows_ragged",
                file=path.name,
                count=f"{len(ragged):,}",
                rows=f"{len(body):,}",
                row=str(ragged[0][0]),
                width=str(width),
                found=ragged[0][1],
            )
        body = body[~overfull]
    return body.iloc[:, :width].copy(), ragged


def _padded(rows: list[list[Any]], filler: str | None) -> pd.DataFrame:
    """Rows of any length as a table of objects, filled up on the right."""
    width = max(map(len, rows), default=0)
    return pd.DataFrame([row + [filler] * (width - len(row)) for row in rows], dtype=object)


def decoded(data: bytes, path: Path) -> tuple[str, str]:
    """The text and the encoding it was in: marked, UTF-8, UTF-16, GB18030 or Western European."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding), encoding.removesuffix("-sig")
            except UnicodeDecodeError as error:
                raise problem("encoding_broken", file=path.name, place=f"{error.start:,}") from error
    if b"\x00" in data[:SAMPLE]:
        for encoding, place in (("utf-16-le", 1), ("utf-16-be", 0)):
            half = data[place:SAMPLE:2]
            if half.count(0) > 0.5 * len(half):
                return data.decode(encoding, errors="replace"), encoding
        raise problem("not_a_table", file=path.name, kind="binary")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    if (chinese := _gb18030(data)) is not None:
        return chinese, "gb18030"
    controls = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in data[:4096])
    if controls > 0.01 * len(data[:4096]):
        raise problem("not_a_table", file=path.name, kind="binary")
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _gb18030(data: bytes) -> str | None:
    """The text, where it decodes, and to everyday Chinese: Western text decodes too, but to rare signs."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = [sign for sign in text[:SAMPLE] if ord(sign) > 127]
    everyday = sum(1 for sign in foreign if _in_gb2312(sign))
    return text if everyday >= 0.9 * len(foreign) else None


def _in_gb2312(sign: str) -> bool:
    try:
        return len(sign.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


def found_delimiter(text: str) -> str | None:
    """The delimiter under which the first rows show the most known column names, then the most cells."""
    lines = [line for line in text[:SAMPLE].splitlines() if line.strip()][:HEADER_WITHIN]
    best: tuple[tuple[int, float], str] | None = None
    for delimiter in _DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        widths = [len(row) for row in rows]
        if max(widths, default=0) < 2:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        score = (max(recognised(row) for row in rows), usual * widths.count(usual) / len(widths))
        if best is None or score > best[0]:
            best = (score, delimiter)
    return best[1] if best else None


# --- workbooks, Parquet ----------------------------------------------------------------------------


def _excel(data: bytes, path: Path, sha256: str) -> Cells:
    """The sheet whose first rows show the most known column names."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise problem("not_a_table", file=path.name, kind="ZIP") from error
    sheets: dict[str, pd.DataFrame] = {}
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # some writers store a wrong extent
        frame = _padded([list(row) for row in sheet.iter_rows(values_only=True)], None)
        frame.index += 1
        if frame.notna().any(axis=None):
            sheets[sheet.title] = frame
    if not sheets:
        raise problem("file_empty", file=path.name)
    scores = {title: recognised(_names(rows.iloc[_header_row(rows)])) for title, rows in sheets.items()}
    title = max(sheets, key=lambda title: scores[title])  # of equals, the first
    rows = sheets[title]
    at = _header_row(rows)
    header = _names(rows.iloc[at])
    table = rows.iloc[at + 1 :].map(lambda cell: None if isinstance(cell, str) and not cell.strip() else cell)
    return Cells(
        table=without_blank_rows(table, path, header),
        header=tuple(header),
        sha256=sha256,
        kind="excel",
        sheet=title,
        other_sheets=tuple(sheet.title for sheet in book.worksheets if sheet.title != title),
    )


class ParquetFile:
    """A file of Parquet, read in whole or some rows at a time; what pandas notes in it beside the columns is
    not followed, so that both give the same cells.

    Raises `HistoryError` where it is damaged.
    """

    def __init__(self, source: Path | IO[bytes], *, name: str = "") -> None:
        from pyarrow.parquet import ParquetFile as Opened

        self._name = name or Path(str(source)).name
        with self._explained():
            # Of a group of rows only what is being read is held, however large the group is.
            self._file = Opened(source, buffer_size=1 << 20, pre_buffer=False)
            names = [str(name) for name in self._file.schema_arrow.names]
        self._at = [i for i, name in enumerate(names) if not _UNNAMED_INDEX.fullmatch(name)]
        self.header = [names[i] for i in self._at]
        """Names of the columns."""
        self.cells = int(self._file.metadata.num_rows) * len(self.header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self, count: int) -> Iterator[pd.DataFrame]:
        """The rows, so many at a time, numbered from 1."""
        from pyarrow import Table

        first = 1
        batches = self._file.iter_batches(batch_size=count)
        while True:
            with self._explained():
                if (batch := next(batches, None)) is None:
                    return
                # Whole numbers stay such where some are missing, in these rows or others.
                frame = Table.from_batches([batch]).to_pandas(ignore_metadata=True, integer_object_nulls=True)
            table = frame.iloc[:, self._at].set_axis(range(len(self._at)), axis=1)
            table.index = pd.RangeIndex(first, first + len(table))
            first += len(table)
            for position, dtype in enumerate(table.dtypes):
                if not pd.api.types.is_datetime64_any_dtype(dtype):  # categories, decimals, truth values
                    table[position] = table[position].astype(object)
            yield table

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            reason = str(error).splitlines()[0][:120]
            raise problem("archive_broken", file=self._name, reason=reason) from error


def _parquet(data: bytes, path: Path, sha256: str) -> Cells:
    with ParquetFile(io.BytesIO(data), name=path.name) as file:
        pieces = list(file.rows(1 << 20))
        header = file.header
    table = pd.concat(pieces) if pieces else pd.DataFrame(columns=range(len(header)))
    return Cells(
        table=without_blank_rows(table, path, header), header=tuple(header), sha256=sha256, kind="parquet"
    )


def _names(row: pd.Series) -> list[str]:
    return ["" if pd.isna(cell) else str(cell).strip() for cell in row]


def _header_row(rows: pd.DataFrame) -> int:
    """Position of the row with the most known names; without two of them, of the first row with two cells."""
    first = [_names(rows.iloc[i]) for i in range(min(HEADER_WITHIN, len(rows)))]
    known = [recognised(names) for names in first]
    if max(known) >= 2:
        return known.index(max(known))
    return next((i for i, names in enumerate(first) if sum(map(bool, names)) >= 2), 0)


def filled_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not blank."""
    filled = table.notna() & (table.astype("str").apply(lambda cells: cells.str.strip()) != "")
    return table[filled.any(axis=1)]


def without_blank_rows(table: pd.DataFrame, path: Path, header: list[str]) -> pd.DataFrame:
    """The rows that are not blank. Raises `HistoryError` where there are none."""
    table = filled_rows(table)
    if table.empty:
        raise problem("no_rows_under_header", file=path.name, found=listed(header))
    return table


def listed(names: Sequence[str]) -> str:
    """Column names for an error, not too many."""
    shown = [name for name in names if name]
    return ", ".join(shown[:30]) + (" …" if len(shown) > 30 else "") if shown else "-"
