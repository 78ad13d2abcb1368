"""A decision that lacks something is asked about, and completed by the next message; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripts import call, says_result, values, written

from assistant.agent import Answer, Assistant
from assistant.store import Store

Ask = Callable[[str], Answer]


def arguments(answer: Answer) -> dict[str, Any]:
    """Of the one write that waits, ids of decisions aside."""
    (waiting,) = answer.pending
    (made,) = [it for it in answer.tool_calls if it.name == waiting.tool]
    return {key: value for key, value in made.arguments.items() if key != "decision_ids"}


# Another currency


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("set the charger to 30 euro", "1.1"),
        ("put the charger at €30", "at a rate of 1.1"),
        ("change the charger to EUR 30", "1 euro is 1.1 dollars"),
        ("把65W USB-C Charger改成30欧元", "1.1"),
        ("把65W USB-C Charger调到30欧元", "汇率按1.1"),
    ],
)
def test_a_price_in_another_currency_waits_for_the_merchants_rate(
    ask: Ask, store: Store, text: str, rate: str
) -> None:
    asked = ask(text)
    assert asked.pending == () and "EUR" in asked.text and "USD" in asked.text
    answer = ask(rate)
    assert arguments(answer) == {"price": 30.0, "currency": "EUR", "rate": 1.1}
    assert values(answer)[0][2] in ("$33.00", "US$33.00")
    assert any("1.1" in note and "33.00" in note for note in answer.pending[0].notes)
    assert answer.dropped == [] and written(store) == []
    done = ask("yes")
    verdict = store.verdict(done.decision_ids[0])
    assert verdict is not None and verdict.price == 33.0 and done.dropped == []


@pytest.mark.parametrize(
    "text",
    [
        "set the charger to 30 euros, exchange rate 1.1", "set the charger to 30 euros at 1.1",
        "把65W USB-C Charger改成30欧元，汇率1.1", "把65W USB-C Charger改成30欧元，1欧元等于1.1美元",
    ],
)  # fmt: skip
def test_a_rate_may_be_told_at_once(ask: Ask, text: str) -> None:
    assert arguments(ask(text)) == {"price": 30.0, "currency": "EUR", "rate": 1.1}


def test_a_price_in_pounds_is_not_taken_for_dollars(ask: Ask) -> None:
    asked = ask("set the charger to 30 pounds")
    assert asked.pending == () and "GBP" in asked.text


def test_a_price_in_the_shops_currency_does_instead(ask: Ask) -> None:
    ask("set the charger to 30 euro")
    assert arguments(ask("$33")) == {"price": 33.0}


def test_no_rate_is_made_up_for_a_model_that_gives_none(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    """Only the currency is passed on: an outside model must ask for the rate."""
    (decision,) = assistant().desk.recommend(["CHG-65W"])
    answer = assistant(
        call("approve", decision_ids=[decision.id], price=30, currency="EUR"), says_result
    ).ask("30 euro for the charger")
    assert answer.pending == () and "how many USD for each EUR" in answer.text
    assert written(store) == []


# A reason


@pytest.mark.parametrize(
    ("text", "why", "reason"),
    [
        ("set the lavender candle to 3", "because the wax is damaged", "the wax is damaged"),
        ("put the pine candle at 2 please", "Christmas is over", "Christmas is over"),
        ("把薰衣草香薰蜡烛改成3块", "包装坏了", "包装坏了"),
        ("把薰衣草香薰蜡烛改成3块", "因为要清掉这批", "要清掉这批"),
    ],
)
def test_the_reason_for_a_price_below_cost_may_follow(
    ask: Ask, store: Store, text: str, why: str, reason: str
) -> None:
    assert ask(text).pending == ()
    answer = ask(why)
    assert arguments(answer)["reason"] == reason
    assert any(reason in note for note in answer.pending[0].notes)
    assert written(store) == []


@pytest.mark.parametrize("text", ["no", "why is that below cost?", "undo", "price for the small kettle"])
def test_what_is_no_reason_is_not_recorded_as_one(ask: Ask, text: str) -> None:
    ask("set the lavender candle to 3")
    assert ask(text).pending == ()


# A rule's day and reason


@pytest.mark.parametrize(
    ("text", "rest", "sku"),
    [
        ("ignore the margin rule just this once for the pine candle",
         "until Dec 31, 2031, because we are overstocked", "CAN-PIN-200"),
        ("waive the margin floor for the lavender candle, only this once",
         "to December 31, 2031 because of a fair", "CAN-LAV-200"),
        ("薰衣草香薰蜡烛这次毛利破个例", "到2031年12月31日，因为库存太多", "CAN-LAV-200"),
    ],
)  # fmt: skip
def test_one_exception_to_the_margin_floor_has_a_day_a_reason_and_never_goes_below_cost(
    ask: Ask, store: Store, text: str, rest: str, sku: str
) -> None:
    assert ask(text).pending == ()
    before = store.rules_for([sku])[sku]
    ask(rest)
    assert store.rules_for([sku])[sku] == before, "nothing is set before the yes"
    ask("yes")
    rules = store.rules_for([sku])[sku]
    exception = rules.below_cost_exception
    assert exception is not None and exception.floor == 1.0
    assert (exception.until.isoformat(), exception.granted_by) == ("2031-12-31", "merchant")
    assert rules.min_margin == before.min_margin, "the standing rule stays"


def test_a_margin_rule_lifted_for_good_is_no_exception(ask: Ask) -> None:
    changes = arguments(ask("waive the margin rule for the lavender candle"))["changes"]
    assert changes == {"min_margin": None}


@pytest.mark.parametrize(
    ("text", "rest"),
    [("freeze the pine candle", "until Dec 31, 2031"), ("圣诞松木蜡烛锁价", "到2031年12月31日")],
)
def test_a_freeze_takes_its_last_day_from_the_next_message(ask: Ask, text: str, rest: str) -> None:
    ask(text)
    (freeze,) = arguments(ask(rest))["changes"]["freezes"]
    assert freeze["end"] == "2031-12-31"


# Which one


@pytest.mark.parametrize(
    ("text", "which", "sku"),
    [
        ("never sell the candle below 15", "the pine one", "CAN-PIN-200"),
        ("never sell the kettle below 25", "the second", "KET-17"),
    ],
)
def test_the_product_of_a_rule_is_chosen_from_the_list(ask: Ask, text: str, which: str, sku: str) -> None:
    assert ask(text).pending == ()
    assert arguments(ask(which))["key"] == sku


def test_a_pack_is_compared_with_its_single_ones_as_they_cost_now(ask: Ask, store: Store) -> None:
    ask("a set of 4 mugs must always cost less than 4 single mugs")
    answer = ask("the white one")
    assert arguments(answer)["changes"] == {"pack_of": {"sku": "MUG-CER-350W", "units": 4}}
    (note,) = answer.pending[0].notes
    assert "$44.00" in note and "$51.60" in note  # 4 x 12.90
    assert ask("yes").dropped == []
    ask("undo")
    ask("yes")
    assert store.rules_for(["BND-MUG4"])["BND-MUG4"].pack_of is None


@pytest.mark.parametrize(
    ("text", "other"),
    [("price for the kettle", "No, the other one"), ("how much for the candle", "the other")],
)
def test_the_other_of_two_that_were_only_listed_shows_both(ask: Ask, text: str, other: str) -> None:
    ask(text)
    answer = ask(other)
    assert len(answer.skus) == 2 and "not chosen" in answer.text


def test_the_other_of_two_writes_nothing(ask: Ask) -> None:
    ask("set the kettle to 30")
    answer = ask("the other one")
    assert answer.pending == () and "?" in answer.text


# A question is no rule, and taking back what only waits is a no


@pytest.mark.parametrize(
    "text", ["薰衣草香薰蜡烛能不能低于成本卖", "可不可以低于成本清掉松木蜡烛", "蜡烛要不要低于15卖"]
)
def test_asking_whether_one_may_sets_no_rule(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert answer.pending == ()
    assert "set_rules" not in [it.name for it in answer.tool_calls]


@pytest.mark.parametrize("text", ["undo", "take it back", "撤销", "撤回"])
def test_taking_back_what_only_waits_leaves_it_undone(ask: Ask, store: Store, text: str) -> None:
    ask("set the pine candle to 18")
    ask("yes")
    ask("set the lavender candle to 17")
    answer = ask(text)
    assert answer.pending == () and answer.tool_calls == [], "the change before it stays"
    assert store.price_ledger("CAN-PIN-200").iloc[-1]["price"] == 18.0
