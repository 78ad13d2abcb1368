"""A product's figures in the PDF, as vectors: demand and profit against price, price and sales over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from reportlab.graphics.charts.axes import XValueAxis, YValueAxis
from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import Color, HexColor, linearlyInterpolatedColor, white

from assistant.facts import day, money, quantity
from assistant.figures import BLUE, GREEN, GREY, VERMILLION
from assistant.report.document import Page
from assistant.report.entry import Curve, Sales
from assistant.report.pdf_fonts import runs, width
from assistant.wording import Language, Wording, wording

SMALL, TITLE = 7.0, 8.5
"""Font sizes, in points."""
LEFT, BOTTOM, TOP = 40.0, 14.0, 18.0
"""Room around a panel for its axes' numbers and its title, in points."""
BAND = 0.78
"""How far an interval's colour is from its line's, towards white."""
Format = Callable[[float], str]
"""A number of an axis as it is printed."""


class _Panel(NamedTuple):
    """A frame to draw in: where it is on the paper and which values its edges stand for."""

    drawing: Drawing
    x: XValueAxis
    y: YValueAxis
    right: float
    top: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.x.scale(x), self.y.scale(y)


def curve_figure(page: Page, language: Language, *, width: float, height: float) -> Drawing | None:
    """Expected profit above expected units against price, each with its 80 % interval; width and height are
    in points. Revenue takes the place of profit where the unit cost is unknown; None without a curve.
    """
    curve = page.curve
    if curve is None or len(curve.prices) < 2:
        return None
    words, drawing = wording(language), Drawing(width, height)
    period = words(f"figure.period.{page.period}")
    margins = [price - (page.unit_cost or 0.0) for price in curve.prices]
    earned = Curve(
        prices=curve.prices,
        units=tuple(m * u for m, u in zip(margins, curve.units, strict=True)),
        # Below cost more sales are a larger loss: the ends change places.
        units_low=tuple(min(m * low, m * high) for m, low, high in _ends(margins, curve)),
        units_high=tuple(max(m * low, m * high) for m, low, high in _ends(margins, curve)),
    )
    title = words("figure.profit" if page.unit_cost is not None else "figure.revenue", period=period)
    legend = _Legend(drawing, words)
    legend.line(HexColor(BLUE), words("figure.expected"))
    legend.band(_light(BLUE), words("figure.band"))
    half = (height - legend.HEIGHT) / 2
    for panel_title, values, colour, bottom, form in (
        (title, earned, BLUE, half, _whole_money(page.currency, language)),
        (words("figure.demand", period=period), curve, GREEN, 0.0, _units(language)),
    ):
        marks = [it for it in (page.current_price, page.price) if it is not None]
        panel = _panel(
            drawing,
            (bottom, bottom + half),
            panel_title,
            x_values=[*values.prices, *marks],
            y_values=[*values.units_low, *values.units_high],
            form=form,
        )
        _price_axis(panel, _whole_money(page.currency, language))
        _band(panel, values, colour)
        _line(panel, list(zip(values.prices, values.units, strict=True)), HexColor(colour))
        _marks(panel, page, values)
    now, suggested = (
        None if price is None else money(price, page.currency, language)
        for price in (page.current_price, page.price)
    )
    if suggested == now:
        legend.line(HexColor(VERMILLION), words("figure.keep", price=now))
    else:
        legend.line(HexColor(GREY), words("figure.now", price=now), dash=True)
        if suggested is not None:
            legend.line(HexColor(VERMILLION), words("figure.suggested", price=suggested))
    return drawing


def sales_figure(page: Page, language: Language, *, width: float, height: float) -> Drawing | None:
    """The price charged above the units sold, over time; width and height are in points.

    None where there are fewer than two periods.
    """
    sales = page.sales
    if len(sales.dates) < 2:
        return None
    words, drawing = wording(language), Drawing(width, height)
    days = [float(date.fromisoformat(it[:10]).toordinal()) for it in sales.dates]
    step = min(b - a for a, b in pairwise(days))
    legend = _Legend.HEIGHT  # as high as the other figure's panels
    half = (height - legend) / 2
    period = words(f"figure.period.{page.period}")
    for title, bottom, values, form in (
        (words("figure.own_price"), half, sales.prices, _whole_money(page.currency, language)),
        (words("figure.sold", period=period), 0.0, sales.units, _units(language)),
    ):
        known = [it for it in values if it is not None]
        panel = _panel(
            drawing,
            (bottom, bottom + half),
            title,
            x_values=[days[0], days[-1] + step],
            y_values=known if values is sales.prices else [0.0, *known],
            form=form,
        )
        _date_axis(panel, days, language)
        if values is sales.prices:
            _steps(panel, sales, days, step)
        else:
            _bars(panel, sales, days, step)
    return drawing


def _ends(margins: Sequence[float], curve: Curve) -> list[tuple[float, float, float]]:
    return list(zip(margins, curve.units_low, curve.units_high, strict=True))


def _light(colour: str) -> Color:
    return linearlyInterpolatedColor(HexColor(colour), white, 0, 1, BAND)


def _units(language: Language) -> Format:
    return lambda value: quantity(value, language)


def _whole_money(currency: str | None, language: Language) -> Format:
    """Cents only where the axis' numbers need them."""
    return lambda value: money(
        value, currency, language, decimals=0 if abs(value) >= 20 or value == round(value) else None
    )


def _panel(
    drawing: Drawing,
    span: tuple[float, float],
    title: str,
    *,
    x_values: Sequence[float],
    y_values: Sequence[float],
    form: Format,
) -> _Panel:
    """Axes with a title above; `span` is where it begins and ends on the paper, from below."""
    bottom, top = span[0] + BOTTOM, span[1] - TOP
    right = drawing.width - 6.0
    x, y = XValueAxis(), YValueAxis()
    x.setPosition(LEFT, bottom, right - LEFT)
    low, high = min(x_values), max(x_values)
    pad = 0.02 * (high - low) or 1.0
    x.valueMin, x.valueMax = low - pad, high + pad
    x.configure([[(low, 0.0), (high, 0.0)]])
    y.setPosition(LEFT, bottom, top - bottom)
    low, high = min(y_values), max(y_values)
    if low == high:  # a price that never moved is drawn in the middle
        low, high = low - 0.1 * abs(low) - 1e-6, high + 0.1 * abs(high) + 1e-6
    y.valueMin, y.valueMax = low - (0.05 * (high - low) if low else 0.0), high + 0.05 * (high - low)
    y.maximumTicks, y.minimumTickSpacing = 5, 12
    y.configure([[(0.0, low), (0.0, high)]])
    panel = _Panel(drawing, x, y, right, top)
    for value in y._tickValues:
        if y.valueMin <= value <= y.valueMax:
            height = y.scale(value)
            drawing.add(Line(LEFT, height, right, height, strokeColor=HexColor("#E3E6EA"), strokeWidth=0.5))
            _text(drawing, LEFT - 4, height - 2.4, form(float(value)), anchor="end")
    drawing.add(Line(LEFT, bottom, right, bottom, strokeColor=HexColor(GREY), strokeWidth=0.6))
    _text(drawing, 0.0, top + 7, title, size=TITLE, colour=HexColor("#1F2933"), bold=True)
    return panel


def _price_axis(panel: _Panel, form: Format) -> None:
    bottom = panel.y._y
    for value in panel.x._tickValues[:: max(1, len(panel.x._tickValues) // 5)]:
        x = panel.x.scale(value)
        if LEFT + 8 <= x <= panel.right - 8:
            panel.drawing.add(Line(x, bottom, x, bottom - 2, strokeColor=HexColor(GREY), strokeWidth=0.6))
            _text(panel.drawing, x, bottom - 9.5, form(float(value)), anchor="middle")


def _date_axis(panel: _Panel, days: Sequence[float], language: Language) -> None:
    bottom = panel.y._y
    for place, anchor in ((0, "start"), (len(days) // 2, "middle"), (len(days) - 1, "end")):
        if anchor == "middle" and len(days) < 5:
            continue
        text = day(date.fromordinal(int(days[place])).isoformat(), language)
        x = panel.right if anchor == "end" else panel.x.scale(days[place])
        _text(panel.drawing, x, bottom - 9.5, text, anchor=anchor)


def _band(panel: _Panel, values: Curve, colour: str) -> None:
    there = [panel.at(x, y) for x, y in zip(values.prices, values.units_high, strict=True)]
    back = [panel.at(x, y) for x, y in zip(values.prices, values.units_low, strict=True)]
    points = [float(c) for point in (*there, *back[::-1]) for c in point]
    panel.drawing.add(Polygon(points, fillColor=_light(colour), strokeWidth=0, strokeColor=None))


def _line(panel: _Panel, points: Sequence[tuple[float, float]], colour: Color) -> None:
    flat = [float(c) for x, y in points for c in panel.at(x, y)]
    panel.drawing.add(PolyLine(flat, strokeColor=colour, strokeWidth=1.4))


def _marks(panel: _Panel, page: Page, values: Curve) -> None:
    """The price now and the suggested one, down the panel and where they meet the expectation."""
    kept = page.price == page.current_price
    for price, colour, dash in (
        (page.current_price, GREY, [2, 2]),
        (page.price, VERMILLION, None),
    ):
        if price is None or (kept and dash):
            continue
        x, bottom = panel.x.scale(price), panel.y._y
        panel.drawing.add(
            Line(x, bottom, x, panel.top, strokeColor=HexColor(colour), strokeWidth=1, strokeDashArray=dash)
        )
        if values.prices[0] <= price <= values.prices[-1]:
            y = panel.y.scale(float(np.interp(price, values.prices, values.units)))
            panel.drawing.add(
                Circle(x, y, 2.4, fillColor=HexColor(colour), strokeColor=white, strokeWidth=0.6)
            )


def _steps(panel: _Panel, sales: Sales, days: Sequence[float], step: float) -> None:
    """A price holds to the next period; where periods are missing the line stops."""
    points: list[tuple[float, float]] = []
    for place, (on, price) in enumerate(zip(days, sales.prices, strict=True)):
        if place and on - days[place - 1] > 1.5 * step:
            _line(panel, points, HexColor(BLUE))
            points = []
        points += [(on, price), (on + step, price)]
    _line(panel, points, HexColor(BLUE))


def _bars(panel: _Panel, sales: Sales, days: Sequence[float], step: float) -> None:
    bottom = panel.y.scale(0.0)
    for on, units in zip(days, sales.units, strict=True):
        if units is None:
            continue
        left, right = panel.x.scale(on + 0.1 * step), panel.x.scale(on + 0.9 * step)
        top = panel.y.scale(units)
        bar = Rect(left, bottom, right - left, top - bottom, fillColor=HexColor(GREEN), strokeColor=None)
        bar.strokeWidth = 0
        panel.drawing.add(bar)


class _Legend:
    """What the lines mean, in a row at the top of a figure."""

    HEIGHT = 16.0

    def __init__(self, drawing: Drawing, words: Wording) -> None:
        self._drawing, self._x = drawing, 0.0
        self._y = drawing.height - 9.0

    def line(self, colour: Color, name: str, *, dash: bool = False) -> None:
        stroke = Line(
            self._x, self._y + 2.5, self._x + 12, self._y + 2.5, strokeColor=colour, strokeWidth=1.4,
            strokeDashArray=[2, 2] if dash else None,
        )  # fmt: skip
        self._add(stroke, name)

    def band(self, colour: Color, name: str) -> None:
        self._add(Rect(self._x, self._y - 0.5, 12, 6, fillColor=colour, strokeColor=None), name)

    def _add(self, sample: Any, name: str) -> None:
        self._drawing.add(sample)
        _text(self._drawing, self._x + 15, self._y, name)
        self._x += 15 + width(name, SMALL) + 10


def _text(
    drawing: Drawing,
    x: float,
    y: float,
    text: str,
    *,
    size: float = SMALL,
    colour: Color | None = None,
    anchor: str = "start",
    bold: bool = False,
) -> None:
    """A line of text, its characters each in a font that has them."""
    whole = width(text, size, bold=bold)
    x -= whole if anchor == "end" else whole / 2 if anchor == "middle" else 0.0
    for face, part in runs(text, bold=bold):
        fill = colour or HexColor("#5A6472")
        drawing.add(String(x, y, part, fontName=face, fontSize=size, fillColor=fill))
        x += width(part, size, bold=bold)
