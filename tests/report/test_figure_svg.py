"""A product's figures: they show what the curve and the records say, whatever these are."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.report.document import Page
from assistant.report.entry import Curve, Sales
from assistant.report.figure_svg import outcome_figure, past_figure, ticks
from assistant.wording import LANGUAGES, Language
from tests.report.sample_report import ROWS, page

CANDLE = page(dict(ROWS[0]))
"""At $18 now, $16.69 suggested, cost $9; 20 units at $18, 25 at $16.20."""


def described(figure: str) -> str:
    return ElementTree.fromstring(figure).findtext("desc") or ""


def test_profit_is_the_margin_times_the_units_of_the_curve() -> None:
    # 20 x (18 - 9) = 180 now; the curve earns 180 at $16.20 too, so also in between, with 23.6 units.
    assert described(outcome_figure(CANDLE, "en")).endswith(
        "At $18.00, the price now: $180.00; 20 units. At $16.69, the suggested price: $180.00; 24 units."
    )


def test_without_a_cost_it_is_revenue() -> None:
    figure = outcome_figure(replace(CANDLE, unit_cost=None), "en")
    assert "At $18.00, the price now: $360.00; 20 units." in described(figure)  # 20 x 18
    assert "Average revenue per week" in figure
    assert "profit" not in figure


def test_a_price_that_is_kept_is_marked_once() -> None:
    figure = outcome_figure(replace(CANDLE, price=18.0), "en")
    assert "Keep $18.00" in figure
    assert figure.count('class="mark') == 2  # one line in each panel
    assert outcome_figure(CANDLE, "en").count('class="mark') == 4


def test_no_curve_no_figure() -> None:
    assert outcome_figure(replace(CANDLE, curve=None), "en") == ""
    assert past_figure(replace(CANDLE, sales=Sales(dates=(), prices=(), units=())), "en") == ""


def test_unknown_units_are_not_no_units() -> None:
    # Six weeks: four with sales, one with none, one that is unknown.
    figure = past_figure(CANDLE, "en")
    bars = re.search(r'class="bars"[^>]* d="([^"]*)"', figure)
    unknown = re.search(r'class="unknown"[^>]* d="([^"]*)"', figure)
    assert bars is not None and bars[1].count("M") == 4
    assert unknown is not None and unknown[1].count("M") == 1
    assert "Units unknown" in figure
    assert described(figure).endswith("Prices from $16.20 to $18.00; units from 0 to 31.")


def test_bars_are_as_high_as_what_was_sold() -> None:
    sold = replace(CANDLE.sales, units=(10.0, 20.0, 40.0, 5.0, 1.0, 2.0))
    bars = re.search(r'class="bars"[^>]* d="([^"]*)"', past_figure(replace(CANDLE, sales=sold), "en"))
    assert bars is not None
    heights = [float(base) - float(top) for base, top in re.findall(r" ([\d.]+)V([\d.]+)", bars[1])]
    assert [it / heights[0] for it in heights] == pytest.approx([1.0, 2.0, 4.0, 0.5, 0.1, 0.2], abs=0.01)


POSITIVE = st.floats(0.01, 1e6)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    size = draw(st.integers(1, 12))
    prices = sorted(draw(st.sets(POSITIVE, min_size=size, max_size=size)))
    units = draw(st.lists(st.floats(0.0, 1e6), min_size=size, max_size=size))
    periods = draw(st.integers(0, 30))
    sold = st.one_of(st.none(), st.floats(0.0, 1e6))
    return replace(
        CANDLE,
        current_price=draw(POSITIVE),
        price=draw(st.one_of(st.none(), POSITIVE)),
        unit_cost=draw(st.one_of(st.none(), POSITIVE)),
        currency=draw(st.sampled_from(["USD", "JPY", "CNY", None])),
        curve=Curve(
            prices=tuple(prices),
            units=tuple(units),
            units_low=tuple(0.5 * it for it in units),
            units_high=tuple(2.0 * it for it in units),
        ),
        sales=Sales(
            dates=("2026-01-05",) * periods,
            prices=tuple(draw(st.lists(POSITIVE, min_size=periods, max_size=periods))),
            units=tuple(draw(st.lists(sold, min_size=periods, max_size=periods))),
        ),
    )


@given(pages(), st.sampled_from(sorted(LANGUAGES)))
def test_any_product_can_be_drawn(drawn: Page, language: Language) -> None:
    for figure in (outcome_figure(drawn, language), past_figure(drawn, language)):
        if figure:
            ElementTree.fromstring(figure)  # well formed
            assert not re.search(r"\b(nan|inf)\b", figure)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 6))
def test_ticks_are_round_and_inside(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    assert len(found) <= about / 0.7 + 1
    for before, after in pairwise(found):
        digit = (after - before) / 10 ** math.floor(math.log10(after - before) + 1e-6)
        assert min(abs(digit - it) for it in (1, 2, 5)) < 1e-3
    assert all(low - 1e-6 <= it <= low + span + 1e-6 for it in found)
