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
