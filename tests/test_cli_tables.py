"""The table of recommendations on a screen and in a pipe, in English and Chinese."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from assistant.cli_tables import recommendation_table
from policy.decision.recommendation import Clamp, Interval, Outcome, Recommendation


def around(mean: float, half: float) -> Interval:
    return Interval(mean=mean, low=mean - half, high=mean + half)


def outcome(price: float, units: float, cost: float | None) -> Outcome:
    return Outcome(
        price=price,
        units=around(units, 5),
        revenue=around(price * units, 5 * price),
        profit=None if cost is None else around((price - cost) * units, 5 * (price - cost)),
    )


CANDLE = Recommendation(
    sku="CAN-LAV-200",
    store=None,
    name="Lavender Candle 200 g",
    currency="USD",
    period="week",
    date="2026-11-23",
    periods_of_history=104,
    objective="profit",
    current_price=18.0,
    price=15.49,
    model_price=15.2,
    unit_cost=6.0,
    competitor_price=None,
    take=outcome(15.49, 44, 6.0),
    keep=outcome(18.0, 30, 6.0),
    gain=around(57.56, 12),
    elasticity=around(-2.1, 0.4),
    clamps=(Clamp(rule="price_ending", before=15.2, after=15.49),),
    confidence="medium",
)
UNKNOWN_COST = replace(
    CANDLE,
    sku="TEA-OOL",
    name="Oolong Tea",
    objective="revenue",
    current_price=9.5,
    price=10.5,
    unit_cost=None,
    take=outcome(10.5, 38, None),
    keep=outcome(9.5, 40, None),
    gain=around(19, 12),
    clamps=(),
    confidence="low",
)
KEPT = replace(CANDLE, sku="MUG-1", name="Mug", price=18.0, take=CANDLE.keep, gain=around(0, 0), clamps=())
NEVER_VARIED = replace(
    CANDLE,
    sku="POS-A2",
    name="Poster",
    price=18.0,
    model_price=None,
    take=None,
    gain=None,
    clamps=(),
    abstained="price_never_varied",
    test_price=16.99,
)
ALL = [NEVER_VARIED, KEPT, UNKNOWN_COST, CANDLE]


def test_a_piped_table_has_one_line_a_product() -> None:
    lines = recommendation_table(ALL, "en", width=None).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["CAN-LAV-200", "TEA-OOL", "MUG-1", "POS-A2"]
    candle = lines[2]
    for cell in (
        "$18.00",
        "$15.49",
        "-13.9%",
        "$418",
        "+$57.56",
        "+$45.56 to +$69.56",
        "medium",
        "price ending",
    ):
        assert cell in candle


def test_the_table_says_why_a_product_has_no_price() -> None:
    (poster,) = [
        line for line in recommendation_table(ALL, "en", width=None).splitlines() if "POS-A2" in line
    ]
    assert "never changed" in poster
    assert "worth testing $16.99" in poster
    assert "%" not in poster


def test_revenue_is_never_shown_as_profit() -> None:
    mixed = recommendation_table(ALL, "en", width=None)
    assert "Profit / week" in mixed
    assert "$399*" in mixed
    assert "* Revenue" in mixed
    alone = recommendation_table([UNKNOWN_COST], "en", width=None)
    assert "Revenue / week" in alone
    assert "*" not in alone
    assert "profit may fall" in alone


def test_aiming_at_revenue_by_choice_needs_no_warning() -> None:
    chosen = recommendation_table([replace(CANDLE, objective="revenue")], "en", width=None)
    assert "Revenue / week" in chosen
    assert "unknown" not in chosen


def test_the_footer_counts_and_sums() -> None:
    footer = recommendation_table([CANDLE, CANDLE, *ALL], "en", width=None)
    assert "6 products: 1 to raise, 3 to cut, 1 to keep, 1 not priced." in footer
    assert "+$173 profit per week" in footer  # 3 x 57.56
    assert "+$19.00 revenue per week" in footer


def test_chinese_throughout() -> None:
    table = recommendation_table(ALL, "zh", width=None)
    for words in ("商品", "建议价", "每周利润", "可信度", "价格尾数", "未定价", "共 4 件商品"):
        assert words in table


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_screen_is_filled_and_never_passed(language: Any, width: int) -> None:
    table, _, _ = recommendation_table(ALL, language, width=width).partition("\n\n\n")
    body = table.split("\n* ")[0]
    assert max(cell_len(line) for line in body.splitlines()) <= width


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_cut_on_a_narrow_screen(language: Any) -> None:
    # However the cells break into lines, the characters must be the same.
    seen = [
        Counter(recommendation_table(ALL, language, width=width))
        - Counter({" ": 10**6, "\n": 10**6, "─": 10**6})
        for width in range(60, 120, 3)
    ]
    assert all(characters == seen[0] for characters in seen)


def test_a_name_cannot_command_the_terminal() -> None:
    table = recommendation_table([replace(CANDLE, name="[bold]Mug\x1b[31m\n")], "en", width=None)
    assert "[bold]Mug" in table
    assert "\x1b" not in table


def test_several_outlets_are_told_apart() -> None:
    table = recommendation_table([replace(CANDLE, store=s) for s in ("North", "South")], "en", width=None)
    assert "North / CAN-LAV-200" in table
    assert "South / CAN-LAV-200" in table


def test_no_products_is_an_empty_table() -> None:
    assert "0 products" in recommendation_table([], "en", width=None)
