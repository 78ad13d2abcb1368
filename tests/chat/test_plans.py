"""Plans by chat, on the demo shop with the embedded policy and the embedded chat model: tools and truths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assistant.agent import Answer, Assistant
from assistant.embedded.model import EmbeddedChatModel
from assistant.store import Store
from assistant.store.demo import create_demo
from assistant.suggesting import Assumed, Limits
from policy import PricingPipeline

Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    home: Path = tmp_path_factory.mktemp("shop")
    store = Store.open(home=home)
    create_demo(store)
    assistant = Assistant(store, model=EmbeddedChatModel(), pipeline=PricingPipeline.from_pretrained())
    yield assistant
    assistant.close()
    store.close()


@pytest.fixture
def ask(shop: Assistant, request: pytest.FixtureRequest) -> Ask:
    return lambda text: shop.ask(text, thread=request.node.name)


def fact(answer: Answer, key: str) -> Any:
    return next(fact for fact in answer.facts if fact.key == key)


def called(answer: Answer) -> tuple[str, dict[str, Any]]:
    return answer.tool_calls[-1].name, dict(answer.tool_calls[-1].arguments)


def test_break_even_is_the_textbook_formula(ask: Ask) -> None:
    answer = ask("cheapest I can go on the headphones without losing money? fees are 15% + 3.20 shipping")
    given = {"sku": "HDP-BT20", "fee_percent": 15, "shipping": 3.2}
    assert called(answer) == ("break_even", given)
    assert fact(answer, "lowest_price").raw == pytest.approx((31 + 3.20) / (1 - 0.15))
    assert "$40.24" in answer.text and answer.dropped == []


def test_a_margin_asked_for_is_reached(ask: Ask) -> None:
    answer = ask("砧板毛利率想再提10个点，得卖多少")
    price = fact(answer, "margin_price").raw
    assert (price - 19) / price == pytest.approx((45 - 19) / 45 + 0.10)


def test_a_forecast_adds_up(ask: Ask) -> None:
    answer = ask("how many lavender candles will we sell over the next 4 weeks")
    assert called(answer) == ("forecast", {"skus": ["CAN-LAV-200"], "periods": 4})
    weeks = [it.raw for it in answer.facts if it.key.startswith("units.")]
    assert len(weeks) == 4 and sum(weeks) == pytest.approx(fact(answer, "units").raw)


def test_a_forecast_goes_on_with_another_product(ask: Ask) -> None:
    ask("forecast the white mug for 4 weeks")
    again = ask("same for the blue")
    assert called(again) == ("forecast", {"skus": ["MUG-CER-350B"], "periods": 4})


def test_a_clearance_never_raises_the_price(ask: Ask) -> None:
    answer = ask("圣诞蜡烛2026年12月31号前要清完，怎么一步步降")
    assert called(answer) == ("clearance", {"sku": "CAN-PIN-200", "until": "2026-12-31"})
    steps = [it.raw for it in answer.facts if it.key.startswith("step_price.")]
    assert steps == sorted(steps, reverse=True) and steps[0] <= 19.00


def test_what_is_sold_out_cannot_be_cleared(ask: Ask) -> None:
    answer = ask("get rid of the LED strips")
    assert "out of stock" in answer.text and not any(it.key == "chance" for it in answer.facts)


def test_a_promotion_is_held_against_none(ask: Ask) -> None:
    answer = ask("20% off the oak board next week, is it worth it? it is a promotion")
    name, given = called(answer)
    assert (name, given["sku"], given["percent"]) == ("promotion", "CUT-BRD-OAK", 20)
    assert fact(answer, "promo_price").raw == pytest.approx(36.0)
    assert fact(answer, "deepest").raw == pytest.approx(1 - 19 / 45)


def test_a_coupon_is_money_off_and_not_a_price(ask: Ask) -> None:
    answer = ask("customers get a $5 coupon on the headphones, do I lose money?")
    assert called(answer) == ("promotion", {"sku": "HDP-BT20", "amount": 5})
    assert fact(answer, "promo_price").raw == pytest.approx(49.90)


def test_a_change_from_the_suggestion_is_reckoned_by_the_tool(ask: Ask) -> None:
    suggested = fact(ask("price for the oak cutting board?"), "price").raw
    answer = ask("what if I charge 5% less than you suggested")
    assert called(answer) == ("what_if", {"sku": "CUT-BRD-OAK", "percent": -5, "from_suggested": "profit"})
    assert fact(answer, "price").raw == pytest.approx(suggested * 0.95, abs=0.01)


@pytest.mark.parametrize(
    "text", ["if my cost goes up 10%, what price for the oak cutting board", "橡木砧板进价涨10%，还卖45行吗"]
)
def test_a_rise_of_cost_is_reckoned_by_the_tool(ask: Ask, text: str) -> None:
    answer = ask(text)
    given = [dict(call.arguments) for call in answer.tool_calls if call.name == "what_if"]
    assert given and all(it["cost_percent"] == 10 and "unit_cost" not in it for it in given)
    assert fact(answer, "unit_cost").raw == pytest.approx(19 * 1.1)


def test_a_price_named_stands_beside_the_suggestion_unless_it_is_the_price_now(ask: Ask) -> None:
    """A price that is part of another ("5.00" of "45.00") is not that one."""
    beside = ask("which price for the oak cutting board, is 5.00 right?")
    assert any(it.key == "price" and it.raw == 5.0 for it in beside.facts) and "$5.00" in beside.text
    same = ask("which price for the oak cutting board, is 45 right?")
    assert "At $45.00" not in same.text


@pytest.mark.parametrize(("told", "known"), [("19", True), ("9", False)])
def test_a_cost_told_is_compared_with_the_one_on_record(ask: Ask, told: str, known: bool) -> None:
    answer = ask(f"the oak cutting board costs me {told}")
    assert (called(answer)[0] == "recommend") is known


def test_a_needed_change_makes_the_price(ask: Ask, shop: Assistant) -> None:
    answer = ask("what would it take for you to go to 20 on the lavender candle")
    assert called(answer) == ("target_price", {"sku": "CAN-LAV-200", "price": 20})
    needed = fact(answer, "unit_cost.needed").raw
    (then,) = shop.desk.suggest(["CAN-LAV-200"], limits=Limits(), assumed=Assumed(unit_cost=needed))
    assert then.price == pytest.approx(20, rel=0.02)  # asked for as last week's cost, not as the next


def test_the_earlier_price_is_the_lowest_of_thirty_days(ask: Ask) -> None:
    answer = ask("what discount do I show on the throw? it was 99 in october, 89 now, want to sell at 79")
    assert fact(answer, "reference_price").raw == 89.0
    assert fact(answer, "whole_percent").raw == pytest.approx(0.11)  # not the 20 % that 99 would give
    assert answer.dropped == []


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("price per oz for the tea? it's 100g", "$2.69"),
        ("绿茶折合一斤多少钱", "47.50"),
        ("price per mask", "$1.20"),
    ],
)
def test_unit_prices_are_converted(ask: Ask, text: str, price: str) -> None:
    answer = ask(text)
    assert price in answer.text and answer.dropped == []


def test_limits_of_a_question_hold_and_are_no_rules(ask: Ask, shop: Assistant) -> None:
    before = shop.desk.store.rules_in_force()
    answer = ask("price 4 the usb c charger ending in .99, max +10%")
    price = fact(answer, "price").raw
    assert round(price % 1, 2) == 0.99 and abs(price / 34.90 - 1) <= 0.10
    assert shop.desk.store.rules_in_force() == before and not answer.pending


def test_circumstances_are_answered_beside_now(ask: Ask) -> None:
    answer = ask("if HDP-BT20 cost goes from 31 to 27 and competitor stays at 52.90 what's the optimal price")
    assumed = {"unit_cost": 27, "competitor_price": 52.9}
    tools = {call.name: dict(call.arguments) for call in answer.tool_calls if "unit_cost" in call.arguments}
    assert tools["what_if"].items() >= assumed.items() and tools["recommend"].items() >= assumed.items()
    assert "$27.00" in answer.text and "$52.90" in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "bogo on mugs?",
        "simulate free shipping over 50 instead of the mug discount",
        "满300减50跨店满减，到手价会不会亏",
    ],
)
def test_what_is_not_modelled_is_said(ask: Ask, text: str) -> None:
    answer = ask(text)
    assert "not modelled" in answer.text or "没有建模" in answer.text
    assert not any(it.key.startswith("gain") for it in answer.facts)


def test_a_product_without_a_cost_has_no_floor(ask: Ask) -> None:
    answer = ask("break even for the cast iron pan?")
    assert "cost is missing" in answer.text


@pytest.mark.parametrize(
    ("text", "said"),
    [("forecast tea for 60 weeks", "28"), ("clear the pine candles by 25 November 2026", "later date")],
)
def test_impossible_times_are_explained(ask: Ask, text: str, said: str) -> None:
    answer = ask(text)
    assert said in answer.text and answer.failed is None and answer.dropped == []


def test_weeks_that_follow_each_other_are_forecast_together(ask: Ask) -> None:
    one, both = ask("预测薰衣草蜡烛下周"), ask("预测薰衣草蜡烛下周和下下周")
    first, last = (date.fromisoformat(called(both)[1][side]) for side in ("start", "until"))
    assert (last - first).days == 13
    assert fact(both, "units").raw > fact(one, "units").raw


def test_a_clearance_says_where_its_last_whole_week_ends(ask: Ask) -> None:
    answer = ask("clear 40 lavender candles by 15 January 2027")
    assert called(answer)[1]["until"] == "2027-01-15"
    assert fact(answer, "until").value != fact(answer, "asked_until").value
    assert fact(answer, "until").value in answer.text and fact(answer, "asked_until").value in answer.text
