"""Records as facts: formatted once, in the merchant's language and currency, with sensible digits."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_shop import ThumbPolicy, around, history

from assistant.facts import (
    Fact,
    counts_facts,
    direction,
    facts_for,
    gain_total_facts,
    labels,
    moment,
    money,
    percent,
    quantity,
    rule_fault,
    span,
    verdict_facts,
    what_if_facts,
)
from assistant.wording import Language
from policy.decision.bounds import ORDER
from policy.decision.clauses import BelowCostException, Freeze, MarketMinimum, PackOf, RuleError
from policy.decision.recommend import WORTH_A_WARNING
from policy.decision.recommendation import Recommendation, Verdict, VerdictNote, VerdictStatus
from policy.decision.reference_price import Block, Note
from policy.decision.rules import Rules


@pytest.fixture
def shop() -> dict[str, Recommendation]:
    return {it.sku: it for it in ThumbPolicy().recommend(history())}


def values(facts: list[Fact]) -> dict[str, str]:
    return {fact.key: fact.value for fact in facts}


def test_a_recommendation_in_english(shop: dict[str, Recommendation]) -> None:
    facts = values(facts_for(shop["CAN-LAV-200"], "en"))
    assert (
        facts
        | {
            "price": "$16.20",
            "current_price": "$18.00",
            "change": "-10%",
            "units_take": "23",
            "units_take_range": "18–28",
            "units_keep": "20",
            "units_keep_range": "15–25",
            "profit_keep": "$256",
            "unit_cost": "$5.20",
            "margin_take": "67.9%",
            "elasticity": "-1.5",
            "elasticity_range": "-1.9 to -1.1",
            "driver.elasticity": "-$1.98",
            "clamp.max_change.before": "$15.84",
            "clamp.max_change.after": "$16.20",
            "model_price": "$15.84",
            "history": "12 weeks",
            "date": "Oct 26, 2026",
            "interval": "80%",
            "confidence": "medium",
            "binding_rule": "largest change in one step",
        }
        == facts
    )
    assert facts["gain"] == "+$1.68" or facts["gain"].startswith(("+$", "-$"))
    assert " to " in facts["gain_range"]


def test_a_recommendation_in_chinese(shop: dict[str, Recommendation]) -> None:
    facts = facts_for(replace(shop["CAN-LAV-200"], currency="CNY"), "zh")
    assert values(facts)["price"] == "¥16.20"
    assert values(facts)["date"] == "2026年10月26日"
    assert values(facts)["history"] == "12 周"
    assert next(fact for fact in facts if fact.key == "units_take").label == "建议价下的销量（每周）"
    assert facts[0].id == "CAN-LAV-200.price"
    assert facts[0].subject == "CAN-LAV-200"


def test_both_languages_say_the_same_numbers(shop: dict[str, Recommendation]) -> None:
    for it in shop.values():
        english, chinese = facts_for(it, "en"), facts_for(it, "zh")
        assert [(f.id, f.raw, f.unit) for f in english] == [(f.id, f.raw, f.unit) for f in chinese]


def test_labels_are_complete_in_both_languages() -> None:
    def keys(table: object) -> object:
        return {key: keys(value) for key, value in table.items()} if isinstance(table, dict) else None

    assert keys(labels("en")) == keys(labels("zh"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_that_rules_can_say_has_words(language: Language) -> None:
    words = labels(language)
    assert set(words["rules"]) >= set(ORDER)
    for rule in ORDER:
        assert {f"conflict_{rule}", f"breaks_{rule}"} <= set(words["cautions"])
    assert set(words["rule_fields"]) == set(Rules().to_dict())
    assert set(words["rule_status"]) == set(get_args(VerdictStatus))
    assert set(WORTH_A_WARNING) <= set(words["cautions"])
    assert set(words["rule_notes"]) == set(get_args(VerdictNote))
    assert {f"notes.{it}" for it in get_args(Note)} <= set(words["reference"])
    assert {f"blocked.{it}" for it in get_args(Block)} <= set(words["reference"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_ends_of_rules_are_facts(language: Language, shop: dict[str, Recommendation]) -> None:
    verdicts = (
        Verdict(rule="max_change", status="binds", low=14.4, high=21.6),
        Verdict(rule="map", status="not_applicable", note="other_market"),
    )
    facts = verdict_facts(replace(shop["CAN-LAV-200"], verdicts=verdicts), language)
    assert [fact.id for fact in facts] == [
        "CAN-LAV-200.rule.max_change.low", "CAN-LAV-200.rule.max_change.high",
    ]  # fmt: skip
    assert [fact.raw for fact in facts] == [14.4, 21.6]


def test_an_abstention_gives_no_price_and_no_outcome_of_one(shop: dict[str, Recommendation]) -> None:
    facts = values(facts_for(shop["KNF-SET5"], "en"))
    assert not {"price", "change", "gain", "units_take", "profit_take", "confidence"} & set(facts)
    assert facts["abstained"] == "the price has never changed, so its effect cannot be known"
    assert facts["test_price"] == "$122.55"


def test_an_unknown_cost_gives_no_profit_and_no_margin(shop: dict[str, Recommendation]) -> None:
    facts = values(facts_for(shop["PAN-28"], "en"))
    assert not [key for key in facts if key.startswith(("profit", "margin", "unit_cost"))]
    assert facts["objective"] == "revenue"


def test_an_unknown_currency_shows_no_symbol(shop: dict[str, Recommendation]) -> None:
    facts = facts_for(replace(shop["CAN-LAV-200"], currency=None), "en")
    assert values(facts)["price"] == "16.20"
    assert {fact.unit for fact in facts if "price" in fact.key} == {"money"}


def test_what_if_facts_are_about_the_asked_price() -> None:
    facts = what_if_facts(ThumbPolicy().what_if(history(), sku="CAN-LAV-200", price=16.0), "en")
    assert values(facts)["price"] == "$16.00"
    assert values(facts)["change"] == "-11.1%"
    assert values(facts)["tried_range"] == "$14.40 to $18.00"
    assert facts[0].id == "CAN-LAV-200.at_16.price"
    assert facts[0].label == "Price asked about"


def test_gains_add_up_by_objective(shop: dict[str, Recommendation]) -> None:
    a = replace(shop["CAN-LAV-200"], gain=around(10.0, 1.0))
    b = replace(shop["KET-17"], gain=around(150.4, 1.0))
    c = replace(shop["PAN-28"], gain=around(-5.0, 1.0))
    assert values(gain_total_facts([a, b, c, shop["KNF-SET5"]], "en")) == {
        "gain_profit_total": "+$160",
        "gain_revenue_total": "-$5.00",
    }
    assert gain_total_facts([a, replace(b, currency="EUR")], "en") == []


@pytest.mark.parametrize(
    ("value", "currency", "language", "text"),
    [
        (15.4873, "USD", "en", "$15.49"),
        (15.4873, "USD", "zh", "US$15.49"),
        (15.4873, "CNY", "zh", "¥15.49"),
        (1234.5, "EUR", "en", "€1,234.50"),
        (980.4, "JPY", "en", "¥980"),
        (-0.001, "USD", "en", "$0.00"),
        (-3.0, "GBP", "en", "-£3.00"),
    ],
)
def test_money(value: float, currency: str, language: str, text: str) -> None:
    assert money(value, currency, language) == text  # type: ignore[arg-type]


def test_percent_has_its_sign_and_one_decimal_at_most() -> None:
    assert percent(-0.1394, "en", sign=True) == "-13.9%"
    assert percent(0.1, "zh", sign=True) == "+10%"
    assert percent(0.0001, "en", sign=True) == "0%"


@given(st.floats(0, 1e6))
def test_a_quantity_is_within_half_a_percent_or_half_a_unit(value: float) -> None:
    shown = float(quantity(value, "en").replace(",", ""))
    assert shown == pytest.approx(value, rel=0.006, abs=0.006 if value < 1 else 0.06 if value < 10 else 0.51)


def test_direction_is_what_the_price_tag_shows() -> None:
    assert direction(18.0, 15.49, "USD") == "cut"
    assert direction(18.0, 18.001, "USD") == "keep"
    assert direction(980.0, 1080.0, "JPY") == "raise"


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "No suggestion because the"), ("zh", "不给建议的原因：价")]
)
def test_gaps_say_their_reason(language: Language, expected: str) -> None:
    never, missing = counts_facts("overview", {"gap.price_never_varied": 1, "gap.cost_missing": 1}, language)
    assert never.label.startswith(expected)
    assert labels(language)["facts"]["abstained"] not in missing.label  # such a product may be priced


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (1, "1 week", "1 周"),
        (1.04, "1 week", "1 周"),
        (0.42, "0.42 weeks", "0.42 周"),
        (23.4, "23 weeks", "23 周"),
        (1234, "1,234 weeks", "1,234 周"),
    ],
)
def test_a_length_of_time_takes_its_plural_from_what_is_shown(
    number: float, english: str, chinese: str
) -> None:
    assert (span(number, "week", "en"), span(number, "week", "zh")) == (english, chinese)


def test_a_moment_is_a_day_of_the_clock_that_the_merchant_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert moment(dt.datetime(2026, 11, 26, 20, tzinfo=dt.UTC), "en") == "Nov 27, 2026"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("make", "code", "told"),
    [
        (lambda: PackOf(sku="MUG", units=4, min_saving=0.95), "saving_too_large", "90%"),
        (lambda: Rules(max_decrease=1.2), "above_whole", "at most 100%"),
        (lambda: Rules(min_margin=1.0), "not_a_fraction", "below 100%"),
    ],
)
def test_a_rules_fault_names_the_range_that_it_has(make: Callable[[], object], code: str, told: str) -> None:
    with pytest.raises(RuleError) as caught:
        make()
    assert caught.value.code == code
    assert told in rule_fault(caught.value, "en")["error"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_part_of_a_rule_has_a_name(language: Language) -> None:
    day, no_day = dt.date(2026, 12, 1), cast(dt.date, None)
    faults: list[Callable[[], object]] = [
        lambda: PackOf(sku=" ", units=4),
        lambda: MarketMinimum(market=" ", price=5.0),
        lambda: Freeze(start=no_day, end=day),
        lambda: Freeze(start=day, end=no_day),
        lambda: BelowCostException(granted_by=" ", reason="stock", until=day, floor=0.8),
        lambda: BelowCostException(granted_by="Ann", reason=" ", until=day, floor=0.8),
        lambda: BelowCostException(granted_by="Ann", reason="stock", until=no_day, floor=0.8),
    ]
    for make in faults:
        with pytest.raises(RuleError) as caught:
            make()
        assert caught.value.name not in rule_fault(caught.value, language)["error"]
