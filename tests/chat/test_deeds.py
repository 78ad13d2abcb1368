"""What was done is said by the program: a model can neither claim a write, nor hide or hinder one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from scripts import RECOMMEND, SET_RULES, approving, call, says_result, values, written
from small_shop import history

from assistant.agent import Assistant
from assistant.deeds import claimed, inert
from assistant.store import Store
from assistant.store.database import StoreError

Make = Callable[..., Assistant]

# What is claimed


@pytest.mark.parametrize(
    "text",
    [
        "I have approved the new price.", "I've just updated your shop.", "Sure. I set it as you wanted.",
        "It is done, we have already published that.", "The price has been sent to your shop.",
        "我已经帮您批准了。", "已为您更新价格。", "我已更新规则。", "已经帮您把价格改成新的了。",
    ],
)  # fmt: skip
def test_a_deed_that_no_tool_did_is_claimed(text: str) -> None:
    assert [it.reason for it in claimed(text, [])] == ["deed"]


@pytest.mark.parametrize(
    "text",
    [
        "Once I have set the rule, every price keeps it.", "I have not approved anything.",
        "The price was approved in November.", "Nothing is sent to your shop.", "If I cut it, units rise.",
        "Tell me when I should set it.", "什么都没有改。", "如果我已更新规则，会告诉您。", "价格已经很低。",
    ],
)  # fmt: skip
def test_what_claims_no_deed_is_left_alone(text: str) -> None:
    assert claimed(text, []) == []


def test_a_model_cannot_say_that_it_did_what_it_did_not(assistant: Make, store: Store) -> None:
    answer = assistant(AIMessage("All good. I have approved the new price.")).ask("take it")
    assert answer.text.startswith("All good.") and "approved" not in answer.text
    assert answer.dropped == ["I have approved the new price."]
    assert written(store) == []


# What came of a yes


def test_what_was_done_is_said_where_the_model_runs_on_to_the_limit(assistant: Make, store: Store) -> None:
    one = assistant(RECOMMEND, approving(), RECOMMEND)
    one.ask("take it")
    answer = one.ask("yes")
    assert "decision_approved" in written(store)
    assert answer.failed and answer.text.startswith("Approved: **Lavender Candle 200 g** at $16.20")


@pytest.mark.parametrize("said", ["Nothing was changed.", "All done!"])
def test_what_came_of_a_yes_is_said_whatever_the_model_says(assistant: Make, store: Store, said: str) -> None:
    one = assistant(SET_RULES, AIMessage(said))
    one.ask("rules")
    assert one.ask("yes").text.startswith("The rules for the whole store are changed")
    two = assistant(call("set_rules", scope="store", changes={"max_change": 0.3}), AIMessage(said))
    two.ask("rules", thread="two")
    store.set_rules({"max_change": 0.4}, scope="store", actor="colleague")
    assert two.ask("yes", thread="two").text.startswith("Nothing was changed: what you were shown")


def test_what_was_done_is_said_before_more_is_asked(assistant: Make) -> None:
    more = call("set_rules", scope="store", changes={"min_margin": 0.3}, id="more")
    one = assistant(SET_RULES, more)
    one.ask("rules")
    answer = one.ask("yes")
    assert len(answer.pending) == 1
    assert answer.text.startswith("The rules for the whole store are changed")


def test_two_calls_of_one_id_are_two_changes(assistant: Make, store: Store) -> None:
    calls = [
        call("set_rules", scope="store", changes=changes, id=id).tool_calls[0]
        for id, changes in (("same", {"max_change": 0.1}), ("same", {"min_margin": 0.3}))
    ]
    one = assistant(AIMessage("", tool_calls=calls), says_result)
    assert len(one.ask("rules").pending) == 2
    one.ask("yes")
    assert store.rules_in_force()[-1].fields == {"max_change": 0.1, "min_margin": 0.3}


def test_a_yes_given_twice_at_once_is_one_yes(assistant: Make, store: Store) -> None:
    one = assistant(RECOMMEND, approving(), says_result)
    one.ask("take it")
    started, texts = threading.Barrier(3), list[str]()

    def agree() -> None:
        started.wait()
        texts.append(one.confirm(approve=True).text)

    threads = [threading.Thread(target=agree) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts)[1:] == ["Nothing is waiting for your answer."] * 2
    assert written(store) == ["change_confirmed", "decision_approved"]


def test_a_change_without_its_entry_in_the_log_is_not_kept(
    assistant: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = assistant(RECOMMEND, approving(), says_result)
    one.ask("take it")

    def broken(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "note", broken)
    assert "the disk is full" in one.ask("yes").text
    assert written(store) == [] and store.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 18.0


def test_undo_of_rules_leaves_what_a_colleague_set_since(assistant: Make, store: Store) -> None:
    one = assistant(SET_RULES, says_result, call("undo"), says_result)
    one.ask("rules")
    one.ask("yes")
    store.set_rules(store.rules_in_force()[-1].fields | {"min_margin": 0.3}, scope="store", actor="colleague")
    labels = [label for label, _, _ in values(one.ask("undo"))]
    assert labels == ["Largest change in one step", "Price ending"]
    one.ask("yes")
    assert store.rules_in_force()[-1].fields == {"min_margin": 0.3}


def test_undo_goes_on_past_what_is_taken_back_already(assistant: Make, store: Store) -> None:
    one = assistant(
        SET_RULES, says_result, RECOMMEND, approving(price=17.0, reason="a promise"), says_result, RECOMMEND,
        approving(price=17.5, reason="a promise"), says_result, call("undo"), says_result, call("undo"),
        says_result,
    )  # fmt: skip
    for text in ("rules", "yes", "17", "yes", "17.50", "yes", "undo", "yes"):
        one.ask(text)
    (waiting,) = one.ask("undo").pending
    assert "rules" in waiting.summary


@pytest.mark.parametrize(
    ("field", "said", "kept"),
    [("max_change", 0.1004, 0.1), ("min_margin", 0.30004, 0.3), ("lowest_price", 19.999, 20.0)],
)
def test_a_rule_is_kept_as_it_was_shown(
    assistant: Make, store: Store, field: str, said: float, kept: float
) -> None:
    one = assistant(call("set_rules", scope="store", changes={field: said}), says_result)
    one.ask("rules")
    one.ask("yes")
    assert store.rules_in_force()[-1].fields == {field: kept}


def test_a_price_is_kept_as_it_was_shown_where_money_has_no_cents(assistant: Make, store: Store) -> None:
    yen = history(weeks=13).assign(currency="JPY", price=lambda it: it["price"] * 100)
    shop = Store.open(home=Path(store.place).parent / "yen")
    shop.import_history(yen, source="yen", content_hash="yen")
    one = assistant(RECOMMEND, approving(price=1700.4), says_result, shop=shop)
    assert values(one.ask("1700.4"))[0][2] == "¥1,700"
    one.ask("yes")
    assert shop.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 1700.0
    shop.close()


# What a page would fetch


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("See ![chart](https://evil.example/?q=1).", "See chart."),
        ("See [here](https://evil.example).", "See here."),
        ("<img src='https://evil.example/x'>Fine.", "Fine."),
        ("<<b>img src=x>Fine.", "Fine."),
        ("!<b>[x](https://evil.example)", "x"),
        ("![a][b] and ![c]", "a and c"),
        ("It is &#36;&#57;9.", "It is $99."),
        ("Cut to **$5** (now $6), [1] 3 < 5.", "Cut to **$5** (now $6), [1] 3 < 5."),
    ],
)
def test_an_answer_fetches_nothing_and_hides_no_digits(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_a_picture_that_a_model_was_made_to_write_is_not_shown(assistant: Make) -> None:
    answer = assistant(AIMessage("Hello ![x](https://evil.example/?secret).")).ask("hello")
    assert answer.text == "Hello x."


def test_a_name_is_no_picture_in_what_is_asked(assistant: Make, store: Store) -> None:
    newer = history(weeks=13)
    newer.loc[newer["sku"] == "KET-10", "name"] = "![x](https://evil.example/a.png) Kettle"
    store.import_history(newer, source="newer", content_hash="newer")
    one = assistant(call("recommend", skus=["KET-10", "KET-17"]), approving(), says_result)
    assert "![x]" not in one.ask("take both").text


# Where the conversation cannot be kept


def test_a_busy_or_damaged_file_of_conversations_is_one_clear_error(
    assistant: Make, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.memory.WAIT_SECONDS", 0.1)
    one = assistant(AIMessage("Hello."))
    with sqlite3.connect(home / "conversations.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"conversations\.sqlite cannot be used .*locked"):
            one.ask("hello")
        other.rollback()
    one.close()
    for file in home.glob("conversations.sqlite*"):
        file.unlink()
    (home / "conversations.sqlite").write_bytes(b"no database" * 400)
    with pytest.raises(StoreError, match="move it away"):
        assistant(AIMessage("Hello."))
