"""Large files read in parts, each with all rows of its products: memory does not grow with the file."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pandas as pd

from assistant.store.importing.columns import match_columns, platform_of
from assistant.store.importing.reading import (
    SAMPLE,
    Cells,
    even_rows,
    found_delimiter,
    named_columns,
    read_cells,
    without_blank_rows,
)

PART = 64 << 20
"""Bytes of text from which on a file is read in parts of about as many: a gigabyte of memory each."""

LARGEST_IN_PARTS = 1 << 36
"""Bytes of such a file: a thousand million rows. Its parts take as much room on disk while they are read."""

ROWS = 200_000
"""Rows that are sorted into parts at once."""


def cells_in_parts(path: Path, *, skip_bad_rows: bool = False) -> Iterator[Cells]:
    """A file's rows in one or more parts, no product in two of them; see `read_cells`.

    What is read in parts is plain UTF-8 text of a panel: other encodings, workbooks, Parquet, and exports in
    which orders span rows, are read whole.
    """
    if (layout := _layout(path)) is None:
        yield read_cells(path, skip_bad_rows=skip_bad_rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            ragged = _sorted_into_parts(path, layout, Path(folder), skip_bad_rows)
        except (UnicodeDecodeError, pd.errors.ParserError):
            # Something is amiss somewhere in the file, which reading it whole says where.
            yield read_cells(path, skip_bad_rows=skip_bad_rows)
            return
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        first = True
        for part in sorted(Path(folder).iterdir()):
            table = pd.concat([pd.read_pickle(piece) for piece in sorted(part.iterdir())])
            yield replace(
                layout.cells,
                table=without_blank_rows(table, path, list(layout.cells.header)),
                sha256=sha256,
                ragged=ragged if first else (),
            )
            first = False


class _Layout:
    """How a large file of text is laid out, judged from its beginning."""

    def __init__(self, cells: Cells, start: int, widest: int, key: tuple[int, ...], parts: int) -> None:
        self.cells, self.start, self.widest, self.key, self.parts = cells, start, widest, key, parts

    def part_of(self, rows: pd.DataFrame) -> pd.Series:
        """The part of each row: by its SKU, or its name where it has none."""
        product = rows[self.key[0]].str.strip()
        for other in self.key[1:]:
            product = product.where(product != "", rows[other].str.strip())
        return pd.util.hash_pandas_object(product, index=False) % self.parts


def _layout(path: Path) -> _Layout | None:
    """None where the file is to be read whole."""
    if not path.is_file() or not PART < (size := path.stat().st_size) <= LARGEST_IN_PARTS:
        return None
    with path.open("rb") as file:
        beginning = file.read(SAMPLE)
    with suppress(UnicodeDecodeError):
        # The sample may end within a sign, but no line is lost that a header could be in.
        text = beginning[: beginning.rfind(b"\n") + 1].decode("utf-8-sig")
        if "\x00" in text or (delimiter := found_delimiter(text)) is None:
            return None
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        widest = max(map(len, lines))
        rows = pd.DataFrame([row + [""] * (widest - len(row)) for row in lines[:ROWS]], dtype="str")
        at, header = named_columns(rows)
        matches = {it.field: it.position for it in match_columns(header, blank=[False] * len(header))}
        platform = platform_of(header)
        key = tuple(matches[field] for field in ("sku", "name") if field in matches)
        if matches.keys() & {"order", "event", "status", "cancelled"} or platform is not None or not key:
            return None
        empty = rows.iloc[:0]
        cells = Cells(
            table=empty, header=tuple(header), sha256="", kind="csv", encoding="utf-8", delimiter=delimiter
        )
        return _Layout(cells, at + 1, widest, key, -(-size // PART))
    return None


def _sorted_into_parts(path: Path, layout: _Layout, folder: Path, skip_bad_rows: bool) -> tuple[int, ...]:
    """Write each part's rows, numbered as in the file, as pieces into a folder of its own; returns the
    numbers of rows set aside for having more cells than the header."""
    delimiter = cast(str, layout.cells.delimiter)
    ragged: list[int] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        chunks = pd.read_csv(
            cast(IO[str], file),
            sep=delimiter,
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
            even, uneven = even_rows(rows, len(layout.cells.header), delimiter, path, skip_bad_rows)
            ragged += uneven
            for part, own in even.groupby(layout.part_of(even).to_numpy()):
                place = folder / f"{part:06d}"
                place.mkdir(exist_ok=True)
                own.to_pickle(place / f"{number:08d}.pickle")
    return tuple(ragged)
