"""What would be done is what was said: refusals, freezes, currencies and the scope of a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scripts import values
from small_shop import ThumbPolicy

from assistant.agent import Assistant
from assistant.embedded import EmbeddedChatModel
from assistant.store import Store


@pytest.fixture
def one(store: Store) -> Iterator[Assistant]:
    policy: Any = ThumbPolicy()
    assistant = Assistant(store, model=EmbeddedChatModel(), pipeline=policy)
    yield assistant
    assistant.close()


def test_another_currency_is_asked_back_of_a_product_called_by_its_code(one: Assistant) -> None:
    answer = one.ask("ket-17 要是人民币280块卖呢")
    assert "USD" in answer.text and "280" not in answer.text
    assert all(it.name == "find_products" for it in answer.tool_calls)


@pytest.mark.parametrize(
    "text",
    [
        "不要采纳薰衣草蜡烛那个，圣诞前不降价",
        "先不用采纳薰衣草蜡烛的建议",
        "I don't want to accept the lavender candle price",
    ],
)
def test_a_refusal_is_never_staged_as_an_approval(one: Assistant, text: str) -> None:
    answer = one.ask(text)
    assert [it.tool for it in answer.pending] == ["reject"]
    assert answer.skus == ["CAN-LAV-200"]


@pytest.mark.parametrize(
    "text",
    ["keep the lavender candle's price as it is until 15 Feb 2027", "薰衣草蜡烛别动价，到2027年2月15日"],
)
def test_a_price_that_is_to_stay_is_a_freeze(one: Assistant, text: str) -> None:
    answer = one.ask(text)
    assert [it.tool for it in answer.pending] == ["set_rules"]
    (row,) = values(answer)
    assert row[2] is not None and "2027" in row[2]


@pytest.mark.parametrize("text", ["茶具毛利不能低于五成", "prams never below 30% margin"])
def test_a_rule_for_what_is_not_sold_is_not_one_for_the_whole_shop(one: Assistant, text: str) -> None:
    assert one.ask(text).pending == ()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("put the lavender candle at 15.75 starting 7 December 2026", "2026-12-07"),
        ("薰衣草蜡烛改成15.75，2026年12月7日起", "2026-12-07"),
        ("薰衣草蜡烛我们自己定15.75", None),
    ],
)
def test_an_own_price_holds_from_the_day_that_is_named(
    one: Assistant, store: Store, text: str, day: str | None
) -> None:
    answer = one.ask(text)
    assert [it.tool for it in answer.pending] == ["approve"]
    assert ("2026" in str(values(answer)[-1])) == bool(day)  # shown in the difference
    assert one.ask("yes").pending == ()
    verdict = store.verdict(store.decisions()[-1].id)
    assert verdict is not None and verdict.price == 15.75
    assert day is None or str(verdict.effective_from) == day


def test_no_price_holds_from_a_day_that_is_over(one: Assistant, store: Store) -> None:
    assert one.ask("set the lavender candle to 15.75 from 4 May 2026").pending == ()
    assert all(store.verdict(it.id) is None for it in store.decisions())


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("MAP for ket-10 is 27.50 in France", {"minimum_by_market": [{"market": "FR", "price": 27.5}]}),
        ("KET-10在法国的控价是27.5", {"minimum_by_market": [{"market": "FR", "price": 27.5}]}),
        ("MAP for ket-10 is 27.50", {"minimum_advertised_price": 27.5}),
        ("mugs not below 25% margin", {"min_margin": 0.25}),
    ],
)
def test_a_minimum_is_read_with_its_market(one: Assistant, text: str, changes: dict[str, Any]) -> None:
    one.ask("price for the mugs")
    answer = one.ask(text)
    assert [it.tool for it in answer.pending] == ["set_rules"]
    assert answer.tool_calls[-1].arguments["changes"] == changes
    assert bool(answer.pending[0].notes) == ("minimum_by_market" in changes)


@pytest.mark.parametrize(
    "text", ["I want to make $900 a month with the pine candle", "圣诞松木蜡烛一个月要赚900"]
)
def test_a_sum_to_earn_is_not_promised_and_the_expected_profit_is_told(one: Assistant, text: str) -> None:
    answer = one.ask(text)
    assert answer.tool_calls[-1].name == "recommend" and answer.skus == ["CAN-PIN-200"]
    assert "900" not in answer.text and answer.dropped == []
    assert next(fact for fact in answer.facts if fact.key == "profit_take").value in answer.text


@pytest.mark.parametrize("text", ["what do the ranges mean?", "括号里的范围怎么看"])
def test_the_range_is_explained_by_its_share(one: Assistant, text: str) -> None:
    one.ask("price for the pine candle")
    answer = one.ask(text)
    assert "80%" in answer.text and answer.dropped == []
    assert [it.name for it in answer.tool_calls] == ["about_assistant"]


@pytest.mark.parametrize("text", ["how many pine candles were sold last week?", "上周松木蜡烛卖出多少"])
def test_past_sales_are_not_answered_by_a_list_or_a_forecast(one: Assistant, text: str) -> None:
    answer = one.ask(text)
    assert not answer.tool_calls
    assert not any(sign.isdigit() for sign in answer.text)
