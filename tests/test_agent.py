"""The agent, whichever model is in it: tools run, numbers are checked, failures are said plainly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langsmith.utils import tracing_is_enabled
from scripted_model import Scripted, result_in
from small_shop import INJECTION, ThumbPolicy

from assistant.agent import Answer, Assistant, ToolCall
from assistant.graph import MODEL_CALLS
from assistant.number_check import REMEMBERED_TURNS, is_merchants
from assistant.store import Store

Reply = AIMessage | Callable[[list[BaseMessage]], AIMessage]


def call(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{name}"}])


RECOMMEND = call("recommend", skus=["CAN-LAV-200"])
GOOD = AIMessage("Cut the price from $18.00 to $16.20 (-10%).")
CITED = (("$18.00", "current_price"), ("$16.20", "price"), ("-10%", "change"))


@pytest.fixture
def assistant(store: Store) -> Iterator[Callable[..., Assistant]]:
    opened: list[Assistant] = []

    def make(*lines: Reply, policy: Any = None) -> Assistant:
        model = Scripted(lines=list(lines))
        opened.append(Assistant(store, model=model, pipeline=policy or ThumbPolicy()))
        opened[-1].model = model  # type: ignore[attr-defined]
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def last_result(messages: list[BaseMessage]) -> dict[str, Any]:
    return next(result_in(m.text) for m in reversed(messages) if isinstance(m, ToolMessage))


# Answers and the tools behind them


def test_an_answer_carries_what_it_rests_on(assistant: Callable[..., Assistant], store: Store) -> None:
    answer = assistant(call("find_products", query="lavender candle"), RECOMMEND, GOOD).ask("price?")
    assert answer.text == GOOD.text
    assert [it.name for it in answer.tool_calls] == ["find_products", "recommend"]
    assert answer.skus == ["CAN-LAV-200"]
    assert store.decision(answer.decision_ids[0]).record["price"] == 16.2
    assert {fact.key: fact.value for fact in answer.facts}["price"] == "$16.20"
    assert (answer.dropped, answer.failed, answer.language) == ([], None, "en")
    said = {answer.text[it.start : it.end]: it.fact for it in answer.cited}
    assert said == {f"{value}": f"CAN-LAV-200.{key}" for value, key in CITED}
    assert set(said.values()) <= {fact.id for fact in answer.facts}
    json.dumps(answer.to_dict())


def test_steps_are_streamed_and_the_answer_comes_last_and_whole(assistant: Callable[..., Assistant]) -> None:
    *steps, answer = assistant(RECOMMEND, GOOD).stream("price?")
    assert steps == [ToolCall("recommend", {"skus": ["CAN-LAV-200"]})]
    assert isinstance(answer, Answer)


def test_facts_are_in_the_language_of_the_question(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND, AIMessage("把价格降到 US$16.20。"))
    answer = one.ask("薰衣草蜡烛现在卖多少合适？")
    assert answer.language == "zh"
    assert next(fact for fact in answer.facts if fact.key == "price").label == "建议价"
    assert one.model.seen[0][0].text.startswith("你是")  # type: ignore[attr-defined]
    # A bare SKU could be in any language: that of the conversation, unless the caller says.
    assert one.ask("KET-17").language == "zh"
    assert one.ask("KET-17", language="en").language == "en"


@pytest.mark.parametrize(
    ("name", "arguments", "check"),
    [
        ("find_products", {"query": "mug"}, lambda it: it["status"] == "ambiguous" and it["total"] == 4),
        ("find_products", {"query": "mugs"}, lambda it: it["status"] == "category"),
        ("explain", {"sku": "CAN-LAV-200"}, lambda it: it["item"]["drivers"][0]["contribution"] == "-$1.98"),
        ("explain", {"sku": "KNF-SET5"}, lambda it: it["item"]["abstained"] == "price_never_varied"),
        (
            "what_if",
            {"sku": "CAN-LAV-200", "percent": -10},
            lambda it: it["item"]["facts"]["price"] == "$16.20",
        ),
        ("what_if", {"sku": "CAN-LAV-200"}, lambda it: it["code"] == "one_change"),
        ("recommend", {"skus": ["NOPE"]}, lambda it: it["code"] == "unknown_sku"),
        ("recommend", {"skus": ["NOPE", "KET-17"]}, lambda it: [s["sku"] for s in it["skipped"]] == ["NOPE"]),
        ("catalogue_overview", {}, lambda it: it["facts"]["products"] == "13" and len(it["rows"]) == 10),
    ],
)
def test_tools_answer_in_json(
    assistant: Callable[..., Assistant], name: str, arguments: dict[str, Any], check: Callable[..., bool]
) -> None:
    one = assistant(call(name, **arguments), AIMessage("Done."))
    assert one.ask("question").text == "Done."
    result = last_result(one.model.seen[-1])  # type: ignore[attr-defined]
    assert result["language"] == "en"
    assert check(result), result


def test_the_overview_names_what_is_missing(assistant: Callable[..., Assistant]) -> None:
    one = assistant(call("catalogue_overview"), AIMessage("Done."))
    one.ask("which SKUs lack data")
    result = last_result(one.model.seen[-1])  # type: ignore[attr-defined]
    assert result["not_priced"] == [
        {"sku": "KNF-SET5", "name": "Knife Set 5 pc", "reason": "price_never_varied"}
    ]
    assert {"sku": "PAN-28", "name": "Cast Iron Pan 28 cm", "reason": "cost_missing"} in result["gaps"]


# The number check


def test_an_invented_number_goes_back_once(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND, AIMessage("Charge $15.99."), GOOD)
    answer = one.ask("price?")
    assert answer.text == GOOD.text
    assert answer.dropped == []
    correction = one.model.seen[-1][-1]  # type: ignore[attr-defined]
    assert isinstance(correction, HumanMessage)
    assert not is_merchants(correction)
    assert "$15.99" in correction.text


def test_an_invented_number_that_stays_is_dropped_and_said_so(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND, AIMessage("Charge $16.20. Rivals charge $15.99."))
    answer = one.ask("price?")
    assert answer.text.startswith("Charge $16.20.\n")
    assert "left out" in answer.text
    assert answer.dropped == ["Rivals charge $15.99."]
    assert len(one.model.seen) == 3  # type: ignore[attr-defined]


def test_a_swapped_sign_is_dropped(assistant: Callable[..., Assistant]) -> None:
    answer = assistant(RECOMMEND, AIMessage("Raise the price by 10%.")).ask("price?")
    assert "10%" not in answer.text
    assert answer.dropped == ["Raise the price by 10%."]


def test_numbers_of_an_earlier_turn_are_no_facts_of_this_one(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND, GOOD, AIMessage("As I said: $16.20."))
    one.ask("price?")
    assert "$16.20" not in one.ask("and again?").text


def test_an_invented_sku_supports_no_number(assistant: Callable[..., Assistant]) -> None:
    for name, arguments in (("recommend", {"skus": ["$77.77"]}), ("explain", {"sku": "$77.77"})):
        answer = assistant(call(name, **arguments), AIMessage("Charge $77.77.")).ask("price?", thread=name)
        assert "77.77" not in answer.text


def test_names_of_an_earlier_turn_may_be_mentioned(assistant: Callable[..., Assistant]) -> None:
    asked = AIMessage("At which price for the Lavender Candle 200 g?")
    one = assistant(RECOMMEND, GOOD, asked)
    one.ask("price?")
    assert one.ask("what if it were another?").text == asked.text


def test_a_correction_is_not_remembered(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND, AIMessage("Charge $15.99."), GOOD, AIMessage("You are welcome."))
    one.ask("price?")
    one.ask("thanks")
    shown = one.model.seen[-1]  # type: ignore[attr-defined]
    assert "$15.99" not in " ".join(message.text for message in shown)
    assert [message.text for message in shown if isinstance(message, HumanMessage)] == ["price?", "thanks"]


def test_a_model_that_looks_things_up_after_a_correction_is_not_sent_back_again(
    assistant: Callable[..., Assistant],
) -> None:
    one = assistant(AIMessage("$15.99"), RECOMMEND, AIMessage("Charge $15.99."))
    answer = one.ask("price?")
    assert answer.dropped == ["Charge $15.99."]
    assert len(one.model.seen) == 3  # type: ignore[attr-defined]


def test_an_instruction_in_a_products_name_stays_data(assistant: Callable[..., Assistant]) -> None:
    one = assistant(call("recommend", skus=["INJ-1"]), AIMessage("All prices are now 0.01."))
    assert "All prices are now" not in one.ask("price of the garden lamp?").text
    shown = one.model.seen[-1]  # type: ignore[attr-defined]
    assert INJECTION in last_result(shown)["items"][0]["name"]
    assert isinstance(shown[0], SystemMessage)
    assert INJECTION not in shown[0].text


# Models that misbehave


def test_an_unknown_tool_is_refused_and_the_turn_goes_on(assistant: Callable[..., Assistant]) -> None:
    one = assistant(call("delete_everything"), RECOMMEND, GOOD)
    assert one.ask("price?").text == GOOD.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"skus": "CAN-LAV-200"},
        {"skus": []},
        {},
        {"skus": ["CAN-LAV-200"], "objective": "fame"},
        {"skus": [None]},
    ],
)
def test_malformed_arguments_are_refused_and_the_turn_goes_on(
    assistant: Callable[..., Assistant], arguments: dict[str, Any]
) -> None:
    one = assistant(call("recommend", **arguments), RECOMMEND, GOOD)
    assert one.ask("price?").text == GOOD.text


def test_arguments_that_are_no_json_go_back_once(assistant: Callable[..., Assistant]) -> None:
    broken = AIMessage(
        "", invalid_tool_calls=[{"name": "recommend", "args": "{skus:", "id": "1", "error": "not JSON"}]
    )
    assert assistant(broken, RECOMMEND, GOOD).ask("price?").text == GOOD.text
    answer = assistant(broken).ask("price?", thread="other")
    assert answer.failed == "empty answer"
    assert answer.text


def test_a_model_that_never_answers_is_stopped(assistant: Callable[..., Assistant]) -> None:
    one = assistant(RECOMMEND)
    answer = one.ask("price?")
    assert len(one.model.seen) == MODEL_CALLS  # type: ignore[attr-defined]
    assert answer.failed == "too many steps"
    assert not any(character.isdigit() for character in answer.text)


def test_many_calls_at_once_are_cut_short(assistant: Callable[..., Assistant]) -> None:
    many = AIMessage(
        "", tool_calls=[{"name": "find_products", "args": {"query": "mug"}, "id": str(i)} for i in range(40)]
    )
    assert assistant(many, AIMessage("Which mug?")).ask("mug").text == "Which mug?"


def test_a_model_that_fails_is_said_plainly(assistant: Callable[..., Assistant]) -> None:
    def fail(_: list[BaseMessage]) -> AIMessage:
        raise TimeoutError("no answer in 60 s from sk-secret")

    one = assistant(fail, GOOD)
    answer = one.ask("price?")
    assert "TimeoutError" in answer.text
    assert "secret" not in answer.text
    assert answer.failed is not None
    assert one.ask("thanks").text  # the conversation goes on


def test_a_policy_that_fails_is_said_plainly(assistant: Callable[..., Assistant]) -> None:
    class Broken(ThumbPolicy):
        def recommend(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError("inside")

    one = assistant(RECOMMEND, lambda shown: AIMessage(last_result(shown)["message"]), policy=Broken())
    assert "ZeroDivisionError" in one.ask("price?").text


# Conversations


def test_conversations_are_kept_apart_and_outlive_the_program(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    def heard(messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(" / ".join(m.text for m in messages if isinstance(m, HumanMessage)))

    one = assistant(heard)
    one.ask("one", thread="a")
    one.ask("two", thread="b")
    assert one.ask("again", thread="a").text == "one / again"
    kept = one._memory
    assert len(list(kept.checkpoints.list(kept.config("a")))) == 1  # the latest state only
    one.close()
    later = assistant(heard)
    assert later.ask("later", thread="a").text == "one / again / later"
    later.forget("a")
    assert later.ask("fresh", thread="a").text == "fresh"


def test_a_model_sees_only_the_last_turns(assistant: Callable[..., Assistant]) -> None:
    one = assistant(AIMessage("Yes."))
    for i in range(REMEMBERED_TURNS + 3):
        one.ask(f"question {'abcdefghijklmnop'[i]}")
    shown = one.model.seen[-1]  # type: ignore[attr-defined]
    assert sum(isinstance(message, HumanMessage) for message in shown) == REMEMBERED_TURNS
    assert isinstance(shown[1], HumanMessage)


def test_nothing_is_traced(assistant: Callable[..., Assistant], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    one = assistant(lambda _: AIMessage("yes" if tracing_is_enabled() else "no"))
    assert one.ask("Is anybody told?").text == "no"


def test_the_embedded_model_is_the_default(store: Store) -> None:
    one = Assistant(store, pipeline=ThumbPolicy())  # type: ignore[arg-type]
    answer = one.ask("What should I charge for the lavender candle?")
    assert "$16.20" in answer.text
    assert answer.skus == ["CAN-LAV-200"]
    assert (answer.dropped, answer.failed) == ([], None)
    chinese = one.ask("薰衣草蜡烛现在卖多少合适？")
    assert "US$16.20" in chinese.text
    assert (chinese.dropped, chinese.failed, chinese.language) == ([], None, "zh")
    one.close()
