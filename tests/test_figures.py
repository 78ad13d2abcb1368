"""The figure shows what the curve says, at prices one can find on it, in the merchant's language."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.graph_objects import Figure

from assistant.figures import BLUE, GREEN, demand_and_profit
from policy.decision.outcomes import DemandCurve
from policy.decision.recommendation import Interval, Recommendation

NOW, SUGGESTED, COST = 18.0, 15.49, 5.2


def a_curve(
    *, now: float = NOW, low: float = 14.0, high: float = 21.0, cost: float | None = COST
) -> DemandCurve:
    """Constant elasticity -2 through 30 units at the price now, 20 % either way."""
    prices = np.linspace(0.8 * low, 1.1 * high, 41)
    units = 30 * (prices / now) ** -2.0
    earned = (prices - (cost or 0.0)) * units
    return DemandCurve(
        sku="CAN-LAV-200",
        store=None,
        name="Lavender Candle 200 g",
        currency="USD",
        period="week",
        prices=prices,
        mean=units,
        quantiles={f"{level / 10:g}": units * (0.75 + level / 20) for level in range(1, 10)},
        elasticity=Interval(mean=-2.0, low=-2.4, high=-1.6),
        current_price=now,
        unit_cost=cost,
        known_low=low,
        known_high=high,
        objective="revenue" if cost is None else "profit",
        objective_mean=earned,
        objective_low=0.8 * earned,
        objective_high=1.2 * earned,
    )


def a_recommendation(
    *, now: float = NOW, price: float = SUGGESTED, currency: str | None = "USD"
) -> Recommendation:
    return Recommendation(
        sku="CAN-LAV-200",
        store=None,
        name="Lavender Candle 200 g",
        currency=currency,
        period="week",
        date="2026-11-23",
        periods_of_history=104,
        objective="profit",
        current_price=now,
        price=price,
        model_price=price,
        unit_cost=COST,
        competitor_price=None,
        take=None,
        keep=None,
        gain=None,
        elasticity=None,
    )


def texts(figure: Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def line_at(figure: Figure, colour: str) -> tuple[list[float], list[float]]:
    (line,) = (t for t in figure.data if t.mode == "lines" and t.line.color == colour)
    return list(line.x), list(line.y)


def test_the_lines_are_the_curve() -> None:
    curve = a_curve()
    figure = demand_and_profit(curve, a_recommendation())
    for colour, expected in ((BLUE, curve.objective_mean), (GREEN, curve.mean)):
        prices, values = line_at(figure, colour)
        assert prices == pytest.approx(curve.prices)
        assert values == pytest.approx(expected)


def test_the_bands_are_the_80_percent_intervals() -> None:
    curve = a_curve()
    profit, units = (t for t in demand_and_profit(curve, a_recommendation()).data if t.fill == "toself")
    count = len(curve.prices)
    assert list(profit.y[:count]) == pytest.approx(curve.objective_high)
    assert list(profit.y[count:]) == pytest.approx(curve.objective_low[::-1])
    assert list(units.y[:count]) == pytest.approx(curve.quantiles["0.9"])
    assert list(units.y[count:]) == pytest.approx(curve.quantiles["0.1"][::-1])


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Now $18.00", "Suggested $15.49", "Asked $16.20"]),
        ("zh", ["现价 US$18.00", "建议 US$15.49", "所问 US$16.20"]),
    ],
)
def test_the_marked_prices_are_named(language, expected) -> None:
    figure = demand_and_profit(a_curve(), a_recommendation(), language, asked=16.2)
    assert set(expected) <= set(texts(figure))
    lines = {shape.x0 for shape in figure.layout.shapes if shape.type == "line"}
    assert lines == {18.0, 15.49, 16.2}


def test_a_kept_price_is_marked_once() -> None:
    figure = demand_and_profit(a_curve(), a_recommendation(price=NOW), asked=NOW)
    assert "Keep $18.00" in texts(figure)
    assert {shape.x0 for shape in figure.layout.shapes if shape.type == "line"} == {NOW}


def test_the_prices_charged_are_shaded() -> None:
    shades = [s for s in demand_and_profit(a_curve(), a_recommendation()).layout.shapes if s.type == "rect"]
    assert [(s.x0, s.x1) for s in shades] == [(14.0, 21.0)] * 2


def test_revenue_takes_the_place_of_an_unknown_profit() -> None:
    assert any("profit" in text for text in texts(demand_and_profit(a_curve(), a_recommendation())))
    without = texts(demand_and_profit(a_curve(cost=None), a_recommendation()))
    assert any("revenue" in text for text in without)
    assert not any("profit" in text for text in without)


def test_an_unknown_currency_is_not_made_up() -> None:
    figure = demand_and_profit(a_curve(), a_recommendation(currency=None))
    assert "$" not in figure.to_json()
    assert "Now 18.00" in texts(figure)


def test_no_point_is_drawn_where_the_curve_says_nothing() -> None:
    beyond = 60.0
    figure = demand_and_profit(a_curve(), a_recommendation(), asked=beyond)
    points = [trace.x[0] for trace in figure.data if trace.mode == "markers" and trace.x[0] is not None]
    assert beyond not in points
    assert {NOW, SUGGESTED} <= set(points)


def test_the_curve_of_another_product_is_refused() -> None:
    with pytest.raises(ValueError, match="'PAN-28'"):
        demand_and_profit(replace(a_curve(), sku="PAN-28"), a_recommendation())


@given(
    now=st.floats(0.05, 5000),
    change=st.floats(0.3, 3.0),
    low=st.floats(0.05, 1.0),
    high=st.floats(1.0, 20.0),
)
def test_every_marked_price_is_in_the_frame(now: float, change: float, low: float, high: float) -> None:
    curve = a_curve(now=now, low=now * low, high=now * high)
    figure = demand_and_profit(curve, a_recommendation(now=now, price=now * change), asked=now * 1.5)
    left, right = figure.layout.xaxis.range
    if figure.layout.xaxis.type == "log":
        left, right = 10**left, 10**right
    for price in (now, now * change, now * 1.5, curve.known_low, curve.known_high):
        assert left < price < right
    bottom, top = figure.layout.yaxis2.range
    assert bottom <= 0 < top


def test_prices_far_apart_are_told_apart_on_a_logarithmic_axis() -> None:
    figure = demand_and_profit(a_curve(low=2.0, high=60.0), a_recommendation())
    assert figure.layout.xaxis.type == "log"
    labels = {a.text: a.x for a in figure.layout.annotations}
    assert labels["Now $18.00"] == pytest.approx(math.log10(18.0))
    assert demand_and_profit(a_curve(), a_recommendation()).layout.xaxis.type == "linear"


def test_the_figure_is_plain_json_on_a_transparent_page() -> None:
    figure = demand_and_profit(a_curve(), a_recommendation())
    assert "bdata" not in json.dumps(json.loads(figure.to_json()))
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
