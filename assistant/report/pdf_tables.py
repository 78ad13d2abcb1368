"""A table of the report on paper: how wide its columns are, and which way the page lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, LongTable, Paragraph

from assistant.report.document import Column, Row, Table, interval, text
from assistant.report.pdf_fonts import is_chinese, markup, width
from assistant.wording import Language

ROWS = 200
"""Most rows of a table that are printed: the other formats hold all of them."""
SIZES = (8.0, 7.5, 7.0, 6.5, 6.0)
"""Font sizes to try, in points."""
PADDING = 3.6
"""Left and right of a cell, in points."""
INTERVAL = 0.84
"""Size of an interval, of the number's above it."""
QUIET = "#5A6472"
INK = "#1F2933"
WORDS_WIDE, WORDS_READABLE = 32, 15
"""How many ems a column of words has where there is room, and how many at least, where it needs them."""


@dataclass(frozen=True)
class _Cell:
    text: str
    interval: str
    page: str | None = None
    """Anchor of the product page it links to."""
    below: str = ""
    """Codes of the row, in small print."""


_Columns = list[tuple[Column, list[_Cell]]]


@dataclass(frozen=True)
class Printed:
    """A table as it will be printed."""

    flowable: Flowable | None
    """None where it has no rows."""
    wide: bool
    """Whether it needs a landscape page."""
    shown: int
    """Rows printed."""
    more: bool
    """Whether the table has rows that are not printed."""
    has_intervals: bool
    same: tuple[str, ...]
    """Columns that have one value in every printed row, which is said once: `Status: open`."""


def printed(
    table: Table,
    language: Language,
    currency: str | None,
    *,
    upright: float,
    across: float,
    links: Mapping[str, str],
) -> Printed:
    """Lay out a table's first rows.

    Parameters
    ----------
    upright, across
        Width of the text on a portrait and on a landscape page, in points.
    links
        The anchor of each product page that is printed, by the page's id.
    """
    rows: list[Row] = list(islice(table.rows, ROWS + 1))
    more, rows = len(rows) > ROWS, rows[:ROWS]
    if not rows:
        return Printed(flowable=None, wide=False, shown=0, more=False, has_intervals=False, same=())
    first_words = next((it.key for it in table.columns if it.kind == "text"), None)
    columns: _Columns = []
    for column in table.columns:
        cells = [
            _Cell(
                text(column, row, language, currency),
                interval(column, row, language, currency),
                links.get(str(row.get("page"))) if column.key == first_words else None,
            )
            for row in rows
        ]
        if any(cell.text for cell in cells):  # a column that no row fills only takes room
            columns.append((column, cells))
    same: tuple[str, ...] = ()
    fit = _fitted(columns, upright, across)
    if fit is None:
        columns, same = _compact(columns)
        fit = _fitted(columns, upright, across) or _squeezed(columns, across)
    size, widths, wide = fit
    flowable = LongTable(
        [[_heading(column, size, room) for (column, _), room in zip(columns, widths, strict=True)]]
        + [[_drawn(column, cells[place], size) for column, cells in columns] for place in range(len(rows))],
        colWidths=widths,
        repeatRows=1,
        splitInRow=1,
        hAlign="LEFT",
        style=_STYLE,
    )
    has_intervals = any(cell.interval for _, cells in columns for cell in cells)
    return Printed(
        flowable=flowable,
        wide=wide,
        shown=len(rows),
        more=more,
        has_intervals=has_intervals,
        same=same,
    )


_STYLE = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
    ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ("BACKGROUND", (0, 0), (-1, 0), HexColor("#EEF2F6")),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, HexColor("#9AA5B1")),
    ("LINEBELOW", (0, 1), (-1, -1), 0.4, HexColor("#DDE2E7")),
    ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, HexColor("#FAFBFC")]),
]


def _is_number(column: Column) -> bool:
    return column.kind not in ("text", "date", "code")


def _style(column: Column, size: float, words: str) -> ParagraphStyle:
    return ParagraphStyle(
        "cell",
        fontName="Helvetica",
        fontSize=size,
        leading=1.22 * size,
        textColor=HexColor(INK),
        alignment=TA_RIGHT if _is_number(column) else TA_LEFT,
        wordWrap="CJK" if is_chinese(words) else None,
    )


def _heading(column: Column, size: float, room: float) -> Paragraph:
    words = markup(column.label, bold=True)
    if is_chinese(column.label) and width(column.label, size, bold=True) > room - 2 * PADDING:
        # Chinese breaks anywhere but before a closing mark, which would stand in the next column.
        words = words.replace("（", "<br/>（").replace("：", "：<br/>")
    return Paragraph(words, _style(column, size, column.label))


def _drawn(column: Column, cell: _Cell, size: float) -> Any:
    words = markup(cell.text)
    if cell.page is not None:
        words = f'<a href="#{cell.page}" color="#0072B2">{words}</a>'
    if cell.below:
        words += f'<br/><font size="{INTERVAL * size:.2f}" color="{QUIET}">{markup(cell.below)}</font>'
    if cell.interval:
        words += f'<br/><font size="{INTERVAL * size:.2f}" color="{QUIET}">{markup(cell.interval)}</font>'
    return Paragraph(words, _style(column, size, cell.text))


def _compact(columns: _Columns) -> tuple[_Columns, tuple[str, ...]]:
    """The same in fewer columns: codes under the first words of their row, and what is the same in every row
    left to be said once."""
    words = next((place for place, (it, _) in enumerate(columns) if it.kind == "text"), None)
    kept: _Columns = []
    codes: list[list[_Cell]] = []
    same = []
    for place, (column, cells) in enumerate(columns):
        once = {cell.text for cell in cells}
        if words is not None and column.kind == "code":
            codes.append(cells)
        elif place != words and len(cells) > 1 and len(once) == 1 and not _is_number(column):
            same.append(f"{column.label}: {once.pop()}")
        else:
            kept.append((column, cells))
    if words is None:
        return kept, tuple(same)
    first = columns[words][0]
    below = [" · ".join(it.text for it in row if it.text) for row in zip(*codes, strict=True)]
    return [
        (column, [replace(cell, below=code) for cell, code in zip(cells, below, strict=True)])
        if column is first and below
        else (column, cells)
        for column, cells in kept
    ], tuple(same)


def _fitted(columns: _Columns, upright: float, across: float) -> tuple[float, list[float], bool] | None:
    """Font size, widths of the columns and whether the page must lie across, the most readable that fits;
    None where nothing does."""
    tries = [(size, False) for size in SIZES[:2]] + [(size, True) for size in SIZES]
    for size, wide in tries:
        room = across if wide else upright
        least = [_least(column, cells, size) for column, cells in columns]
        if sum(least) <= room:
            return size, _spread(least, [_most(c, cells, size) for c, cells in columns], room), wide
    return None


def _squeezed(columns: _Columns, across: float) -> tuple[float, list[float], bool]:
    """More than paper can hold: numbers wrap too."""
    least = [_least(column, cells, SIZES[-1]) for column, cells in columns]
    return SIZES[-1], [across / sum(least) * it for it in least], True


def _spread(least: Sequence[float], most: Sequence[float], room: float) -> list[float]:
    """What is left goes to the columns that want more; a table that nearly fills the page fills it."""
    wanted = [max(m - n, 0.0) for n, m in zip(least, most, strict=True)]
    share = min(1.0, (room - sum(least)) / sum(wanted)) if sum(wanted) else 0.0
    widths = [n + share * w for n, w in zip(least, wanted, strict=True)]
    if sum(widths) > 0.75 * room:
        widths = [it + (room - sum(widths)) / len(widths) for it in widths]
    return widths


def _least(column: Column, cells: Sequence[_Cell], size: float) -> float:
    """Narrowest readable width: numbers whole, words wrapped."""
    heading = _longest_word(column.label, size, bold=True)
    if _is_number(column) or column.kind == "date":
        inner = max(_natural(cell, size) for cell in cells)
    else:
        words = max(_longest_word(cell.text, size) for cell in cells)
        natural = max(_natural(cell, size) for cell in cells)
        inner = max(min(words, WORDS_READABLE * size), min(natural, WORDS_READABLE * size * 0.55))
        if natural > 4 * WORDS_READABLE * size:  # whole sentences
            inner = max(inner, WORDS_READABLE * size)
    return max(heading, inner) + 2 * PADDING + 0.5


def _most(column: Column, cells: Sequence[_Cell], size: float) -> float:
    """Width at which nothing wraps, within reason."""
    heading = width(column.label, size, bold=True)
    inner = max(_natural(cell, size) for cell in cells)
    if _is_number(column):
        heading = min(heading, inner + 2 * size)
    return max(min(inner, WORDS_WIDE * size), min(heading, WORDS_WIDE * size)) + 2 * PADDING + 0.5


def _natural(cell: _Cell, size: float) -> float:
    return max(
        width(cell.text, size), width(cell.interval, INTERVAL * size), width(cell.below, INTERVAL * size)
    )


def _longest_word(words: str, size: float, *, bold: bool = False) -> float:
    if is_chinese(words):
        return 4.0 * size
    return max((width(word, size, bold=bold) for word in words.split()), default=0.0)
