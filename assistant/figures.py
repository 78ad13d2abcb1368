"""Interactive figures: what demand and profit do as the price moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from babel.numbers import get_currency_symbol
from numpy.typing import NDArray

from assistant.facts import LOCALES, money, quantity
from assistant.wording import Language, Wording, wording

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from policy.decision.outcomes import DemandCurve
    from policy.decision.recommendation import Recommendation

# Okabe and Ito's colours: told apart with any colour vision, and visible on white and on near-black.
BLUE, GREEN, VERMILLION, PURPLE, GREY = "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#808894"
BAND_OPACITY, SHADE_OPACITY = 0.22, 0.14
WIDE = 8.0
"""Largest over smallest shown price beyond which the price axis is logarithmic."""
HEIGHT = 460
"""Of a figure, in pixels."""
LABEL_HEIGHT = 16
"""Of one row of labels above the upper panel, in pixels."""


class _Panel(NamedTuple):
    """One of the two stacked charts: a quantity against price, its arrays of shape (P,)."""

    row: int
    title: str
    colour: str
    mean: list[float]
    low: list[float]
    high: list[float]


class _Mark(NamedTuple):
    """A price to point out; `name` is the wording of its label."""

    name: str
    price: float
    colour: str
    dash: str


def demand_and_profit(
    curve: DemandCurve,
    recommendation: Recommendation,
    language: Language = "en",
    *,
    asked: float | None = None,
) -> Figure:
    """Expected profit above expected units, against price, each with its 80 % interval.

    Vertical lines mark the price now, the suggested one and the one asked about; the prices actually charged
    are shaded, because outside them the curve is a belief rather than a measurement. Where the unit cost is
    unknown, revenue takes the place of profit. The background is transparent and the ink neutral, so that one
    figure reads on light and dark pages.

    Parameters
    ----------
    curve
        Demand at P candidate prices; money in store currency, units per period.
    recommendation
        The decision for the same product. Its prices and `asked` are always inside the frame.
    language
        Of titles, legend and number formats.
    asked
        A price that the merchant asked about, in store currency.

    Raises
    ------
    ValueError
        If the curve and the recommendation are of different products.
    """
    from plotly.subplots import make_subplots

    if (curve.sku, curve.store) != (recommendation.sku, recommendation.store):
        raise ValueError(
            f"The curve is of {curve.sku!r} (store {curve.store!r}), "
            f"the recommendation of {recommendation.sku!r} (store {recommendation.store!r})."
        )
    words, currency = wording(language), recommendation.currency
    prices = [float(price) for price in curve.prices]
    marks = _marks(recommendation, asked)
    left, right = _frame(curve, marks)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.11, row_heights=[0.55, 0.45])
    figure.update_xaxes(tickprefix=symbol_of(currency, language), **price_axis(left, right))
    for panel in (_earnings(curve, words), _demand(curve, words)):
        _draw(figure, panel, prices, currency, words)
        figure.add_vrect(
            x0=max(curve.known_low, left), x1=min(curve.known_high, right), row=panel.row, col=1,
            fillcolor=GREY, opacity=SHADE_OPACITY, line_width=0, layer="below",
        )  # fmt: skip
        symbol = symbol_of(currency, language) if panel.row == 1 else ""
        figure.update_yaxes(
            range=_extent(panel, prices, marks, left, right), tickprefix=symbol, row=panel.row, col=1
        )
        _draw_marks(figure, panel, prices, marks)
    _name_marks(figure, marks, (left, right), currency, words)
    figure.add_scatter(  # a legend entry for the shading
        x=[None], y=[None], mode="markers", name=words("figure.known"), row=1, col=1,
        marker={"symbol": "square", "size": 12, "color": GREY, "opacity": 2.5 * SHADE_OPACITY},
    )  # fmt: skip
    title = words("figure.price_in", currency=currency) if currency else words("figure.price")
    figure.update_xaxes(title_text=title, title_standoff=8, row=2, col=1)
    dress(figure)
    return figure


def _earnings(curve: DemandCurve, words: Wording) -> _Panel:
    """Profit against price, or revenue where the unit cost is unknown."""
    title = words(f"figure.{curve.objective}", period=words(f"figure.period.{curve.period}"))
    return _Panel(1, title, BLUE, *_lists(curve.objective_mean, curve.objective_low, curve.objective_high))


def _demand(curve: DemandCurve, words: Wording) -> _Panel:
    """Units against price."""
    title = words("figure.demand", period=words(f"figure.period.{curve.period}"))
    return _Panel(2, title, GREEN, *_lists(curve.mean, curve.quantiles["0.1"], curve.quantiles["0.9"]))


def _lists(*arrays: NDArray[np.float64]) -> Iterator[list[float]]:
    """Plain lists, which every version of plotly's JavaScript reads."""
    return ([float(x) for x in array] for array in arrays)


def _draw(figure: Figure, panel: _Panel, prices: list[float], currency: str | None, words: Wording) -> None:
    """The panel's interval, mean and title."""
    hover = [
        words(
            "figure.hover",
            price=money(price, currency, words.language),
            mean=_amount(panel, mean, currency, words.language),
            low=_amount(panel, low, currency, words.language),
            high=_amount(panel, high, currency, words.language),
        )
        for price, mean, low, high in zip(prices, panel.mean, panel.low, panel.high, strict=True)
    ]
    figure.add_scatter(
        x=prices + prices[::-1], y=panel.high + panel.low[::-1], row=panel.row, col=1,
        fill="toself", fillcolor=translucent(panel.colour), line={"width": 0}, hoverinfo="skip",
        name=words("figure.band"), showlegend=panel.row == 1, mode="lines", legendrank=2,
    )  # fmt: skip
    figure.add_scatter(
        x=prices, y=panel.mean, row=panel.row, col=1,
        mode="lines", line={"color": panel.colour, "width": 2.6},
        name=words("figure.expected"), showlegend=panel.row == 1, legendrank=1,
        text=hover, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.add_annotation(
        text=f"<b>{panel.title}</b>", x=0, xref="paper", xanchor="left", showarrow=False, font={"size": 13},
        y=1, yref="y domain" if panel.row == 1 else "y2 domain", yanchor="bottom", yshift=5,
    )  # fmt: skip


def _marks(recommendation: Recommendation, asked: float | None) -> list[_Mark]:
    """The prices to point out, the least important first; prices that coincide are one mark."""
    now, suggested = recommendation.current_price, recommendation.price
    marks = [_Mark("figure.now", now, GREY, "dot"), _Mark("figure.suggested", suggested, VERMILLION, "solid")]
    if now == suggested:
        marks = [_Mark("figure.keep", now, VERMILLION, "solid")]
    if asked is not None and asked not in (now, suggested):
        marks.append(_Mark("figure.asked", asked, PURPLE, "dash"))
    return marks


def _draw_marks(figure: Figure, panel: _Panel, prices: list[float], marks: list[_Mark]) -> None:
    """A line down the panel at each marked price, and a point where it meets the expectation."""
    for mark in marks:
        figure.add_vline(
            x=mark.price, row=panel.row, col=1, line={"color": mark.colour, "width": 2, "dash": mark.dash}
        )
        if not prices[0] <= mark.price <= prices[-1]:  # no expectation there to point at
            continue
        figure.add_scatter(
            x=[mark.price], y=[float(np.interp(mark.price, prices, panel.mean))], row=panel.row, col=1,
            mode="markers", marker={"color": mark.colour, "size": 9, "line_color": "white", "line_width": 1},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip


def _name_marks(
    figure: Figure, marks: list[_Mark], frame: tuple[float, float], currency: str | None, words: Wording
) -> None:
    """Label the lines above the upper panel, each on a row of its own so that they can never overlap."""
    left, right = frame
    for line, mark in enumerate(reversed(marks)):
        position, across = mark.price, (mark.price - left) / (right - left)
        if figure.layout.xaxis.type == "log":  # where annotations count in powers of ten
            position = math.log10(mark.price)
            across = math.log(mark.price / left) / math.log(right / left)
        figure.add_annotation(
            text=words(mark.name, price=money(mark.price, currency, words.language)),
            x=position, xref="x", xanchor="left" if across < 0.2 else "right" if across > 0.8 else "center",
            y=1, yref="y domain", yanchor="bottom", yshift=2 + LABEL_HEIGHT * line,
            showarrow=False, font={"color": mark.colour, "size": 12},
        )  # fmt: skip
    figure.update_layout(margin_t=32 + LABEL_HEIGHT * len(marks))
    figure.layout.annotations[0].yshift = 6 + LABEL_HEIGHT * len(marks)  # the upper panel's title


def _frame(curve: DemandCurve, marks: list[_Mark]) -> tuple[float, float]:
    """The prices to show: those charged and those marked, with room around, as far as the curve goes.

    The curve's own grid may reach prices nobody would consider, which would squeeze the part that matters.
    """
    low = min(curve.known_low, *(mark.price for mark in marks))
    high = max(curve.known_high, *(mark.price for mark in marks))
    room = max((high / low) ** 0.2, 1.12)
    left = max(low / room, min(float(curve.prices[0]), low / 1.05))
    right = min(high * room, max(float(curve.prices[-1]), high * 1.05))
    return left, right


def price_axis(left: float, right: float) -> dict[str, Any]:
    """Linear where one glance can take it in, logarithmic with ticks at 1, 2, 5 where prices spread wide."""
    if right / left <= WIDE:
        return {"type": "linear", "range": [left, right], "nticks": 7}
    powers = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {
        "type": "log",
        "range": [math.log10(left), math.log10(right)],
        "tickvals": [tick for tick in ticks if left <= tick <= right],
    }


def _extent(panel: _Panel, prices: list[float], marks: list[_Mark], left: float, right: float) -> list[float]:
    """The panel's vertical range: zero and the visible interval, as far as three times the marked points.

    Without that limit, units at a far-away low price would flatten everything else onto the axis.
    """
    visible = [0.0]
    for price, low, high in zip(prices, panel.low, panel.high, strict=True):
        if left <= price <= right:
            visible += [low, high]
    marked = max(abs(float(np.interp(mark.price, prices, panel.high))) for mark in marks)
    top = min(max(visible), 3 * marked) or max(visible) or 1.0
    bottom = max(min(visible), -0.5 * top)
    return [1.08 * bottom, 1.06 * top]


def dress(figure: Figure, *, height: int = HEIGHT) -> None:
    """Transparent, quiet, still: no zoom or drag, so that a finger scrolls the page and not the axis."""
    faint = "rgba(128,136,148,0.25)"
    figure.update_xaxes(showgrid=False, zeroline=False, ticks="outside", tickcolor=faint, linecolor=faint,
                        showline=True, fixedrange=True, separatethousands=True)  # fmt: skip
    figure.update_yaxes(gridcolor=faint, zerolinecolor="rgba(128,136,148,0.6)", nticks=5, fixedrange=True,
                        separatethousands=True, exponentformat="none", automargin=True)  # fmt: skip
    figure.update_layout(
        template="none",
        height=height,
        margin_l=56, margin_r=12, margin_b=76,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": GREY, "size": 12, "family": "system-ui, sans-serif"},
        hovermode="x",
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": -0.17, "yanchor": "top", "itemclick": False,
                "itemdoubleclick": False},
    )  # fmt: skip


def translucent(colour: str) -> str:
    """The colour as a band around a line has it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def symbol_of(currency: str | None, language: Language) -> str:
    """The currency's sign as it stands before an axis' numbers; empty where the currency is unknown."""
    return get_currency_symbol(currency, LOCALES[language]) if currency else ""


def _amount(panel: _Panel, value: float, currency: str | None, language: Language) -> str:
    """One of the panel's values as people write it."""
    if panel.row == 1:
        return money(value, currency, language)
    return quantity(value, language)
