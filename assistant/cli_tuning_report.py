"""A fine-tuning's report on a terminal, for `fine-tune` as it ends and for `adapters show` later."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.tuning_report import WORDS, Comparison, Report, cells, comparison, learned, outcome, reasons
from assistant.wording import Language, wording

if TYPE_CHECKING:
    from rich.table import Table

UNLIMITED = 1_000
"""Columns where the reader is a file or another program, for whom nothing may be cut."""


def screen_width() -> int | None:
    """Columns of the screen that stdout is; None where it is a file or pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def report_text(report: Report, language: Language, *, width: int | None) -> str:
    """What people read: what was learned, the comparison, whether it is used and why.

    `width` is of the screen in columns, None where there is none. Where it does not hold the whole
    comparison, an interval stands under its difference.
    """
    from rich.console import Console
    from rich.measure import Measurement

    words, compared = wording(language, WORDS), comparison(report, language)
    console = Console(width=width or UNLIMITED, highlight=False, markup=False)
    table = _table(compared.headings, [cells(row) for row in compared.rows])
    if Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum > console.width:
        table = _table(*_under_each_other(compared))
    with console.capture() as captured:
        console.print("\n".join(learned(report, language)))
        console.print(table)
        console.print(words("report.note") + "\n")
        console.print(outcome(report, language), *reasons(report, language), sep="\n")
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        number = 0 < place < len(headings) - 1
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _under_each_other(compared: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows with each interval under its difference."""
    lines = [list(compared.headings), *(list(cells(row)) for row in compared.rows)]
    headings, *rows = [[*line[:-3], f"{line[-3]}\n{line[-2]}", line[-1]] for line in lines]
    return headings, rows
