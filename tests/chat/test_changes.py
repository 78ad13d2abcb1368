"""Rules, rejections and fine-tuning by chat, and taking them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from scripts import RECOMMEND, SET_RULES, approving, call, last_result, says_result, values, written

from assistant.agent import Assistant
from assistant.background import Run
from assistant.reporting import Reporting
from assistant.store import Store
from assistant.store.database import StoreError
from assistant.tools.writing import CONFIRMED, NOT_DONE
from assistant.tuning import Tuning
from policy.decision.rules import Rules

# Rules


def test_rules_change_in_one_scope_and_show_the_difference(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(
        call("set_rules", scope="category", key="Kettles", changes={"min_margin": 0.3}), says_result
    )
    asked = one.ask("kettles never below 30 % margin")
    assert values(asked) == [("Smallest margin", "10%", "30%")]
    one.ask("ok")
    rules = store.rules_for(["KET-10", "CAN-LAV-200"])
    assert rules == {"KET-10": Rules(min_margin=0.3), "CAN-LAV-200": Rules()}
    (entry,) = [it for it in store.audit() if it.action == "rules_set"]
    assert (entry.actor, entry.detail["scope"], entry.subject) == ("merchant", "category", "kettles")


def test_rules_that_leave_no_price_are_named(assistant: Callable[..., Assistant]) -> None:
    # The blue mug sells at 12.90 and costs 4.10: no price within 1 % has 90 % margin.
    one = assistant(call("set_rules", scope="store", changes={"max_change": 0.01, "min_margin": 0.9}))
    note, conflict = one.ask("rules").pending[0].notes
    assert "smallest margin" in conflict and "largest change" in conflict
    assert "12" in note and "Mug" in note  # all with a cost but those without one


def test_a_freeze_may_leave_no_price(assistant: Callable[..., Assistant]) -> None:
    # The blue mug could rise to a margin of 70 %; while its price is frozen it cannot.
    freeze = {"start": "2026-10-26", "end": "2026-10-31"}
    changes = {"max_change": 1.0, "min_margin": 0.7}
    free = assistant(call("set_rules", scope="store", changes=changes)).ask("rules").pending[0]
    assert not any("price freeze" in note for note in free.notes)
    frozen = assistant(call("set_rules", scope="store", changes=changes | {"freezes": [freeze]})).ask("rules")
    assert any("price freeze" in note and "margin" in note for note in frozen.pending[0].notes)


def test_products_tied_together_may_leave_no_price(assistant: Callable[..., Assistant]) -> None:
    # Four white mugs cost 4 x 15.48 at most, after the largest change: a pack of them cannot cost 80 or more.
    pack = {"pack_of": {"sku": "MUG-CER-350W", "units": 4}, "lowest_price": 80, "max_change": 1.0}
    one = assistant(call("set_rules", scope="product", key="BND-MUG4", changes=pack)).ask("rules")
    _, conflict = one.pending[0].notes
    assert "packs cheaper" in conflict and "lowest price" in conflict


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            {"scope": "store", "changes": {"max_change": -1}},
            "“Largest change in one step” must not be below zero",
        ),
        ({"scope": "store", "changes": {"no_such_rule": 1}}, "no_such_rule"),
        ({"scope": "store", "changes": {"max_change": "a lot"}}, "valid number"),
        ({"scope": "category", "key": "boats", "changes": {"max_change": 0.1}}, "boats"),
        ({"scope": "product", "key": "NOPE", "changes": {"max_change": 0.1}}, "no product"),
        ({"scope": "store", "changes": {"max_change": 0.2}}, "holds already"),
        ({"scope": "store", "changes": {"min_margin": 1.5}}, "below 100%"),
        ({"scope": "planet", "changes": {"max_change": 0.1}}, ""),
        ({"scope": "store"}, ""),
    ],
)
def test_rules_that_cannot_be_are_explained_and_not_asked_about(
    assistant: Callable[..., Assistant], store: Store, arguments: dict[str, Any], told: str
) -> None:
    seen: list[str] = []

    def hear(messages: list[BaseMessage]) -> AIMessage:
        seen.append(messages[-1].text)
        return AIMessage("Sorry.")

    answer = assistant(call("set_rules", **arguments), hear).ask("rules")
    assert answer.pending == () and answer.text == "Sorry."
    assert told in seen[0]
    assert written(store) == []


def test_the_rules_in_force_are_listed_with_who_set_them(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    results: list[dict[str, Any]] = []

    def hear(messages: list[BaseMessage]) -> AIMessage:
        results.append(last_result(messages))
        return AIMessage("Done.")

    one = assistant(call("show_rules"), hear, call("show_rules"), hear)
    one.ask("rules?")
    assert [it["scope"] for it in results[0]["scopes"]] == ["store"]  # the defaults
    assert results[0]["scopes"][0]["actor"] is None
    store.set_rules(Rules(max_change=0.05), scope="product", key="KET-10", actor="Ann")
    one.ask("rules?")
    product = results[1]["scopes"][1]
    assert (product["actor"], product["key"], product["version"]) == ("Ann", "KET-10", 1)
    assert {it["field"]: it["value"] for it in product["rules"]}["max_change"] == "5%"


# Undo


def test_undo_goes_back_one_confirmed_change_at_a_time(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    undo = call("undo")
    one = assistant(
        RECOMMEND, approving(), says_result, SET_RULES, says_result,
        undo, says_result, undo, says_result, undo, says_result,
    )  # fmt: skip
    for text in ("take it", "yes", "rules", "yes"):
        one.ask(text)
    asked = one.ask("undo")
    assert values(asked) == [("Largest change in one step", "10%", "20%"), ("Price ending", ".90", "off")]
    one.ask("yes")
    assert store.rules_in_force() == []  # there were none before
    asked = one.ask("undo")
    assert values(asked)[0][:2] == ("Lavender Candle 200 g", "$16.20")
    one.ask("yes")
    assert store.price_ledger("CAN-LAV-200").iloc[-1]["price"] == 18.0
    assert "nothing to take back" in one.ask("undo").text


def test_undo_takes_back_the_rest_where_one_of_several_was_taken_back(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    both = call("recommend", skus=["CAN-LAV-200", "KET-10"])
    one = assistant(both, approving(), says_result, call("undo"), says_result)
    one.ask("take both")
    one.ask("yes")
    first, second = store.decisions("CAN-LAV-200")[-1].id, store.decisions("KET-10")[-1].id
    store.withdraw_verdict(first, actor="merchant")
    assert store.verdict(second) is not None
    one.ask("undo")
    one.ask("yes")
    assert store.verdict(second) is None


def test_an_undo_that_is_declined_can_be_asked_for_again(
    assistant: Callable[..., Assistant], store: Store
) -> None:
    one = assistant(SET_RULES, says_result, call("undo"), says_result, call("undo"), says_result)
    for text in ("rules", "yes", "undo", "no"):
        one.ask(text)
    assert len(store.rules_in_force()) == 1
    one.ask("undo")
    one.ask("yes")
    assert store.rules_in_force() == []


def test_only_ones_own_changes_are_undone(assistant: Callable[..., Assistant], store: Store) -> None:
    ann = assistant(SET_RULES, says_result, user="Ann")
    ann.ask("rules")
    ann.ask("yes")
    ben = assistant(call("undo"), says_result, user="Ben")
    assert "nothing to take back" in ben.ask("undo").text
    assert [it.actor for it in store.rules_in_force()] == ["Ann"]


def test_a_rejection_is_kept_with_its_reason(assistant: Callable[..., Assistant], store: Store) -> None:
    def rejecting(seen: list[BaseMessage]) -> AIMessage:
        ids = [it["decision_id"] for it in last_result(seen)["items"]]
        return call("reject", decision_ids=ids, reason="the supplier would mind")

    one = assistant(RECOMMEND, rejecting, says_result, call("undo"), says_result)
    asked = one.ask("I won't do that")
    assert "the supplier would mind" in asked.text
    (id,) = one.ask("yes").decision_ids
    verdict = store.verdict(id)
    assert verdict is not None and (verdict.verdict, verdict.reason) == (
        "rejected",
        "the supplier would mind",
    )
    one.ask("undo")
    one.ask("yes")
    assert store.verdict(id) is None


# Fine-tuning


class Learning:
    """Fine-tuning that only notes what it was asked."""

    run: Run | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start(self, language: str) -> bool:
        self.asked.append(f"start {language}")
        return True

    def stop(self) -> None:
        self.asked.append("stop")


def test_fine_tuning_starts_after_a_yes_and_stops_on_undo(assistant: Callable[..., Assistant]) -> None:
    tuning = Learning()
    one = assistant(call("start_fine_tuning"), says_result, call("undo"), says_result, tuning=tuning)
    assert one.ask("learn from my sales").pending != ()
    assert tuning.asked == []
    assert "started" in one.ask("yes").text
    assert tuning.asked == ["start en"]
    one.ask("undo")
    one.ask("yes")
    assert tuning.asked == ["start en", "stop"]


def test_where_fine_tuning_cannot_start_the_way_to_is_told(assistant: Callable[..., Assistant]) -> None:
    answer = assistant(call("start_fine_tuning"), says_result).ask("learn from my sales")
    assert answer.pending == () and "pricing-assistant fine-tune" in answer.text


# Reports


def test_a_report_starts_after_a_yes_in_the_language_asked_for_and_stops_on_undo(
    assistant: Callable[..., Assistant],
) -> None:
    making = Learning()
    wanted = call("start_report", format="pdf", language="zh")
    one = assistant(wanted, says_result, call("undo"), says_result, reporting=making)
    (proposal,) = one.ask("a pdf in chinese, please").pending
    assert "PDF" in proposal.summary and "中文" in proposal.summary
    assert making.asked == []
    assert "being made" in one.ask("yes").text
    assert making.asked == ["start zh"]
    one.ask("undo")
    one.ask("yes")
    assert making.asked == ["start zh", "stop"]


def test_where_no_report_can_be_made_the_way_to_is_told(assistant: Callable[..., Assistant]) -> None:
    answer = assistant(call("start_report"), says_result).ask("make me a report")
    assert answer.pending == () and "pricing-assistant report" in answer.text


# What is started


class Elsewhere(Learning):
    """Work that writes to the shop's database by another connection as soon as it is started."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.home = store.home
        self.seen: list[str] = []

    def start(self, language: str) -> bool:
        other = Store.open(home=self.home)
        self.seen = [entry.action for entry in other.audit(limit=1)]
        other.note("at_work", {}, actor="process")
        other.close()
        return super().start(language)


@pytest.mark.parametrize("tool, entry", [("start_report", "report"), ("start_fine_tuning", "fine_tuning")])
def test_a_process_starts_once_the_yes_is_kept_and_no_writer_has_to_wait(
    assistant: Callable[..., Assistant], store: Store, monkeypatch: pytest.MonkeyPatch, tool: str, entry: str
) -> None:
    monkeypatch.setattr("assistant.store.database.WAIT_SECONDS", 0.5)
    work = Elsewhere(store)
    one = assistant(call(tool), says_result, tuning=work, reporting=work)
    one.ask("start it")
    assert "status: error" not in one.ask("yes").text
    assert work.seen == [CONFIRMED]
    assert [it.action for it in store.audit(limit=3)] == [f"{entry}_started", "at_work", CONFIRMED]


@pytest.mark.parametrize("language, words", [("en", "could not be started"), ("zh", "没能")])
@pytest.mark.parametrize("tool, kind", [("start_report", Reporting), ("start_fine_tuning", Tuning)])
def test_a_process_that_cannot_start_is_told_and_not_said_to_run(
    assistant: Callable[..., Assistant],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
    kind: type[Reporting] | type[Tuning],
    language: str,
    words: str,
) -> None:
    for module in ("reporting", "tuning"):
        monkeypatch.setattr(f"assistant.{module}.COMMAND", (str(store.home / "no-such-program"),))
    work = kind(store)
    one = assistant(call(tool), says_result, call("undo"), says_result, tuning=work, reporting=work)
    one.ask("start it" if language == "en" else "开始吧")
    answer = one.ask("yes" if language == "en" else "好的")
    assert words in answer.text and "no-such-program" in answer.text
    assert [it.action for it in store.audit(limit=2)] == [NOT_DONE, CONFIRMED]
    undone = one.ask("undo" if language == "en" else "撤销")
    assert undone.pending == ()  # there is nothing to take back


def test_what_runs_already_is_not_offered_again(assistant: Callable[..., Assistant]) -> None:
    work = Learning()
    work.run = Run(status="running")
    answer = assistant(call("start_report"), says_result, reporting=work).ask("make me a report")
    assert answer.pending == () and "already" in answer.text


def test_a_process_of_which_nothing_can_be_noted_does_not_go_on(
    assistant: Callable[..., Assistant], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, note = Learning(), store.note

    def full(action: str, detail: Mapping[str, Any], *, actor: str) -> int:
        if action == "report_started":
            raise StoreError("There is no room left.")
        return note(action, detail, actor=actor)

    monkeypatch.setattr(store, "note", full)
    one = assistant(call("start_report"), says_result, reporting=work)
    one.ask("make me a report")
    assert "no room left" in one.ask("yes").text
    assert work.asked == ["start en", "stop"]
