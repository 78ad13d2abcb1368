"""Questions are really asked of a fresh demo shop, and the command reports what came of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from scripted_model import Scripted
from small_shop import ThumbPolicy

from assistant import cli
from assistant.embedded import EmbeddedChatModel
from assistant.evaluation import run
from assistant.evaluation.command import main
from assistant.evaluation.questions import Question, read_questions
from assistant.evaluation.run import DemoShop, tool_uses
from assistant.evaluation.score import score
from assistant.store import Store
from policy.evaluation.tables import answers_table, read_rows


@pytest.fixture
def shop() -> Iterator[DemoShop]:
    opened = DemoShop(EmbeddedChatModel(), pipeline=ThumbPolicy())  # type: ignore[arg-type]
    yield opened
    opened.close()


def own(*ids: str) -> list[Question]:
    return [question for question in read_questions() if question.id in ids]


def test_a_handful_is_answered_right(shop: DemoShop) -> None:
    # A price, a reason, another price, a question back, and a follow-up, in each language.
    asked = own("en-001", "en-025", "en-037", "en-184", "en-190", "zh-001", "zh-026", "zh-038", "zh-186")
    scores = [score(question, shop.play(question), shop.limits) for question in asked]
    assert len(scores) == 9
    assert {it.question.id: it.wrong for it in scores if not it.right} == {}
    assert all(it.played.seconds > 0 for it in scores)


def test_the_shop_is_judged_by_its_own_rules_and_costs(shop: DemoShop) -> None:
    assert len(shop.limits) == 21
    assert shop.limits["KET-17"].rules.minimum_advertised_price == 37.99
    now = shop.limits["KET-17"].now
    assert (now.current_price, now.unit_cost, now.currency) == (39.99, 22.5, "USD")
    assert shop.limits["PAN-28"].now.unit_cost is None
    assert {"KET-17", "Electric Kettle 1.7 L", "电水壶1.7L"} <= set(shop.names)


def test_the_merchants_own_shop_is_left_alone(shop: DemoShop, home: Path) -> None:
    assert Store.existing(home) is None
    shop.play(own("en-001")[0])
    assert Store.existing(home) is None


def test_what_is_written_is_noticed_and_undone(shop: DemoShop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = run.Assistant.ask

    def meddling(self: run.Assistant, text: str, **options: str) -> run.Assistant:
        self.desk.store.set_rules(None, scope="store", actor="nobody")
        return ask(self, text, **options)  # type: ignore[arg-type, return-value]

    (question,) = own("en-001")
    with monkeypatch.context() as patch:
        patch.setattr(run.Assistant, "ask", meddling)
        written = score(question, shop.play(question), shop.limits)
    assert written.wrong["written"] == "rules_set"
    assert shop.limits["CHG-65W"].rules.max_change == 0.20
    assert score(question, shop.play(question), shop.limits).right


def test_a_model_that_lies_is_found_out() -> None:
    shop = DemoShop(Scripted(lines=[AIMessage("Set it to $1.")]), pipeline=ThumbPolicy())  # type: ignore[arg-type]
    (question,) = own("en-001")
    lied = score(question, shop.play(question), shop.limits)
    shop.close()
    # The merchant gets the built-in model's answer, which says so; the model that was asked has failed.
    assert lied.wrong["failed"] and "Set it to $1." not in lied.played.text


def test_a_call_that_waits_has_no_result() -> None:
    calls = [{"name": name, "args": {"n": 1}, "id": name} for name in ("first", "second", "third")]
    turn = [
        AIMessage("", tool_calls=calls),
        ToolMessage("{}", tool_call_id="first", artifact={"facts": [], "skus": ["A"], "messages": []}),
        ToolMessage("no such tool", tool_call_id="second", status="error"),
    ]
    first, second, third = tool_uses(turn)  # type: ignore[arg-type]
    assert (first.skus, first.error) == (("A",), False)
    assert (second.error, third.error, third.skus) == (True, False, ())


# The command


@pytest.fixture
def quick_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    from policy import PricingPipeline

    monkeypatch.setattr(PricingPipeline, "from_pretrained", lambda **_: ThumbPolicy())


@pytest.mark.usefixtures("quick_policy")
def test_the_command_scores_writes_and_renews_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"id": "en-1", "intent": "price_suggestion", "text": "price for the oak board"},
        {"id": "zh-1", "intent": "ambiguous", "text": "水壶多少钱"},
    ]
    file = tmp_path / "mine.jsonl"
    wanted = ("answer", "refuse")
    file.write_text(
        "\n".join(
            json.dumps(line | {"expect": {"behavior": behavior}})
            for line, behavior in zip(lines, wanted, strict=True)
        )
    )
    arguments = ["--suite", "assistant", "--questions", str(file), "--out", str(tmp_path), "--verbose"]
    assert cli.main(["evaluate", *arguments]) == 0
    printed = capsys.readouterr().out
    rows = read_rows(tmp_path / "assistant.csv")
    assert answers_table(rows) in printed
    assert "| price suggestion | 100 / 100 | – |" in printed
    assert "| ambiguous | – | 0 / 0 |" in printed
    assert "wrong:  behavior: seen" in printed and "asked:  水壶多少钱" in printed
    assert {row["language_model"] for row in rows} == {"embedded"}
    assert [row["failed"] for row in read_rows(tmp_path / "assistant_questions.csv")] == ["", "behavior"]
    assert len(read_rows(tmp_path / "assistant_questions.csv")) == len(lines)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--readme", "README.md"], "needs --out"),
        (["--readme", "README.md", "--out", "x", "--quick"], "leave out --quick"),
        (["fresh"], "unrecognized arguments: fresh"),
        (["--intent", "gossip"], "invalid choice"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--suite", "assistant", *arguments])
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_broken_file_or_model_is_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.jsonl").write_text("{}")
    assert main(["--questions", str(tmp_path / "broken.jsonl")]) == 1
    assert "line 1: lacks 'id'" in capsys.readouterr().err
    monkeypatch.setenv("PRICING_ASSISTANT_MODEL", "nobody:nothing")
    assert main(["--quick"]) == 1
    assert "cannot be used" in capsys.readouterr().err
