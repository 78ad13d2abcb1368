"""A product's two figures as inline SVG: what is expected against price, and what was charged and sold.

Colours are classes that the page's style sheet fills for light, dark and paper; shapes and labels tell the
series apart as well. Sizes are in the figure's own units, of which one is about a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant.facts import day, money, quantity
from assistant.figures import WIDE
from assistant.report.document import Page
from assistant.report.entry import Curve
from assistant.wording import Language, wording

WIDTH, RIGHT, ROW = 440, 14, 15
UPPER, LOWER, BETWEEN, BELOW = 132, 92, 38, 24
"""Heights of the two panels, of the title between them and of the axis' labels."""
LATEST = 208
"""Periods shown at most: four years of weeks."""
LEAST = 1e-6
"""What is not told from nothing on an axis."""
Scale = Callable[[float], float]


class _Panel(NamedTuple):
    """One of the two stacked charts: a quantity against price."""

    kind: str
    """Its class in the style sheet."""
    values: NDArray[np.float64]
    """Mean and the two ends of the 80 % interval, shape (3, P)."""
    low: float
    high: float
    """What its vertical axis spans."""
    top: float
    tall: float

    def up(self, value: float) -> float:
        """Where a value stands."""
        return self.top + self.tall * (self.high - value) / (self.high - self.low)


def outcome_figure(page: Page, language: Language) -> str:
    """Expected profit (revenue where no cost is known) above expected units, against price; "" with no curve.

    Profit at a price is its margin times the units of the curve, so that both panels say the same.
    """
    if page.curve is None or not page.curve.prices:
        return ""
    words, currency = wording(language), page.currency
    prices = np.asarray(page.curve.prices, float)  # (P,)
    units = np.array([page.curve.units, page.curve.units_low, page.curve.units_high], float)  # (3, P)
    earned = (prices - (page.unit_cost or 0.0)) * units
    earned[1:] = np.sort(earned[1:], axis=0)  # below cost, more units lose more
    marks = _marks(page)
    left, right = _frame(page.curve, page, marks)
    top = ROW * len(marks) + 24.0
    bottom = top + UPPER
    ends = [_extent(values, prices, (left, right), marks) for values in (earned, units)]
    panels = (
        _Panel("earned", earned, *ends[0], top, UPPER),
        _Panel("units", units, 0.0, ends[1][1], bottom + BETWEEN, LOWER),
    )
    height = bottom + BETWEEN + LOWER + BELOW
    steps = ticks(panels[0].low, panels[0].high, 5), ticks(0.0, panels[1].high, 4)
    labels = _amounts(steps[0], currency, language), _counts(steps[1], language)
    start = _start(*labels)
    across = _across(start, left, right)
    measure = "profit" if page.unit_cost is not None else "revenue"
    period = words(f"figure.period.{page.period}")
    parts = [
        _label(start, 13, words(f"figure.{measure}", period=period), "title"),
        _label(start, bottom + 26, words("figure.demand", period=period), "title"),
    ]
    for panel, values, texts in zip(panels, steps, labels, strict=True):
        parts.append(_known(panel, across, (left, right), page.sales.prices))
        parts += _grid(start, panel.up, values, texts)
        parts.append(_curves(panel, start, across, prices))
        parts += [_mark(panel, across, prices, name, price) for name, price in marks]
    for place, (name, price) in enumerate(marks):
        x = across(price)
        anchor = "start" if x < start + 70 else "end" if x > WIDTH - 80 else "middle"
        said = words(f"figure.{name}", price=money(price, currency, language))
        parts.append(_label(x, 28 + ROW * place, said, f"name {_kind(name)}", anchor))
    beneath = _price_ticks(left, right)
    for tick, text in zip(beneath, _amounts(beneath, currency, language), strict=True):
        parts.append(_label(across(tick), height - 8, text, "tick", "middle"))
    title, described = _outcome_in_words(page, language, marks, (left, right), (prices, earned[0], units[0]))
    return _svg(height, title, described, parts)


def _outcome_in_words(
    page: Page,
    language: Language,
    marks: Sequence[tuple[str, float]],
    frame: tuple[float, float],
    means: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[str, str]:
    """Title and text alternative; `means` are prices, earnings and units, each of shape (P,)."""
    own, currency = wording(language, "report_page.toml"), page.currency
    prices, earned, units = means
    left, right = (money(price, currency, language) for price in frame)
    said = [
        own(
            f"figure.at_{_kind(name)}",
            price=money(price, currency, language),
            earned=money(float(np.interp(price, prices, earned)), currency, language),
            units=quantity(float(np.interp(price, prices, units)), language),
        )
        for name, price in marks
        if prices[0] <= price <= prices[-1]
    ]
    measure = own("figure.profit" if page.unit_cost is not None else "figure.revenue")
    described = own("figure.outcome_text", low=left, high=right, marks=" ".join(said))
    return own("figure.outcome", measure=measure), described


def past_figure(page: Page, language: Language) -> str:
    """Price in force above units sold, over time; "" where nothing is on record."""
    dates, prices = page.sales.dates[-LATEST:], page.sales.prices[-LATEST:]
    units = page.sales.units[-LATEST:]
    if not dates:
        return ""
    words, own = wording(language), wording(language, "report_page.toml")
    sold = [it for it in units if it is not None and math.isfinite(it)]
    low, high = min(prices), max(prices)
    room = max((high - low) * 0.15, high * 0.04)
    price_low, price_high = max(low - room, 0.0), high + room
    most = max(sold, default=0.0)
    most = most if most > LEAST else 1.0
    price_ticks, units_ticks = ticks(price_low, price_high, 4), ticks(0.0, most * 1.06, 4)
    price_labels = _amounts(price_ticks, page.currency, language)
    units_labels = _counts(units_ticks, language)
    start = _start(price_labels, units_labels)
    step = (WIDTH - RIGHT - start) / len(dates)
    bottom = 24 + LOWER
    lower_top = bottom + BETWEEN
    height = lower_top + UPPER + BELOW
    charge = _upwards(bottom, LOWER, price_low, price_high)
    sell = _upwards(lower_top + UPPER, UPPER, 0.0, most * 1.06)
    base = sell(0.0)
    sold_per = words("figure.sold", period=words(f"figure.period.{page.period}"))
    parts = [
        _label(start, 13, words("figure.price_history"), "title"),
        _label(start, bottom + 26, sold_per, "title"),
        *_grid(start, charge, price_ticks, price_labels),
        *_grid(start, sell, units_ticks, units_labels),
    ]
    stairs = [f"M{start:.1f} {charge(prices[0]):.1f}"]
    for place, price in enumerate(prices):
        if place and price != prices[place - 1]:
            stairs.append(f"H{start + step * place:.1f}V{charge(price):.1f}")
    parts.append(f'<path class="line price" d="{"".join(stairs)}H{WIDTH - RIGHT}"/>')
    bars, unknown = [], []
    for place, value in enumerate(units):
        x = start + step * (place + 0.5)
        if value is None or not math.isfinite(value):
            unknown.append(f"M{x:.1f} {lower_top}v{UPPER}")
        elif value > 0:
            bars.append(f"M{x:.1f} {base:.0f}V{sell(value):.1f}")
    if unknown:
        parts.append(f'<path class="unknown" stroke-width="{step:.1f}" d="{"".join(unknown)}"/>')
        parts.append(_label(WIDTH - RIGHT, bottom + 26, own("figure.unknown"), "tick", "end"))
        parts.append(f'<path class="unknown" stroke-width="9" d="M{WIDTH - 20 - 7 * 13} {bottom + 17}v10"/>')
    parts.append(f'<path class="bars" stroke-width="{max(0.72 * step, 0.6):.1f}" d="{"".join(bars)}"/>')
    first, last = day(dates[0], language), day(dates[-1], language)
    parts.append(_label(start, height - 8, first, "tick"))
    if len(dates) > 1:
        parts.append(_label(WIDTH - RIGHT, height - 8, last, "tick", "end"))
    values = {
        "count": len(dates), "first": first, "last": last,
        "low": money(low, page.currency, language), "high": money(high, page.currency, language),
    }  # fmt: skip
    if sold:
        ends = {"least": quantity(min(sold), language), "most": quantity(max(sold), language)}
        described = own("figure.past_text", **values, **ends)
    else:
        described = own("figure.past_price_text", **values)
    return _svg(height, own("figure.past"), described, parts)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) between two, about as many as asked for.

    >>> ticks(0.0, 34.0, 4)
    [0.0, 10.0, 20.0, 30.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(it for it in (1.0, 2.0, 5.0, 10.0) if it * power >= 0.7 * rough) * power
    return [round(step * it, 10) + 0.0 for it in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _marks(page: Page) -> list[tuple[str, float]]:
    """The prices to point out, by the wording of their labels."""
    if page.price is None:
        return [("now", page.current_price)]
    if page.price == page.current_price:
        return [("keep", page.price)]
    return [("now", page.current_price), ("suggested", page.price)]


def _kind(name: str) -> str:
    """The class of a mark: a price that is kept is the suggested one."""
    return "now" if name == "now" else "suggested"


def _frame(curve: Curve, page: Page, marks: Sequence[tuple[str, float]]) -> tuple[float, float]:
    """The prices to show, as `assistant.figures` does: those charged and those marked, with room around."""
    shown = [price for price in page.sales.prices if price > 0] + [price for _, price in marks]
    low, high = min(shown), max(shown)
    room = max((high / low) ** 0.2, 1.12)
    left = max(low / room, min(curve.prices[0], low / 1.05))
    right = min(high * room, max(curve.prices[-1], high * 1.05))
    return left, right


def _extent(
    values: NDArray[np.float64],
    prices: NDArray[np.float64],
    frame: tuple[float, float],
    marks: Sequence[tuple[str, float]],
) -> tuple[float, float]:
    """The panel's ends: zero and the interval in the frame, as far as three times the marked points."""
    inside = (prices >= frame[0]) & (prices <= frame[1])
    visible = values[1:, inside] if inside.any() else values[1:]
    marked = max(abs(float(np.interp(price, prices, values[2]))) for _, price in marks)
    high = max(float(visible.max()), 0.0)
    high = min(high, 3 * marked) if marked > 0 else high
    high = high if high > LEAST else 1.0
    low = max(min(float(visible.min()), 0.0), -0.5 * high)
    return 1.06 * low, 1.06 * high


def _price_ticks(left: float, right: float) -> list[float]:
    if right / left <= WIDE:
        return ticks(left, right, 5)
    powers = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
    found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return [it for it in found if left <= it <= right]


def _amounts(values: Sequence[float], currency: str | None, language: Language) -> list[str]:
    """Money beside an axis: as many decimals as all of its ticks need, two at most."""
    decimals = next((it for it in (0, 1) if all(round(x, it) == round(x, 4) for x in values)), 2)
    return [money(value, currency, language, decimals=2 if decimals else 0) for value in values]


def _counts(values: Sequence[float], language: Language) -> list[str]:
    return [quantity(value, language) for value in values]


def _start(*columns: Sequence[str]) -> float:
    """Where the panels begin: right of the longest label beside them."""
    longest = max((len(text) for column in columns for text in column), default=1)
    return 12 + 6.3 * longest


def _across(start: float, left: float, right: float) -> Scale:
    width = WIDTH - RIGHT - start
    if right / left > WIDE:
        span = math.log(right / left)
        return lambda price: start + width * (math.log(max(price, left / 100) / left)) / span
    return lambda price: start + width * (price - left) / (right - left)


def _upwards(bottom: float, height: float, low: float, high: float) -> Scale:
    return lambda value: bottom - height * (value - low) / (high - low)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _label(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}"{aligned}>{escape(text)}</text>'


def _grid(start: float, up: Scale, values: Sequence[float], texts: Sequence[str]) -> list[str]:
    lines = "".join(f"M{start:.0f} {up(it):.1f}H{WIDTH - RIGHT}" for it in values)
    labels = [
        _label(start - 6, up(it) + 4, text, "tick", "end") for it, text in zip(values, texts, strict=True)
    ]
    return [f'<path class="grid" d="{lines}"/>', *labels]


def _known(panel: _Panel, across: Scale, frame: tuple[float, float], charged: Sequence[float]) -> str:
    """Shading of the prices ever charged: outside them the curve is a belief, not a measurement."""
    if not charged:
        return ""
    x, until = across(max(min(charged), frame[0])), across(min(max(charged), frame[1]))
    width = max(until - x, 2.0)
    return f'<rect class="known" x="{x:.1f}" y="{panel.top:g}" width="{width:.1f}" height="{panel.tall:g}"/>'


def _curves(panel: _Panel, start: float, across: Scale, prices: NDArray[np.float64]) -> str:
    """The interval and the mean, cut at the panel's edges."""
    mean, low, high = (
        [(across(x), panel.up(y)) for x, y in zip(prices, it, strict=True)] for it in panel.values
    )
    band, line = _path([*high, *reversed(low)]), _path(mean)
    drawn = f'<path class="band {panel.kind}" d="{band}Z"/><path class="line {panel.kind}" d="{line}"/>'
    return _within(start, panel.top, panel.tall, drawn)


def _mark(panel: _Panel, across: Scale, prices: NDArray[np.float64], name: str, price: float) -> str:
    """A line down the panel at a price, and a point where it meets the expectation."""
    x, kind = across(price), _kind(name)
    drawn = f'<path class="mark {kind}" d="M{x:.1f} {panel.top:g}v{panel.tall:g}"/>'
    if prices[0] <= price <= prices[-1]:
        y = panel.up(float(np.interp(price, prices, panel.values[0])))
        drawn += f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return drawn


def _within(start: float, top: float, height: float, drawn: str) -> str:
    """What is drawn, cut at the panel's edges: by a figure in the figure, since clip paths would need ids."""
    box = (f"{start:.1f}", f"{top}", f"{WIDTH - RIGHT - start:.1f}", f"{height}")
    x, y, width, tall = box
    return f'<svg x="{x}" y="{y}" width="{width}" height="{tall}" viewBox="{" ".join(box)}">{drawn}</svg>'


def _svg(height: float, title: str, described: str, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:.0f}"><title>{escape(title)}</title>'
        f"<desc>{escape(described)}</desc>{''.join(parts)}</svg>"
    )
