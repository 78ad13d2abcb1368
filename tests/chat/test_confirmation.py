"""Writes: shown first, made only after a yes to exactly what was shown, and on the record."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from langchain_core.messages import AIMessage, BaseMessage
from scripts import RECOMMEND, SET_RULES, approving, call, says_result, values, written
from small_shop import ThumbPolicy, history

from assistant.agent import Assistant
from assistant.confirmation import reply_of
from assistant.store import Store
from assistant.tools.writing import CONFIRMED
from policy.decision.clauses import Freeze
from policy.decision.rules import Rules

# Approving


def test_an_approval_is_shown_first_and_made_after_a_yes(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(RECOMMEND, approving(), says_result)
    asked = one.ask("take it")
    assert [it.tool for it in asked.pending] == ["approve"]
    assert values(asked)[:2] == [("Price", "$18.00", "$16.20"), ("Margin", "71.1%", "67.9%")]
    assert "Lavender Candle 200 g" in asked.text and "$16.20" in asked.text
    assert written(store) == []
    done = one.confirm(approve=True)
    assert (done.pending, done.dropped, done.failed) == ((), [], None)
    (decision,) = done.decision_ids
    verdict = store.verdict(decision)
    assert verdict is not None
    assert (verdict.verdict, verdict.price, verdict.actor) == ("approved", 16.2, "merchant")
    assert store.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 16.2
    assert written(store) == [CONFIRMED, "decision_approved"]


def test_a_price_of_ones_own_shows_margin_and_broken_rules(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(RECOMMEND, approving(price=10.0, reason="clearing"), says_result)
    asked = one.ask("set the candle to 10")
    assert values(asked)[:2] == [("Price", "$18.00", "$10.00"), ("Margin", "71.1%", "48%")]
    assert any("argest change in one step" in note for note in asked.pending[0].notes)
    answer = one.ask("yes")
    verdict = store.verdict(answer.decision_ids[0])
    assert verdict is not None and (verdict.price, verdict.reason) == (10.0, "clearing")
    entry = next(it for it in store.audit() if it.action == "decision_approved")
    assert (entry.detail["old"], entry.detail["new"], entry.detail["suggested"]) == (18.0, 10.0, 16.2)


def test_a_price_of_ones_own_is_held_against_rules_of_its_day(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    # Sales end with October's last whole week: the price would hold from 26 October on.
    for first, frozen in ((26, True), (27, False)):
        week = Freeze(start=dt.date(2026, 10, first), end=dt.date(2026, 10, 31))
        store.set_rules(Rules(freezes=(week,)), scope="store", actor="merchant")
        asked = assistant(RECOMMEND, approving(price=17.5, reason="a promise"), says_result).ask("17.50")
        assert any("price freeze" in note for note in asked.pending[0].notes) == frozen


def test_a_price_of_ones_own_is_judged_as_it_is_written_down(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    # 3.33 % off 18.00 is 17.4006; noted is 17.40, which ends as the rule says.
    store.set_rules(Rules(price_ending=0.4), scope="store", actor="merchant")
    asked = assistant(RECOMMEND, approving(percent=-3.33), says_result).ask("3.33 % off the candle")
    assert values(asked)[0] == ("Price", "$18.00", "$17.40")
    assert not any("rules" in note for note in asked.pending[0].notes)


def test_a_price_below_cost_needs_a_reason(assistant: Callable[..., Assistant], store: Store) -> None:
    one = assistant(RECOMMEND, approving(price=4.0), says_result)
    answer = one.ask("set the candle to 4")
    assert answer.pending == ()
    assert "say why" in answer.text
    assert written(store) == []


def test_several_suggestions_are_approved_together_or_not_at_all(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(call("recommend", skus=["KET-10", "KET-17"]), approving(), says_result)
    asked = one.ask("take both kettles")
    assert [label for label, _, _ in values(asked)] == ["Electric Kettle 1.0 L", "Electric Kettle 1.7 L"]
    done = one.ask("go ahead")
    assert len(done.decision_ids) == 2
    assert all(store.verdict(id) is not None for id in done.decision_ids)
    assert done.dropped == []


def test_what_has_no_suggestion_cannot_be_approved(assistant: Callable[..., Assistant], store: Store) -> None:
    answer = assistant(call("recommend", skus=["KNF-SET5"]), approving(), says_result).ask("take it")
    assert answer.pending == () and "Knife Set" in answer.text
    assert written(store) == []


def test_a_suggestion_that_is_out_of_date_cannot_be_approved(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(RECOMMEND, approving(), says_result)
    one.ask("price?")
    newer = history(weeks=13)
    store.import_history(newer, source="newer", content_hash="newer")
    answer = one.confirm(approve=True)
    assert "changed" in answer.text
    assert "decision_approved" not in written(store)


def test_what_changed_since_it_was_shown_is_not_done(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(SET_RULES, says_result)
    one.ask("rules")
    store.set_rules(Rules(max_change=0.3), scope="store", actor="colleague")
    answer = one.confirm(approve=True)
    assert "no longer what would happen" in answer.text
    assert store.rules_for(["KET-10"])["KET-10"] == Rules(max_change=0.3)


# Yes, no, and anything else


@pytest.mark.parametrize("no", ["no", "取消", "No, thanks.", None])
def test_a_no_leaves_it_undone(assistant: Callable[..., Assistant], store: Store, no: str | None) -> None:
    one = assistant(SET_RULES, says_result)
    one.ask("at most 10 % at once, ending in .90")
    answer = one.confirm(approve=False, reason="too tight") if no is None else one.ask(no)
    assert answer.pending == () and one.pending() == ()
    assert "nothing was changed" in answer.text
    assert ("too tight" in answer.text) == (no is None)
    assert written(store) == []


def test_anything_else_leaves_it_undone_and_says_so(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(SET_RULES, AIMessage("Which product do you mean?"), SET_RULES, says_result)
    one.ask("at most 10 % at once")
    answer = one.ask("and the mug?")
    assert answer.text.startswith("(The change I had asked about was left undone")
    assert answer.text.endswith("Which product do you mean?")
    assert one.pending() == ()
    # A later yes is no answer to what was asked before.
    assert one.ask("at most 10 % at once, again").pending != ()
    assert written(store) == []


@pytest.mark.parametrize(
    ("asked", "instead", "note"),
    [
        ("at most 10 % at once", "给我看看马克杯的价格", "（刚才请您确认的改动没有执行"),
        ("一次最多动10%", "what about the mug?", "(The change I had asked about was left undone"),
    ],
)
def test_that_it_was_left_is_said_in_the_language_of_what_is_asked_instead(
    assistant: Callable[..., Assistant], asked: str, instead: str, note: str
) -> None:
    one = assistant(SET_RULES, AIMessage("OK."))
    one.ask(asked)
    assert one.ask(instead).text.startswith(note)


def test_a_yes_to_nothing_does_nothing(assistant: Callable[..., Assistant], store: Store) -> None:
    one = assistant(SET_RULES, says_result)
    assert one.confirm(approve=True).text == "Nothing is waiting for your answer."
    one.ask("rules")
    one.confirm(approve=True)
    assert one.confirm(approve=True).text == "Nothing is waiting for your answer."
    assert written(store).count("rules_set") == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((text, True) for text in ("yes", "Yes!", "ok", "OK, do it", "go ahead", "sure, thanks", "y")),
        *((text, True) for text in ("好的", "好", "确认", "可以，执行吧", "行", "嗯", "就这样")),
        *((text, False) for text in ("no", "No.", "cancel", "no thanks", "nope", "stop", "don't")),
        *((text, False) for text in ("取消", "不用了", "算了", "先不改了", "不要", "别改")),
        *(
            (text, None)
            for text in (
                "yes but make it 15", "no, make it 15%", "why?", "ok what about the mug", "", "是吗",
                "可以便宜点吗",
                "不能低于成本", "do it for the kettle", "stop losses", "好贵", "行情怎么样",
            )
        ),
    ],
)  # fmt: skip
def test_only_a_bare_yes_or_no_is_one(text: str, meant: bool | None) -> None:
    assert reply_of(text) is meant


def test_what_waits_outlives_the_program(assistant: Callable[..., Assistant], store: Store) -> None:
    first = assistant(SET_RULES, says_result)
    first.ask("rules", thread="t")
    first.close()
    later = assistant(says_result)
    assert [it.tool for it in later.pending("t")] == ["set_rules"]
    later.ask("yes", thread="t")
    assert store.rules_for(["KET-10"])["KET-10"] == Rules(max_change=0.1, price_ending=0.9)


def test_an_approval_asked_for_before_the_program_ended_is_made_after(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    first = assistant(RECOMMEND, approving(), says_result)
    first.ask("take it", thread="t")
    first.close()
    done = assistant(says_result).ask("yes", thread="t")
    verdict = store.verdict(done.decision_ids[0])
    assert verdict is not None and verdict.price == 16.2


def test_nothing_is_written_by_a_call_that_was_not_shown(store: Store, tmp_path: Path) -> None:
    # Whatever calls the tool, without the merchant's yes it makes nothing.
    from langchain.tools import ToolRuntime

    from assistant.desk import Desk
    from assistant.tools import WRITES, Turn

    policy: Any = ThumbPolicy()
    turn = Turn(
        desk=Desk(store, pipeline=policy), language="en", folders=(tmp_path,), said="import sales.csv"
    )
    more = history().assign(date=lambda it: it["date"] + pd.Timedelta(weeks=12))
    more.to_csv(tmp_path / "sales.csv", index=False)
    runtime = ToolRuntime(
        state={}, context=turn, config={}, stream_writer=lambda _: None, tool_call_id="1", store=None
    )
    (decision,) = turn.desk.recommend(["CAN-LAV-200"])
    arguments: dict[str, dict[str, Any]] = {
        "approve": {"decision_ids": [decision.id]},
        "reject": {"decision_ids": [decision.id]},
        "set_rules": {"scope": "store", "changes": {"max_change": 0.1}},
        "undo": {},
        "import_sales": {"path": "sales.csv"},
        "start_fine_tuning": {},
        "start_report": {},
    }
    assert {write.tool.name for write in WRITES} == set(arguments)
    for write in WRITES:
        content, _ = write.tool.func(**arguments[write.tool.name], runtime=runtime)  # type: ignore[attr-defined]
        code = json.loads(content)["code"]
        assert code in ("not_confirmed", "nothing_to_undo", "no_tuning_here", "no_report_here")
    assert written(store) == []
    assert len(store.history()) == len(history())


# Several things at once


def test_writes_and_reads_of_one_step_all_come_to_an_end(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    def both(seen: list[BaseMessage]) -> AIMessage:
        calls = [call("recommend", skus=["KET-10"], id="a"), call("undo", id="b")]
        calls += [
            call("set_rules", scope="store", changes={"max_change": x}, id=f"r{x}") for x in (0.1, 0.15)
        ]
        return AIMessage("", tool_calls=[it.tool_calls[0] for it in calls])

    one = assistant(both, AIMessage("Done."))
    asked = one.ask("many things")
    assert [it.rows[0].after and it.rows[0].after.value for it in asked.pending] == ["10%", "15%"]
    # The two exclude each other: after the first, the second is no longer what was shown.
    answer = one.ask("yes")
    assert "no longer what would happen" in answer.text and answer.text.endswith("Done.")
    assert written(store).count("rules_set") == 1


def test_answers_are_json_while_something_waits(assistant: Callable[..., Assistant]) -> None:
    answer = assistant(SET_RULES).ask("一次最多动10%")
    assert answer.language == "zh" and "请确认" in answer.text
    json.dumps(answer.to_dict())
