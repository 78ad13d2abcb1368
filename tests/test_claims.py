"""What a text claims beside single numbers: whose they are, their order, and which way a price should go."""

from __future__ import annotations

import pytest
from test_grounding import candle

from assistant.facts import Fact, Sheet
from assistant.grounding import MERCHANT, Verdict, check

PRODUCTS = {"CAN-LAV-200": "Lavender Candle 200 g", "CAN-PIN-200": "Pine Candle 200 g (Christmas)"}
NAMES = [*PRODUCTS, *PRODUCTS.values()]


def verdict(text: str) -> Verdict:
    return check(text, candle(), names=NAMES, products=PRODUCTS)


def test_a_cut_by_a_rule_is_no_raise_of_the_price() -> None:
    sheet = Sheet("A", "en", currency="USD")
    sheet.price("price", 16.2)
    sheet.price("current_price", 18.0)
    sheet.percent("change", -0.1, sign=True)
    sheet.price("clamp.max_change.before", 15.84, label="Before the rule")
    sheet.price("clamp.max_change.after", 16.2, label="After the rule")
    for text, supported in (
        ("Raise the price to $16.20.", False),
        ("Raise it to $18.00.", False),
        ("Cut the price to $16.20.", True),
        ("The rule on the largest change raised it from $15.84 to $16.20.", True),
        ("The rule lowered it from $16.20 to $15.84.", False),
        ("Move the price from $16.20 to $18.00.", False),
        ("The model wanted $15.84.", True),
    ):
        assert check(text, sheet.facts).supported is supported, text


def two_products() -> list[Fact]:
    facts = []
    for sku, price in (("CAN-LAV-200", 18.0), ("CAN-PIN-200", 19.0)):
        sheet = Sheet(sku, "en", currency="USD")
        sheet.price("current_price", price)
        facts += sheet.facts
    return facts


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ("| Price | $18.00 | $19.00 |", []),
        ("| Price | $19.00 | $18.00 |", ["$19.00", "$18.00"]),
        ("| Say | yes\\|no | – |\n| Price | $18.00 | $18.00 |", ["$18.00"]),
        ("| Pine Candle | $19.00 | $19.00 |", []),  # a row that names its product is that product's
    ],
)
def test_a_number_in_a_table_is_of_the_product_at_the_head_of_its_column(rows: str, wrong: list[str]) -> None:
    text = f"| | Lavender Candle 200 g | CAN-PIN-200 |\n|---|---:|---:|\n{rows}"
    bad = check(text, two_products(), names=NAMES, products=PRODUCTS).unsupported
    assert [(it.text, it.reason) for it in bad] == [(it, "product") for it in wrong]


# Advice without a number


@pytest.mark.parametrize(
    "text",
    [
        "Raise the price of it.", "Raise it.", "You should raise its price a little.",
        "I suggest raising the price.", "Raise the Lavender Candle.", "So: increase the price.", "建议涨价。",
        "应该把它提价。", "It sells well. Raise it.",
    ],
)  # fmt: skip
def test_advice_against_the_facts_is_caught(text: str) -> None:
    bad = check(text, candle(), names=NAMES, products=PRODUCTS).unsupported
    assert [it.reason for it in bad] == ["direction"]


@pytest.mark.parametrize(
    "text",
    [
        "Cut the price.", "You should lower it.", "建议降价。", "Do not raise the price.",
        "If you raise the price, ask again.", "Reduce your stock.", "涨跌幅见表。", "不建议涨价。",
        "You asked whether you should raise the price.", "Raise your margin by buying cheaper.",
        "Prices to raise, those worth most first:", "建议涨价的有。",
    ],
)  # fmt: skip
def test_other_words_of_direction_are_left_alone(text: str) -> None:
    assert check(text, candle(), names=NAMES, products=PRODUCTS).supported


def test_advice_on_a_product_without_a_suggestion_is_caught() -> None:
    sheet = Sheet("KNF", "en", currency="USD")
    sheet.price("current_price", 129.0)
    sheet.add("abstained", "the price has never changed", None, "text")
    verdicts = [
        check(text, sheet.facts, products={"KNF": "Knife Set"}) for text in ("Cut the price.", "Wait.")
    ]
    assert [it.supported for it in verdicts] == [False, True]


# Whose number it is


def two_candles() -> list[Fact]:
    """The lavender candle's facts, and of the pine one 19.00 up to 20.90."""
    sheet = Sheet("CAN-PIN-200", "en", period="week", currency="USD")
    sheet.price("price", 20.9)
    sheet.price("current_price", 19.0)
    sheet.percent("change", 0.1, sign=True)
    whole = Sheet("overview", "en", section="overview")
    whole.add("products", "21", 21, "count")
    return [*candle(), *sheet.facts, *whole.facts]


def of_two(text: str) -> list[tuple[str, str]]:
    bad = check(text, two_candles(), names=NAMES, products=PRODUCTS).unsupported
    return [(it.text, it.reason) for it in bad]


@pytest.mark.parametrize(
    "text",
    [
        "Lavender Candle 200 g: cut to $15.49, from $18.00 (-13.9%).",
        "Cut the lavender candle to $15.49 and raise the pine candle to $20.90.",
        "| Lavender Candle 200 g | $18.00 | $15.49 |\n| CAN-PIN-200 | $19.00 | $20.90 |",
        "$20.90 for the Pine Candle 200 g (Christmas); the lavender candle gets $15.49.",
        "The lavender candle is cheaper than the pine candle: $15.49 against $20.90.",
        "The lavender and pine candles would be $15.49 and $20.90.",
        "Of 21 products the lavender candle should be cut by 13.9%.",
        "CAN-LAV-200 现价 $18.00，建议 $15.49；CAN-PIN-200 建议 $20.90。",
        "Raise the pine candle to $20.90.",
    ],
)
def test_each_product_keeps_its_numbers(text: str) -> None:
    assert of_two(text) == []


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("Lavender Candle 200 g: raise to $20.90.", [("$20.90", "product")]),
        ("Cut the pine candle to $15.49.", [("$15.49", "product")]),
        ("The pine candle sells at $18.00 now.", [("$18.00", "product")]),
        ("| Pine Candle 200 g (Christmas) | $19.00 | $15.49 |", [("$15.49", "product")]),
        ("CAN-PIN-200 现价 $18.00。", [("$18.00", "product")]),
        ("Raise the lavender candle.", [("Raise", "direction")]),
        ("Cut the pine candle.", [("Cut", "direction")]),
    ],
)
def test_a_number_of_one_product_is_not_quoted_for_another(text: str, caught: list[tuple[str, str]]) -> None:
    assert of_two(text) == caught


def test_a_product_of_an_earlier_turn_has_no_numbers_in_this_one() -> None:
    text = "The pine candle should cost $15.49."
    bad = check(text, candle(), names=NAMES, products=PRODUCTS).unsupported
    assert [it.reason for it in bad] == ["product"]


# Two numbers in order


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("The range is -$1.10 to +$25.70.", True),
        ("The range is +$25.70 to -$1.10.", False),
        ("Units 28–40 a week.", True),
        ("Units 40–28 a week.", False),
        ("每周 28 到 40 件。", True),
        ("每周 40 到 28 件。", False),
        ("Elasticity is -2.4 to -1.4.", True),
        ("Elasticity is -1.4 to -2.4.", False),
        ("From $18.00 to $15.49.", True),
        ("From $15.49 to $18.00.", False),
        ("At $15.49 instead of $18.00.", True),
    ],
)
def test_ends_of_a_range_and_a_price_now_and_then_keep_their_order(text: str, right: bool) -> None:
    found = verdict(text)
    assert found.supported is right
    assert all(it.reason == "order" for it in found.unsupported)


def test_each_number_tells_where_it_stands_and_what_it_states() -> None:
    text = "Cut from $18.00 to $15.49, as you hoped for $15."
    found = check(text, candle(), "could it be $15?", names=NAMES)
    assert [(text[it.start : it.end], it.fact) for it in found.cited] == [
        ("$18.00", "CAN-LAV-200.current_price"),
        ("$15.49", "CAN-LAV-200.price"),
        ("$15", MERCHANT),
    ]


def test_advice_in_a_products_name_is_none() -> None:
    sheet = Sheet("A", "en", currency="USD")
    sheet.price("current_price", 18.0)
    sheet.percent("change", 0.0)
    name = "Raise it high tent"
    assert check(f"{name}: keep $18.00.", sheet.facts, names=[name], products={"A": name}).supported
    assert not check("Raise it to $18.00.", sheet.facts, names=[name], products={"A": name}).supported
