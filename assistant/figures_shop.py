"""Interactive figures of the shop as a whole: every price now against the suggested one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from assistant.facts import direction, money, percent, signed, total_decimals
from assistant.figures import BLUE, GREY, VERMILLION, dress, price_axis, symbol_of
from assistant.wording import Language, wording

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from policy.decision.recommendation import Recommendation

HEIGHT = 430
SMALLEST, LARGEST = 9.0, 34.0
"""Diameter of a product's mark in pixels, by its gain."""
NAMED, LONGEST_NAME = 3, 22
"""Products whose names stand beside their marks: those with most to gain; and where a name is cut."""
NEAR = 0.16
"""Share of the frame within which another mark is in a name's way."""
COLOURS = {"raise": BLUE, "cut": VERMILLION, "keep": GREY}


def portfolio(recommendations: Sequence[Recommendation], language: Language) -> Figure | None:
    """Each product's price now, how far the suggested one is from it, and as area what that would earn.

    Products of the commonest currency, since prices in two do not share an axis; None where none is priced.
    """
    import plotly.graph_objects as go

    words = wording(language)
    priced = [it for it in recommendations if it.abstained is None and it.gain is not None]
    if not priced:
        return None
    currency = Counter(it.currency for it in priced).most_common(1)[0][0]
    shown = [it for it in priced if it.currency == currency]
    most = max(_gain(it) for it in shown) or 1.0
    figure = go.Figure()
    for move, colour in COLOURS.items():
        own = [it for it in shown if direction(it.current_price, it.price, currency) == move]
        if own:
            figure.add_scatter(
                x=[it.current_price for it in own], y=[it.change for it in own], mode="markers",
                name=words(f"figure.moves.{move}", count=len(own)),
                marker={"color": colour, "opacity": 0.72, "line": {"color": "white", "width": 1},
                        "size": [_size(it, most) for it in own]},
                text=[_hover(it, language) for it in own], hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    figure.add_hline(y=0, line={"color": GREY, "width": 1.2, "dash": "dot"})
    prices = [it.current_price for it in shown]
    left, right = min(prices) / 1.35, max(prices) * 1.35
    _name_most(figure, shown, (left, right))
    title = words("figure.portfolio", period=words(f"figure.period.{shown[0].period}"))
    figure.add_annotation(
        text=f"<b>{title}</b>", x=0, xref="paper", xanchor="left", showarrow=False, font={"size": 13},
        y=1, yref="paper", yanchor="bottom", yshift=8,
    )  # fmt: skip
    dress(figure, height=HEIGHT)
    axis = price_axis(left, right)
    if "tickvals" in axis:
        axis["ticktext"] = [
            money(tick, currency, language, decimals=0 if tick >= 1 else None) for tick in axis["tickvals"]
        ]
    figure.update_xaxes(
        title_text=words("figure.price_now"), title_standoff=8, tickprefix=symbol_of(currency, language),
        **axis,
    )  # fmt: skip
    widest = max(0.05, *(abs(it.change) for it in shown))
    figure.update_yaxes(tickformat="+.0%", range=[-1.25 * widest, 1.25 * widest])
    figure.update_layout(margin_t=40, hovermode="closest", legend={"y": -0.19, "itemsizing": "constant"})
    return figure


def _name_most(figure: Figure, shown: Sequence[Recommendation], frame: tuple[float, float]) -> None:
    """The names of the products with most to gain, on that side of their marks where there is room."""
    left, right = frame
    logarithmic = price_axis(left, right)["type"] == "log"
    across = {id(it): math.log(it.current_price / left) / math.log(right / left) for it in shown}
    tall = 2.5 * max(abs(it.change) for it in shown)

    def crowded(it: Recommendation, side: int) -> bool:
        near = [it2 for it2 in shown if it2 is not it and abs(across[id(it2)] - across[id(it)]) < NEAR]
        return any(0 <= side * (other.change - it.change) < NEAR * tall for other in near)

    for it in sorted(shown, key=lambda it: -_gain(it))[:NAMED]:
        if _gain(it) <= 0 or not it.change:
            continue
        outward = 1 if it.change > 0 else -1
        side = outward if not crowded(it, outward) else -outward
        place, name = across[id(it)], it.name or it.sku
        figure.add_annotation(
            text=escape(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"),
            x=math.log10(it.current_price) if logarithmic else it.current_price, y=it.change,
            xanchor="left" if place < 0.25 else "right" if place > 0.75 else "center",
            yanchor="bottom" if side > 0 else "top", yshift=16 * side, showarrow=False, font={"size": 11},
        )  # fmt: skip


def _gain(it: Recommendation) -> float:
    return max(it.gain.mean, 0.0) if it.gain is not None else 0.0


def _size(it: Recommendation, most: float) -> float:
    return SMALLEST + (LARGEST - SMALLEST) * float((_gain(it) / most) ** 0.5)


def _hover(it: Recommendation, language: Language) -> str:
    gain = it.gain.mean if it.gain is not None else 0.0
    decimals = total_decimals(it.currency, gain)
    return wording(language)(
        "figure.hover_move",
        name=escape(it.name or it.sku),
        now=money(it.current_price, it.currency, language),
        price=money(it.price, it.currency, language),
        change=percent(it.change, language, sign=True),
        gain=signed(money(gain, it.currency, language, decimals=decimals)),
        period=wording(language)(f"figure.period.{it.period}"),
    )
