"""Interactive figures of a fine-tuning: the adapted model beside the one before it, and how it learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assistant.facts import count
from assistant.figures import BLUE, GREEN, GREY, VERMILLION, dress
from assistant.tuning_report import SHARES, WORDS, Report, value_text
from assistant.wording import Language, Wording, wording

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = {"better": GREEN, "level": BLUE, "worse": VERMILLION}
"""Of the adapted model's mark, by verdict."""
ROW_HEIGHT = 90
CURVE_HEIGHT = 300
"""In pixels: of one measure, and of the learning curve."""


def measures_figure(report: Report, language: Language) -> Figure | None:
    """Every measure before and after, on an axis of its own; None where none could be measured.

    The adapted model's bar is the 80 % interval of its difference from the model before it, put at that
    model's value: where the bar leaves the grey line out, the difference is beyond noise.
    """
    from plotly.subplots import make_subplots

    words = wording(language, WORDS)
    shown = [
        m for m in report["measures"] if all(_is_number(m[k]) for k in ("base", "adapted", "low", "high"))
    ]
    if not shown:
        return None
    figure = make_subplots(rows=len(shown), cols=1, vertical_spacing=0.66 / len(shown))
    for row, measure in enumerate(shown, start=1):
        _draw(figure, measure, row, words)
    for name, colour, symbol in (("before", GREY, "line-ns"), ("adapted", BLUE, "circle")):
        figure.add_scatter(  # the legend; the colours of the marks are the verdicts'
            x=[None], y=[None], mode="markers", name=words(f"figure.{name}"), row=1, col=1,
            marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2.5, "color": colour}},
        )  # fmt: skip
    height = ROW_HEIGHT * len(shown) + 90
    dress(figure, height=height)
    figure.update_yaxes(visible=False, range=[-1, 1])
    figure.update_layout(
        margin_l=8, margin_t=30, margin_b=64, hovermode="closest", legend_y=-48 / (height - 94)
    )
    return figure


def _draw(figure: Figure, measure: Mapping[str, Any], row: int, words: Wording) -> None:
    """One measure: a line at the value before, a mark and interval at the adapted one, and its title."""
    name, base, adapted = measure["measure"], measure["base"], measure["adapted"]
    low, high = base + measure["low"], base + measure["high"]
    title = words(
        "figure.change",
        measure=words(f"measures.{name}"),
        base=value_text(name, base, words.language),
        adapted=value_text(name, adapted, words.language),
        verdict=words(f"verdicts.{measure['verdict']}"),
    )
    colour = COLOURS[measure["verdict"]]
    figure.add_scatter(
        x=[base, base], y=[-0.8, 0.8], mode="lines", line={"color": GREY, "width": 3},
        hoverinfo="skip", showlegend=False, row=row, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=[low, high], y=[0, 0], mode="lines", line={"color": colour, "width": 6}, opacity=0.45,
        hoverinfo="skip", showlegend=False, row=row, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=[adapted], y=[0], mode="markers", marker={"size": 13, "color": colour},
        text=[title], hovertemplate="%{text}<extra></extra>", showlegend=False, row=row, col=1,
    )  # fmt: skip
    axis = "" if row == 1 else str(row)
    figure.add_annotation(
        text=title, x=0, xref="paper", xanchor="left", showarrow=False, font={"size": 13},
        y=1, yref=f"y{axis} domain", yanchor="bottom", yshift=3,
    )  # fmt: skip
    ends = [base, adapted, low, high]
    room = 0.25 * (max(ends) - min(ends)) or 0.05 * abs(base) or 1.0
    figure.update_xaxes(
        range=[min(ends) - room, max(ends) + room], nticks=5, row=row, col=1,
        tickformat=".1~%" if name in SHARES else "~r",
    )  # fmt: skip


def curve_figure(report: Report, language: Language) -> Figure | None:
    """Loss against steps, on the sales learned from and on unseen ones; None where nothing was recorded."""
    import plotly.graph_objects as go

    curve, words = report["curve"], wording(language, WORDS)
    if not curve:
        return None
    steps = [point["step"] for point in curve]
    figure = go.Figure()
    for part, colour, dash in (("train", GREY, "dot"), ("validation", BLUE, "solid")):
        figure.add_scatter(
            x=steps, y=[point[part] for point in curve], mode="lines", name=words(f"figure.{part}"),
            line={"color": colour, "width": 2.6, "dash": dash},
        )  # fmt: skip
    chosen = report["chosen"]["steps"]
    figure.add_vline(x=chosen, line={"color": GREEN, "width": 1.6})
    figure.add_annotation(
        text=words("figure.chosen", steps=count(chosen, language)), x=chosen, y=1, yref="paper",
        yanchor="bottom", showarrow=False, font={"color": GREEN, "size": 12},
    )  # fmt: skip
    figure.add_annotation(
        text=f"<b>{words('figure.curve')}</b>", x=0, xref="paper", xanchor="left", showarrow=False,
        font={"size": 13}, y=1, yref="paper", yanchor="bottom", yshift=20,
    )  # fmt: skip
    dress(figure, height=CURVE_HEIGHT)
    figure.update_xaxes(title_text=words("figure.step"), title_standoff=6)
    figure.update_layout(margin_t=48, hovermode="x unified", legend_y=-0.28)
    return figure


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
