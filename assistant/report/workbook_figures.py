"""The workbook's figures, charts of Excel's own: the largest gains, and how many prices move how far."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from assistant.facts import percent
from assistant.report.cell_formats import CellFormats
from assistant.report.document import Column, Document, Row, Table
from assistant.report.review_sheet import WORDS
from assistant.wording import wording

TOP = 20
EDGES = (-0.2, -0.1, -0.05, -0.0005, 0.0005, 0.05, 0.1, 0.2)
"""Of the changes' bars, fractions; those around zero print as no change."""

LONGEST_NAME = 40
"""Characters of a product's name beside its bar."""

_BLUE = "#2563EB"


class Figures:
    """What the figures show, collected while the rows of the action table pass by."""

    def __init__(self, table: Table, document: Document) -> None:
        self._document = document
        self._name = table.columns[0]
        # Gains of several currencies have no common axis.
        one_currency = document.currency is not None
        self._gain = next((it for it in table.columns if it.kind == "total" and it.signed and it.low), None)
        self._gain = self._gain if one_currency else None
        self._change = next((it for it in table.columns if it.kind == "change"), None)
        self._top: list[tuple[float, Row]] = []
        self._moves = [0] * (len(EDGES) + 1)

    def see(self, row: Row) -> None:
        """Take a row in."""
        gain = _value(row, self._gain.key) if self._gain else None
        if gain is not None and gain > 0:
            self._top.append((gain, row))
            self._top = sorted(self._top, key=lambda it: -it[0])[:TOP]
        change = _value(row, self._change.key) if self._change else None
        if change is not None:
            self._moves[_band(change)] += 1

    @property
    def found(self) -> bool:
        return bool(self._top) or any(self._moves)

    def print(self, book: Any, sheet: Any, name: str, formats: CellFormats) -> None:
        """Both charts, and beside them the numbers that they are drawn from."""
        words = wording(self._document.language, WORDS)
        top = self._top
        moves = list(zip(self._bands(), self._moves, strict=True)) if any(self._moves) else []
        headings = [words(f"workbook.{it}") for it in ("product", "gain", "gain_low", "gain_high")]
        counted = [words("workbook.change"), words("workbook.products")]
        for place, heading in enumerate([*headings, "", *counted]):
            if heading:
                sheet.write_string(0, place, heading, formats.heading)
        for line in range(max(len(top), len(moves))):
            if line < len(top) and self._gain is not None:
                self._gain_line(sheet, line + 1, top[line][1], self._gain, formats)
            if line < len(moves):
                sheet.write_string(line + 1, 5, moves[line][0], formats.text)
                sheet.write_number(line + 1, 6, moves[line][1])
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 6, 14)
        sheet.set_column(7, 8, None, None, {"hidden": True})
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        if top:
            title = words("workbook.gains", count=len(top))
            sheet.insert_chart("K2", self._gains(book, name, [row for _, row in top], title))
        if moves:  # under the other, by rows of 20 pixels
            line = 2 + (math.ceil(_height(len(top)) / 20) if top else 0)
            sheet.insert_chart(line - 1, 10, self._changes(book, name, len(moves), words("workbook.changes")))

    def _gain_line(self, sheet: Any, line: int, row: Row, gain: Column, formats: CellFormats) -> None:
        name = str(row.get(self._name.key) or "")
        shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        sheet.write_string(line, 0, shown, formats.one_line)
        for place, key in enumerate((gain.key, gain.low, gain.high), 1):
            value = _value(row, key)
            if value is not None:
                sheet.write_number(line, place, value, formats.of(gain, value, self._document.currency))
        mean, low, high = (_value(row, key) for key in (gain.key, gain.low, gain.high))
        if mean is not None and low is not None and high is not None:
            sheet.write_number(line, 7, mean - low)  # what Excel draws an interval from
            sheet.write_number(line, 8, high - mean)

    def _gains(self, book: Any, name: str, rows: list[Row], title: str) -> Any:
        chart, gain = book.add_chart({"type": "bar"}), self._gain
        assert gain is not None  # there are rows of it
        series: dict[str, Any] = {
            "categories": [name, 1, 0, len(rows), 0],
            "values": [name, 1, 1, len(rows), 1],
            "fill": {"color": _BLUE},
            "gap": 60,
        }
        series["y_error_bars"] = {
            "type": "custom",
            "minus_values": f"='{name}'!$H$2:$H${len(rows) + 1}",
            "plus_values": f"='{name}'!$I$2:$I${len(rows) + 1}",
            "line": {"color": "#6B7280"},
        }
        chart.add_series(series)
        chart.show_hidden_data()
        chart.set_title({"name": title, "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_y_axis(
            {"reverse": True, "label_position": "low", "num_font": {"size": 8}, "interval_unit": 1}
        )
        # Excel makes the axis for the bars alone, and would cut their intervals off.
        ends = [_value(row, key) or 0.0 for row in rows for key in (gain.key, gain.low, gain.high)]
        step = 10.0 ** math.floor(math.log10(max(map(abs, ends))))
        chart.set_x_axis(
            {
                "min": math.floor(min(0.0, *ends) / step) * step,
                "max": math.ceil(max(ends) / step) * step,
                "num_format": "#,##0.##" if step < 1 else "#,##0",
                "major_gridlines": {"visible": True, "line": {"color": "#E5E7EB"}},
            }
        )
        chart.set_size({"width": 760, "height": _height(len(rows))})
        return chart

    def _changes(self, book: Any, name: str, bands: int, title: str) -> Any:
        chart = book.add_chart({"type": "column"})
        chart.add_series(
            {
                "categories": [name, 1, 5, bands, 5],
                "values": [name, 1, 6, bands, 6],
                "fill": {"color": _BLUE},
                "gap": 30,
                "data_labels": {"value": True},
            }
        )
        chart.set_title({"name": title, "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_y_axis({"visible": False, "major_gridlines": {"visible": False}})
        chart.set_size({"width": 760, "height": 320})
        return chart

    def _bands(self) -> list[str]:
        """What the bars of changes are called, from the largest cut to the largest rise."""
        words, language = wording(self._document.language, WORDS), self._document.language
        ends = [percent(edge if abs(edge) > 0.001 else 0.0, language, sign=True) for edge in EDGES]
        none = percent(0.0, language)
        between = [
            none if low == -high else words("workbook.between", low=ends[place], high=ends[place + 1])
            for place, (low, high) in enumerate(pairwise(EDGES))
        ]
        below, above = words("workbook.below", end=ends[0]), words("workbook.above", end=ends[-1])
        return [below, *between, above]


def _band(change: float) -> int:
    """Which bar a change belongs to; one of exactly an edge, the largest step allowed, to the inner one."""
    exact = round(change, 3)  # as it is printed: 15.20 / 19.00 - 1 is a little below -20 %
    return sum(exact >= edge if edge < 0 else exact > edge for edge in EDGES)


def _height(bars: int) -> int:
    """Of the chart of gains, in pixels."""
    return 120 + 22 * bars


def _value(row: Row, key: str | None) -> float | None:
    value = row.get(key or "")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
