"""No number leaves that is not a fact of the turn, with its sign and unit, or the merchant's own."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_shop import INJECTION, around

from assistant.facts import Fact, Sheet, money, percent, quantity, signed
from assistant.grounding import MERCHANT, Verdict, check, drop_unsupported
from assistant.numerals import numbers_in

NAMES = [
    "Lavender Candle 200 g",
    "CAN-LAV-200",
    "Electric Kettle 1.7 L",
    "Bluetooth Headphones BT20",
    INJECTION,
]


def candle(currency: str | None = "USD", language: str = "en") -> list[Fact]:
    """18.00 down to 15.49, 34 units instead of 28, gain 12.30 with an interval around zero."""
    sheet = Sheet("CAN-LAV-200", language, period="week", currency=currency)  # type: ignore[arg-type]
    sheet.price("price", 15.49)
    sheet.price("current_price", 18.0)
    sheet.percent("change", 15.49 / 18 - 1, sign=True)
    sheet.total("gain", around(12.3, 13.4), decimals=2, sign=True)
    sheet.units("units_take", around(34.0, 5.5))
    sheet.units("units_keep", around(28.0, 4.0))
    sheet.elasticity(around(-1.9, 0.5))
    sheet.price("driver.stock", -0.85, label="stock", sign=True)
    sheet.price("driver.season", 0.4, label="season", sign=True)
    sheet.add("history", "104 weeks", 104, "week")
    sheet.add("date", "Nov 16, 2026" if language == "en" else "2026年11月16日", None, "date")
    sheet.percent("interval", 0.8)
    return sheet.facts


def verdict(text: str, user: str = "", **kwargs: object) -> Verdict:
    return check(text, candle(**kwargs), user, names=NAMES)  # type: ignore[arg-type]


def wrong(text: str, user: str = "", **kwargs: object) -> list[str]:
    return [bad.text for bad in verdict(text, user, **kwargs).unsupported]


@pytest.mark.parametrize(
    "text",
    [
        "Cut the price from $18.00 to $15.49 (-13.9%).",
        "Charge $15.49; that is 13.9% lower than now.",
        "Lowering it by 13.9 % should gain $12.30 a week, between -$1.10 and +$25.70 (80% interval).",
        "You could lose $1.10 or earn $25.70 more.",
        "A cut to $15.49 is worth +$12.30 a week.",
        "The cut is worth $12.30 a week.",
        "Units rise from 28 to 34 a week (range 28–40).",
        "About 34 units a week, after 104 weeks of history, from Nov 16, 2026 on.",
        "Elasticity is -1.9 (-2.4 to -1.4); each per cent on the price costs 1.9 % of sales.",
        "Stock pulls the price down by $0.85, the season lifts it up by $0.40.",
        "| Price | Now | Change |\n|---|---|---|\n| $15.49 | $18.00 | -13.9% |",
        "1. Cut to $15.49.\n2. Wait a week.",
        "The Lavender Candle 200 g (CAN-LAV-200) and the 200g one; the 1.7 L kettle and BT20 are others.",
        "Charge 15.49 USD.",
        "For one of them, here are two reasons.",
        "The interval spans zero. One more thing: on the one hand it is first class, then 2nd.",
    ],
)
def test_what_the_facts_say_may_be_said(text: str) -> None:
    assert wrong(text) == []


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("建议价为 US$15.49，现价 US$18.00，降 13.9%。", []),
        ("建议把价格从18块降到15块49。", ["18块", "15块49"]),
        ("每周卖出34件，现价下28件；预计多赚 US$12.30，最坏亏 US$1.10。", []),
        ("提价 13.9%。", ["13.9%"]),
        ("打八折", ["八折"]),
        ("能多卖三成，大约十二件，赚1.2万。", ["三成", "十二", "1.2万"]),
        ("百分之十二", ["百分之十二"]),
        ("11月16日起，80% 的可能。", []),
        ("12月16日起", ["12月16日"]),
        ("这一款先一起看看，十分合适，第二周再说，两个原因。", []),
    ],
)
def test_chinese_is_read_alike(text: str, caught: list[str]) -> None:
    assert wrong(text, language="zh") == caught


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("Charge $16.99.", ["$16.99"]),
        ("Charge $15.50.", ["$15.50"]),
        ("About $15.5, or roughly 14% less.", ["$15.5", "14%"]),
        ("Charge €15.49.", ["€15.49"]),
        ("Charge ¥15.49.", ["¥15.49"]),
        ("Expect $34 a week.", ["$34"]),
        ("Expect 34% more.", ["34%"]),
        ("Expect 104 units.", ["104"]),
        ("After 34 weeks.", ["34"]),
        ("Expect twelve more units, or a third more.", ["twelve", "a third"]),
        ("Expect zero sales.", ["zero"]),
        ("Sales will double; profit is up by half.", ["double", "half"]),
        ("Sales triple to 2x, then 3 times.", ["triple", "2x", "3 times"]),
        ("We are 95% sure, twenty-five percent off.", ["95%", "twenty-five percent"]),
        ("15. That is the price.", ["15"]),
        ("The 300 g candle.", ["300"]),
        ("Set all prices to 0.01.", ["0.01"]),
        ("From Nov 17, 2026.", ["Nov 17, 2026"]),
        ("$15.49k", ["$15.49k"]),
        ("１６.99", ["１６.99"]),
    ],
)
def test_an_invented_number_is_caught(text: str, caught: list[str]) -> None:
    assert wrong(text) == caught


@pytest.mark.parametrize(
    "text",
    [
        "Change it by +13.9%.",
        "Raise the price by 13.9%.",
        "The price goes up 13.9%.",
        "A change of 13.9%.",
        "Raise it to $15.49.",
        "Increase the price from $18.00 to $15.49.",
        "You would lose $12.30 a week.",
        "That is -$12.30 a week.",
        "Profit falls by $12.30.",
        "At worst you gain $1.10.",
        "Stock pushes the price up by $0.85.",
        "The season pulls the price down by $0.40.",
        "Elasticity is +1.9.",
    ],
)
def test_a_swapped_sign_is_caught(text: str) -> None:
    bad = verdict(text).unsupported
    assert len(bad) == 1
    assert bad[0].reason == "direction"


def test_the_merchants_own_numbers_may_be_repeated() -> None:
    said = verdict("At $21.99, 10% less than before, for 4 weeks.", "and at 21.99? 10% off for 4 weeks")
    assert said.supported
    assert {fact for _, fact in said.bindings} == {MERCHANT}
    assert wrong("At €21.99", "and at $21.99?") == ["€21.99"]
    assert wrong("At 21.99%", "and at 21.99?") == ["21.99%"]


def test_numbers_are_bound_to_their_facts() -> None:
    assert verdict("Cut from $18.00 to $15.49 (-13.9%).").bindings == (
        ("$18.00", "CAN-LAV-200.current_price"),
        ("$15.49", "CAN-LAV-200.price"),
        ("-13.9%", "CAN-LAV-200.change"),
    )


def test_unknown_currency_allows_no_symbol() -> None:
    assert wrong("Charge 15.49.", currency=None) == []
    assert wrong("Charge $15.49.", currency=None) == ["$15.49"]


def test_a_hostile_name_lets_no_number_through() -> None:
    assert wrong(f"The product '{INJECTION}' stays.") == []
    assert wrong("All prices to 0.01 now.") == ["0.01"]


def test_a_numeric_sku_is_no_licence_for_its_number() -> None:
    assert check("SKU 15 stays.", [], names=["15"]).supported
    assert not check("Charge $15.", [], names=["15"]).supported
    assert not check("About 1042 units at $1042.", [], names=["15"]).supported


# Dropping


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Fuse 5 A", "You would sell 5 a week."), ("Fuse 5 A", "Expect $5 a week."),
        ("Photo Frame 20 in", "Expect 20 in the first week."), ("Power Bank 10k", "It gains $10k."),
        ("1042", "You would sell 1042 units."), ("1042", "每周会卖出1042件。"),
    ],
)  # fmt: skip
def test_a_name_with_a_measure_is_no_licence_for_its_number(name: str, text: str) -> None:
    assert not check(text, candle(), names=[name]).supported
    assert check(f"Keep “{name}” at $18.00.", candle(), names=[name]).supported


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("You would earn hundreds of dollars more.", ["hundreds"]), ("That is dozens.", ["dozens"]),
        ("每周多赚上千元。", ["上千元"]), ("每周多赚几百元。", ["几百元"]), ("可多卖数十件。", ["数十"]),
        ("晚上十点以后，以上百分之九十的情况。", ["百分之九十"]),
    ],
)  # fmt: skip
def test_a_vague_number_is_a_number(text: str, caught: list[str]) -> None:
    assert wrong(text) == caught


def test_only_the_sentence_with_the_number_goes() -> None:
    text = "Charge $15.49. Rivals charge $14.20. That is 13.9% less."
    kept, dropped = drop_unsupported(text, verdict(text), "en")
    assert kept.startswith("Charge $15.49. That is 13.9% less.")
    assert dropped == ["Rivals charge $14.20."]
    assert "left out" in kept


def test_only_the_row_with_the_number_goes() -> None:
    table = "| Price | Gain |\n|:--|---:|\n| $15.49 | +$12.30 |\n"
    text = table + "| $14.00 | +$20.00 |\n"
    kept, dropped = drop_unsupported(text, verdict(text), "en")
    assert kept.startswith(table)
    assert "$14.00" not in kept
    assert dropped == ["| $14.00 | +$20.00 |"]


def test_a_table_without_rows_and_an_answer_without_words_are_gone() -> None:
    text = "| Price |\n|---|\n| $14.00 |\n"
    kept, _ = drop_unsupported(text, verdict(text), "zh")
    assert "|" not in kept
    assert kept.startswith("我给不出")


def test_a_supported_text_is_untouched() -> None:
    text = "Charge $15.49.  \n\n- Trailing spaces,\tand a tab.\n"
    assert drop_unsupported(text, verdict(text), "en") == (text, [])


# Properties

amounts = st.floats(0.01, 99_999, allow_nan=False)
languages = st.sampled_from(["en", "zh"])
currencies = st.sampled_from(["USD", "EUR", "GBP", "CNY", "JPY", None])


@given(amounts, st.floats(0, 50), st.floats(-0.9, 3.0), languages, currencies)
def test_every_facts_own_formatting_is_accepted(
    value: float, spread: float, fraction: float, language: str, currency: str | None
) -> None:
    sheet = Sheet("A", language, period="week", currency=currency)  # type: ignore[arg-type]
    sheet.price("price", value)
    sheet.percent("change", fraction, sign=True)
    sheet.total("gain", around(value - 100, spread), decimals=2, sign=True)
    sheet.total("profit_take", around(100 - value, spread), decimals=0)
    sheet.units("units_take", around(value, min(spread, value)))
    sheet.elasticity(around(-fraction, 0.3))
    sheet.percent("interval", 0.8)
    for fact in sheet.facts:
        assert check(f"{fact.label}: {fact.value}", sheet.facts, "").supported, fact
        assert check(f"| {fact.key} | {fact.value} |", [fact], "").supported, fact
        assert check(f"{fact.label}为{fact.value}。", sheet.facts, "").supported, fact


@given(amounts, amounts, languages, st.sampled_from(["{}", "{}.", "**{}**", "({})", "a {} b", "为{}，"]))
def test_no_other_price_is_accepted(true: float, invented: float, language: str, frame: str) -> None:
    sheet = Sheet("A", language, currency="USD")  # type: ignore[arg-type]
    sheet.price("price", true)
    said = money(invented, "USD", language)  # type: ignore[arg-type]
    verdict = check(frame.format(said), sheet.facts, "")
    assert verdict.supported == (said == sheet.facts[0].value)


@given(st.integers(-990, 3000), st.integers(-990, 3000))
def test_no_other_percentage_is_accepted(true: int, invented: int) -> None:
    fact = Fact("A.change", "change", "Change", percent(true / 1000, "en", sign=True), true / 1000, "percent")
    said = percent(invented / 1000, "en", sign=True)
    assert check(f"Change: {said}", [fact], "").supported == (said == fact.value)


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_no_other_count_is_accepted(true: int, invented: int) -> None:
    fact = Fact("A.units_take", "units_take", "Units", quantity(true, "en"), true, "units")
    said = quantity(invented, "en")
    assert check(f"{said} units", [fact], "").supported == (said == fact.value)


@given(st.lists(st.tuples(st.booleans(), amounts), min_size=1, max_size=6))
def test_what_is_left_after_dropping_is_supported(parts: list[tuple[bool, float]]) -> None:
    sheet = Sheet("A", "en", currency="USD")
    for i, (known, value) in enumerate(parts):
        if known:
            sheet.price(f"p{i}", value, label="Price")
    text = " ".join(f"Price {money(value, 'USD', 'en')} it is." for _, value in parts)
    kept, dropped = drop_unsupported(text, check(text, sheet.facts, ""), "en")
    assert check(kept, sheet.facts, "").supported
    known = {fact.value for fact in sheet.facts}
    assert len(dropped) == sum(money(value, "USD", "en") not in known for _, value in parts)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.2万", 12000), ("三百五", 350), ("三百零五", 305), ("两万五千", 25000), ("一千二百", 1200),
        ("十五块九", 15.9), ("15块9", 15.9), ("15块49", 15.49), ("八五折", 15), ("7折", 30), ("三成半", 35),
        ("一点五倍", 1.5), ("百分之二十五", 25), ("二零二六", 2026), ("two hundred and five", 205),
        ("twenty-one", 21), ("three dozen", 36), ("1.299,00 €", 1299), ("$1,234.50", 1234.5), ("12k", 12000),
    ],
)  # fmt: skip
def test_numerals_are_read(text: str, value: float) -> None:
    assert [number.value for number in numbers_in(text)] == [Decimal(str(value))]


def test_signed_keeps_zero_plain() -> None:
    assert signed("$0.00") == "$0.00"
    assert signed("$0.10") == "+$0.10"


@pytest.mark.parametrize("text", ["Oak Cutting Board at $47.25 (+5%).", "Oak Cutting Board卖 $47.25（+5%）"])
def test_a_word_of_a_products_name_is_no_verb(text: str) -> None:
    sheet = Sheet("CUT-BRD-OAK", "en", currency="USD")
    sheet.price("price", 47.25)
    sheet.price("current_price", 45.0)
    sheet.percent("change", 0.05, sign=True)
    products = {"CUT-BRD-OAK": "Oak Cutting Board"}
    assert check(text, sheet.facts, products=products).supported
    assert check(text, sheet.facts, names=list(products.values())).supported
    against = text.replace("Board", "Board: cut to", 1)
    assert not check(against, sheet.facts, products=products).supported


def test_digits_of_a_name_written_between_chinese_are_no_figure() -> None:
    name = "65W USB-C Charger"
    assert check(f"您说{name}的成本", [], names=[name]).supported
    assert not check("您说65件", [], names=[name]).supported
