"""The rows of a workbook that a merchant has decided in, as they stand there."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from assistant.report import review_sheet
from assistant.report.review_sheet import Choice
from assistant.wording import Language, Wording, wording


class ReviewError(ValueError):
    """A file that cannot be reviewed, or decisions that cannot be recorded; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class DecidedRow:
    """One row of the action table."""

    place: str
    """Where it stands: its number, with the sheet's name where there are several."""
    product: str | None
    sku: str | None
    now: float | None
    suggested: float | None
    record: str | None
    """Id of the recommendation."""
    currency: str | None
    altered: bool
    """Whether a cell that identifies the row, or a price of it, is not as it was written."""
    choice_text: str
    """The decision as it stands there; empty where there is none."""
    choice: Choice | None
    own_price: object
    """As it stands there; None where the cell is empty."""
    reason: str | None


@dataclass(frozen=True)
class _Layout:
    """What the hidden sheet says."""

    sheets: tuple[str, ...]
    columns: Mapping[str, str]
    """Heading by key, of the table's columns and those for the merchant."""


def decided_rows(path: Path, language: Language) -> Iterator[DecidedRow]:
    """Every row of the action table, as the file has them; memory does not grow with it.

    Raises `ReviewError` in the language for what is no workbook of a report.
    """
    for place, cells in _cells(path, wording(language, review_sheet.WORDS)):
        yield _row(place, cells)


def _cells(path: Path, words: Wording) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row stands, and its cells by the keys of their columns."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    book = None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        if review_sheet.SHEET not in book.sheetnames:
            raise ReviewError(words("file.not_a_report", file=path.name, sheet=review_sheet.SHEET))
        layout = _layout(book[review_sheet.SHEET])
        if layout is None:
            raise ReviewError(words("file.other_version", file=path.name))
        for name in layout.sheets:
            if name not in book.sheetnames:
                raise ReviewError(words("file.missing_sheet", file=path.name, sheet=name))
        for name in layout.sheets:
            lines = _lines(book[name])
            headings = [str(it) for it in next(lines, ())]
            places = {}
            for key, heading in {**layout.columns, **{it: it for it in review_sheet.HIDDEN}}.items():
                if heading not in headings:
                    values = {"file": path.name, "sheet": name, "column": heading}
                    raise ReviewError(words("file.missing_column", **values))
                places[key] = headings.index(heading)
            for number, line in enumerate(lines, 2):
                if any(cell is not None for cell in line):
                    place = f"{number}" if len(layout.sheets) == 1 else f"{name}!{number}"
                    yield place, {key: line[at] if at < len(line) else None for key, at in places.items()}
    except ReviewError:
        raise
    # What a damaged file raises, at any row, since it is read row by row.
    except (
        InvalidFileException,
        BadZipFile,
        zlib.error,
        SyntaxError,
        EOFError,
        KeyError,
        ValueError,
    ) as error:
        raise ReviewError(words("file.not_a_workbook", file=path.name)) from error
    finally:
        if book is not None:
            book.close()


def _lines(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """A sheet's rows, in full: what a program noted of its size need not be so."""
    sheet.reset_dimensions()
    lines: Iterator[tuple[Any, ...]] = sheet.iter_rows(values_only=True)
    return lines


def _layout(sheet: Any) -> _Layout | None:
    """None where another version wrote it."""
    lines = [tuple("" if cell is None else str(cell) for cell in line[:3]) for line in _lines(sheet)]
    if ("version", "", str(review_sheet.VERSION)) not in lines:
        return None
    wanted = ("product", "sku", "current_price", "price")
    columns = {key: label for kind, key, label in lines if kind == "column" and key in wanted}
    columns |= {f"asked.{key}": label for kind, key, label in lines if kind == "asked"}
    return _Layout(tuple(label for kind, _, label in lines if kind == "sheet"), columns)


def _row(place: str, cells: Mapping[str, Any]) -> DecidedRow:
    record, currency, digest = (_text(cells[key]) for key in review_sheet.HIDDEN)
    sku, now, suggested = _text(cells.get("sku")), cells.get("current_price"), cells.get("price")
    numbers = [it for it in (now, suggested) if it is not None]
    readable = all(isinstance(it, int | float) and math.isfinite(it) for it in numbers)
    altered = not readable or digest != review_sheet.check(
        record, sku=sku, now=now, suggested=suggested, currency=currency
    )
    choice = _text(cells["asked.decision"]) or ""
    own = cells["asked.own_price"]
    return DecidedRow(
        place=place,
        product=_text(cells.get("product")),
        sku=sku,
        now=float(now) if readable and now is not None else None,
        suggested=float(suggested) if readable and suggested is not None else None,
        record=record,
        currency=currency,
        altered=altered,
        choice_text=choice,
        choice=review_sheet.choice_of(choice),
        own_price=None if isinstance(own, str) and not own.strip() else own,
        reason=_text(cells["asked.reason"]),
    )


def _text(value: object) -> str | None:
    """A cell as text; None where it is empty. What a spreadsheet made a number of is written plainly."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None
