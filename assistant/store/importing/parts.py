"""Large files read in parts, each with all rows of its products: memory does not grow with the file."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import io
import pickle
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import pandas as pd

from assistant.store.importing.columns import match_columns, platform_of
from assistant.store.importing.reading import (
    GZIP,
    LARGEST,
    PARQUET,
    SAMPLE,
    Cells,
    ParquetFile,
    decoded,
    even_rows,
    filled_rows,
    found_delimiter,
    listed,
    named_columns,
    read_cells,
)
from assistant.store.importing.report import problem
from assistant.store.importing.sales import as_text
from policy.history import HistoryError

PART = 8 << 20
"""Bytes of text from which on a file is read in parts of about as many: some 200 MB of memory beside what any
import takes. Larger parts are no faster to import."""

PARQUET_CELL = 5
"""Bytes that a cell of Parquet is counted as: about as many as its text has."""

LARGEST_IN_PARTS = 1 << 36
"""Bytes of such a file: a thousand million rows. Its parts take as much room on disk while they are read."""

ROWS = 100_000
"""Rows that are sorted into parts at once."""

_ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030", "cp1252": "cp1252"}
"""Encodings that can be read from the middle of a file, and how: with a mark at the beginning or without."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, the user's share of it, or the largest file that may be written."""


def is_large(path: Path) -> bool:
    """Whether a file is larger than one part."""
    with _plain(path) as file:
        return file.is_file() and _size(file) > PART


def cells_in_parts(path: Path, *, skip_bad_rows: bool = False) -> Iterator[Cells]:
    """A file's rows in one or more parts, no product in two of them; see `read_cells`.

    What is read in parts is text and Parquet of a panel: UTF-16, workbooks, and exports in which orders span
    rows, are read whole.
    """
    with _plain(path) as file, tempfile.TemporaryDirectory() as folder:
        if (layout := _layout(file)) is not None:
            try:
                ragged = _sorted_into_parts(file, layout, Path(folder), skip_bad_rows)
            except (UnicodeDecodeError, pd.errors.ParserError):
                layout = None  # Something is amiss somewhere in the file, which reading it whole says where.
        if layout is None:
            yield read_cells(path, skip_bad_rows=skip_bad_rows)
            return
        parts = sorted(Path(folder).iterdir())
        if not parts:
            raise problem("no_rows_under_header", file=path.name, found=listed(layout.cells.header))
        with path.open("rb") as packed:
            sha256 = hashlib.file_digest(packed, "sha256").hexdigest()
        for number, part in enumerate(parts):
            yield replace(
                layout.cells, table=_table(part), sha256=sha256, ragged=ragged if number == 0 else ()
            )


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """The file itself, or what is packed in it under its name; what is damaged or holds more than `LARGEST`
    is left as it is, for `read_cells` to refuse."""
    with tempfile.TemporaryDirectory() as folder:
        plain = path
        if _begins(path, GZIP):
            place = Path(folder) / path.name
            with suppress(gzip.BadGzipFile, EOFError, zlib.error):
                with _room(path), gzip.open(path) as packed, place.open("wb") as unpacked:
                    while unpacked.tell() <= LARGEST and (block := packed.read(1 << 20)):
                        unpacked.write(block)
                if place.stat().st_size <= LARGEST:
                    plain = place
        yield plain


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Names the disk that is full: parts are on another than the file, perhaps, and than the shop."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise problem("no_room_for_parts", file=path.name, folder=tempfile.gettempdir()) from error


def _begins(path: Path, signature: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(signature)) == signature


def _size(path: Path) -> int:
    """Bytes of a file, of Parquet about those of its text."""
    if _begins(path, PARQUET):
        with suppress(HistoryError), ParquetFile(path) as file:
            return PARQUET_CELL * file.cells
    return path.stat().st_size


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How a large file is laid out, judged from its beginning."""

    cells: Cells
    """All of it but the rows."""
    key: tuple[int, ...]
    """Columns that name the product: its SKU, or its name where it has none."""
    parts: int
    start: int = 0
    """Rows of text before the first under the header."""
    widest: int = 0
    """Most cells of a row of text."""

    def part_of(self, rows: pd.DataFrame) -> pd.Series:
        """The part of each row; one that names no product is told of with the one before it."""
        product = as_text(rows[self.key[0]])
        for other in self.key[1:]:
            product = product.where(product != "", as_text(rows[other]))
        product = product.mask(product == "").ffill().fillna("")
        return pd.util.hash_pandas_object(product, index=False) % self.parts


def _layout(path: Path) -> _Layout | None:
    """None where the file is to be read whole."""
    if not path.is_file() or not PART < (size := _size(path)) <= LARGEST_IN_PARTS:
        return None
    if _begins(path, PARQUET):
        with ParquetFile(path) as file:
            cells = Cells(table=pd.DataFrame(), header=tuple(file.header), sha256="", kind="parquet")
        key = _key(cells)
        return None if key is None else _Layout(cells=cells, key=key, parts=-(-size // PART))
    with path.open("rb") as opened:
        beginning = opened.read(SAMPLE)
    with suppress(UnicodeDecodeError, HistoryError):
        # The sample may end within a sign, but no line is lost that a header could be in.
        text, encoding = decoded(beginning[: beginning.rfind(b"\n") + 1], path)
        if encoding not in _ENCODINGS or "\x00" in text or (delimiter := found_delimiter(text)) is None:
            return None
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        widest = max(map(len, lines))
        rows = pd.DataFrame([row + [""] * (widest - len(row)) for row in lines[:ROWS]], dtype="str")
        at, header = named_columns(rows)
        cells = Cells(
            table=rows.iloc[:0],
            header=tuple(header),
            sha256="",
            kind="csv",
            encoding=encoding,
            delimiter=delimiter,
        )
        if (key := _key(cells)) is not None:
            return _Layout(cells=cells, key=key, parts=-(-size // PART), start=at + 1, widest=widest)
    return None


def _key(cells: Cells) -> tuple[int, ...] | None:
    """The columns by which rows belong together; None where more than the product joins them."""
    matches = {it.field: it.position for it in match_columns(cells.header, blank=[False] * len(cells.header))}
    if matches.keys() & {"order", "event", "status", "cancelled"} or platform_of(cells.header) is not None:
        return None
    return tuple(matches[field] for field in ("sku", "name") if field in matches) or None


def _sorted_into_parts(
    path: Path, layout: _Layout, folder: Path, skip_bad_rows: bool
) -> tuple[tuple[int, str], ...]:
    """Write each part's rows, numbered as in the file, piece by piece into a file of its own; returns
    numbers and texts of rows set aside for having more cells than the header."""
    ragged: list[tuple[int, str]] = []
    rows = _parquet_rows(path) if layout.cells.kind == "parquet" else _text_rows(path, layout)
    for piece in rows:
        if layout.cells.delimiter is not None:
            width = len(layout.cells.header)
            piece, uneven = even_rows(piece, width, layout.cells.delimiter, path, skip_bad_rows)
            ragged += uneven
        piece = filled_rows(piece)
        for part, own in piece.groupby(layout.part_of(piece).to_numpy()):
            with _room(path), (folder / f"{part:06d}").open("ab") as file:
                pickle.dump(own, file, protocol=pickle.HIGHEST_PROTOCOL)
    return tuple(ragged)


def _table(part: Path) -> pd.DataFrame:
    """A part's rows, put together from its pieces."""
    pieces = []
    with part.open("rb") as file, suppress(EOFError):
        while True:
            pieces.append(pickle.load(file))
    return pd.concat(pieces)


def _text_rows(path: Path, layout: _Layout) -> Iterator[pd.DataFrame]:
    """The rows under the header, some at a time."""
    with path.open(encoding=_ENCODINGS[layout.cells.encoding or ""], newline="") as file:
        chunks = pd.read_csv(
            cast(IO[str], file),
            sep=layout.cells.delimiter,
            header=None,
            names=range(layout.widest),
            index_col=False,
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=ROWS,
        )
        for number, chunk in enumerate(chunks):
            rows = chunk.fillna("").iloc[layout.start if number == 0 else 0 :]
            rows.index += 1
            yield rows


def _parquet_rows(path: Path) -> Iterator[pd.DataFrame]:
    with ParquetFile(path) as file:
        yield from file.rows(ROWS)
