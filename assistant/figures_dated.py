"""Interactive figures along the calendar: prices and sales so far, sales ahead, a stock's way to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from assistant.facts import day, money, quantity
from assistant.figures import BLUE, GREEN, GREY, VERMILLION, dress, symbol_of, translucent
from assistant.series import Band, ClearanceSeries, ForecastSeries
from assistant.wording import Language, Wording, wording

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MONTHS_FROM_DAYS = 200
"""Length of an axis from which it names months and no days."""
PAST_PERIODS = 26
"""Least periods of sales shown before a forecast, where there are so many."""
PERIOD_DAYS: Mapping[str, int] = {"day": 1, "week": 7, "month": 30}
SOURCES: Mapping[str, tuple[str, str]] = {"decision": (VERMILLION, "diamond"), "withdrawal": (GREY, "x")}
"""Mark of a price in the ledger that came of the merchant's decision, by its source."""
PLACE = {"row": 1, "col": 1}
BELOW = {"row": 2, "col": 1}


def price_history(
    ledger: pd.DataFrame, history: pd.DataFrame, period: str, currency: str | None, language: Language
) -> Figure:
    """Every price in force, decisions of the merchant marked, above what sold.

    Parameters
    ----------
    ledger
        Of one product in one outlet, as `Store.price_ledger` gives it.
    history
        Its canonical history; a competitor's prices are drawn where it has them.
    period
        Length of the periods of the history.
    """
    from plotly.subplots import make_subplots

    words = wording(language)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.13, row_heights=[0.58, 0.42])
    held = ledger.drop_duplicates("effective_from", keep="last")
    # The last price is in force to the end of the newest period, and is seen to be where it begins there.
    newest = max(history["date"].max(), held["effective_from"].max())
    days = [*held["effective_from"], newest + pd.Timedelta(days=PERIOD_DAYS[period])]
    prices = [*map(float, held["price"]), float(held["price"].iloc[-1])]
    texts = [
        f"{_day(on, language)}<br><b>{money(p, currency, language)}</b>"
        for on, p in zip(days, prices, strict=True)
    ]
    figure.add_scatter(
        x=days, y=prices, mode="lines", line={"color": BLUE, "width": 2.4, "shape": "hv"},
        name=words("figure.own_price"), text=texts, hovertemplate="%{text}<extra></extra>", **PLACE,
    )  # fmt: skip
    if "competitor_price" in history and history["competitor_price"].notna().any():
        rival = history.dropna(subset=["competitor_price"])
        figure.add_scatter(
            x=list(rival["date"]), y=[float(x) for x in rival["competitor_price"]], mode="lines",
            line={"color": GREY, "width": 1.6, "dash": "dot", "shape": "hv"},
            name=words("figure.competitor"), hoverinfo="skip", **PLACE,
        )  # fmt: skip
    for source, (colour, mark) in SOURCES.items():
        marked = held[held["source"] == source]
        if len(marked):
            figure.add_scatter(
                x=list(marked["effective_from"]), y=[float(x) for x in marked["price"]], mode="markers",
                marker={"color": colour, "size": 11, "symbol": mark}, name=words(f"figure.{source}"),
                hoverinfo="skip", **PLACE,
            )  # fmt: skip
    _sold(figure, history, period, words)
    _title(figure, words("figure.price_history"), "y")
    _title(figure, words("figure.sold", period=words(f"figure.period.{period}")), "y2")
    _dress(figure, [days[0], days[-1]], words, height=430)
    figure.update_yaxes(tickprefix=symbol_of(currency, language), rangemode="normal", **PLACE)
    return figure


def _sold(figure: Figure, history: pd.DataFrame, period: str, words: Wording) -> None:
    sold = history.dropna(subset=["units"])
    texts = [
        f"{_day(on, words.language)}<br><b>{quantity(float(units), words.language)}</b>"
        for on, units in zip(sold["date"], sold["units"], strict=True)
    ]
    half = pd.Timedelta(days=PERIOD_DAYS[period]) / 2  # a bar stands in the middle of its period
    figure.add_bar(
        x=[on + half for on in sold["date"]], y=[float(x) for x in sold["units"]],
        marker={"color": GREEN, "opacity": 0.75, "line": {"width": 0}}, showlegend=False,
        text=texts, textposition="none", hovertemplate="%{text}<extra></extra>", **BELOW,
    )  # fmt: skip


def forecast_fan(series: ForecastSeries, past: pd.DataFrame, language: Language) -> Figure:
    """Units sold so far, then those expected with their 80 % interval.

    Parameters
    ----------
    past
        `date` and `units` of the same products, summed; what is older than the forecast's scale is left out.
    """
    import plotly.graph_objects as go

    words = wording(language)
    figure = go.Figure()
    recent = past.tail(max(PAST_PERIODS, 3 * len(series.dates)))
    ahead = [pd.Timestamp(date) for date in series.dates]
    if len(recent):
        figure.add_scatter(
            x=list(recent["date"]), y=[float(x) for x in recent["units"]], mode="lines+markers",
            line={"color": GREY, "width": 1.8}, marker={"size": 4}, name=words("figure.sold_so_far"),
            text=[_units(on, x, language) for on, x in zip(recent["date"], recent["units"], strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    texts = [
        words(
            "figure.hover",
            price=_day(on, language),
            mean=quantity(mean, language),
            low=quantity(low, language),
            high=quantity(high, language),
        )
        for on, mean, low, high in zip(
            ahead, series.units.mean, series.units.low, series.units.high, strict=True
        )
    ]
    _band(figure, ahead, series.units, BLUE, words("figure.band"))
    figure.add_scatter(
        x=ahead, y=list(series.units.mean), mode="lines+markers", line={"color": BLUE, "width": 2.6},
        marker={"size": 6}, name=words("figure.expected"), text=texts, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=ahead[0].to_pydatetime(), line={"color": GREY, "width": 1.2, "dash": "dot"})
    _title(figure, words("figure.demand", period=words(f"figure.period.{series.period}")), "y")
    first = recent["date"].iloc[0] if len(recent) else ahead[0]
    _dress(figure, [first, ahead[-1]], words, height=360)
    figure.update_yaxes(rangemode="tozero")
    return figure


def clearance_path(series: ClearanceSeries, language: Language) -> Figure:
    """The path's price period by period, above the stock that it is expected to leave, each beside keeping
    the price."""
    from plotly.subplots import make_subplots

    words, currency = wording(language), series.currency
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.13, row_heights=[0.45, 0.55])
    after = pd.Timestamp(series.end) + pd.Timedelta(days=1)
    days = [*map(pd.Timestamp, series.dates), after]
    for name, prices, style in (
        ("keeping", [series.keep_price] * len(series.prices), {"color": GREY, "width": 1.8, "dash": "dot"}),
        ("path", list(series.prices), {"color": VERMILLION, "width": 2.8}),
    ):
        shown = [*prices, prices[-1]]
        texts = [
            f"{_day(on, language)}<br><b>{money(p, currency, language)}</b>"
            for on, p in zip(days, shown, strict=True)
        ]
        figure.add_scatter(
            x=days, y=shown, mode="lines", line=style | {"shape": "hv"}, name=words(f"figure.{name}"),
            text=texts, hovertemplate="%{text}<extra></extra>", **PLACE,
        )  # fmt: skip
    _name_steps(figure, series, days, language)
    start = Band(mean=(series.stock,), low=(series.stock,), high=(series.stock,))
    left, kept = (_joined(start, band) for band in (series.left, series.left_keep))
    _band(figure, days, left, VERMILLION, words("figure.band"), BELOW)
    for band, style in (
        (kept, {"color": GREY, "width": 1.8, "dash": "dot"}),
        (left, {"color": VERMILLION, "width": 2.8}),
    ):
        texts = [
            words(
                "figure.hover",
                price=_day(on, language),
                **{end: quantity(x, language) for end, x in zip(("mean", "low", "high"), ends, strict=True)},
            )
            for on, *ends in zip(days, band.mean, band.low, band.high, strict=True)
        ]
        figure.add_scatter(
            x=days, y=list(band.mean), mode="lines", line=style, showlegend=False,
            text=texts, hovertemplate="%{text}<extra></extra>", **BELOW,
        )  # fmt: skip
    _title(figure, words("figure.price"), "y")
    _title(figure, words("figure.left"), "y2")
    _dress(figure, [days[0], days[-1]], words, height=440)
    every = [*series.prices, series.keep_price]
    room = 0.35 * (max(every) - min(every)) or 0.2 * max(every)
    figure.update_yaxes(
        range=[max(min(every) - room, 0), max(every) + room],
        tickprefix=symbol_of(currency, language),
        **PLACE,
    )
    figure.update_yaxes(rangemode="tozero", **BELOW)
    return figure


def _name_steps(
    figure: Figure, series: ClearanceSeries, days: list[pd.Timestamp], language: Language
) -> None:
    """The price of each step, where it begins."""
    last = None
    for on, price in zip(days, series.prices, strict=False):
        if price != last:
            figure.add_annotation(
                text=f"<b>{money(price, series.currency, language)}</b>", x=on, xref="x", y=price, yref="y",
                xanchor="left", yanchor="bottom", yshift=2, xshift=2, showarrow=False,
                font={"color": VERMILLION, "size": 12},
            )  # fmt: skip
        last = price


def _joined(first: Band, rest: Band) -> Band:
    return Band(mean=first.mean + rest.mean, low=first.low + rest.low, high=first.high + rest.high)


def _band(
    figure: Figure,
    days: list[Any],
    band: Band,
    colour: str,
    name: str,
    place: Mapping[str, int] | None = None,
) -> None:
    figure.add_scatter(
        x=days + days[::-1], y=[*band.high, *band.low[::-1]], fill="toself", fillcolor=translucent(colour),
        line={"width": 0}, mode="lines", hoverinfo="skip", name=name, **(place or {}),
    )  # fmt: skip


def _title(figure: Figure, text: str, axis: str) -> None:
    figure.add_annotation(
        text=f"<b>{text}</b>", x=0, xref="paper", xanchor="left", showarrow=False, font={"size": 13},
        y=1, yref=f"{axis} domain", yanchor="bottom", yshift=5,
    )  # fmt: skip


def _dress(figure: Figure, ends: Sequence[Any], words: Wording, *, height: int) -> None:
    dress(figure, height=height)
    days = (pd.Timestamp(ends[1]) - pd.Timestamp(ends[0])).days
    scale = "months" if days >= MONTHS_FROM_DAYS else "days"
    figure.update_xaxes(tickformat=words(f"figure.axis.{scale}"), nticks=5, tickangle=0)
    figure.update_layout(margin_t=34, hovermode="closest", legend_y=-44 / (height - 110), bargap=0.15)


def _day(on: Any, language: Language) -> str:
    return day(pd.Timestamp(on).date().isoformat(), language)


def _units(on: Any, units: float, language: Language) -> str:
    return f"{_day(on, language)}<br><b>{quantity(float(units), language)}</b>"
