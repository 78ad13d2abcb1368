"""The question set is what it claims to be, and a broken file of questions is one clear error."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assistant.evaluation.questions import (
    BEHAVIORS,
    FACT,
    INTENTS,
    QUICK,
    Question,
    QuestionsError,
    digest,
    few,
    read_questions,
)
from assistant.store.demo import demo_history

OWN = read_questions()


def line(**changes: Any) -> dict[str, Any]:
    return {"id": "en-1", "intent": "units", "text": "?", "expect": {"behavior": "answer"}} | changes


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_language_has_two_hundred_questions_of_every_intent(language: str) -> None:
    own = [question for question in OWN if question.language == language]
    assert len(own) >= 200
    counts = Counter(question.intent for question in own)
    assert set(counts) == set(INTENTS)
    assert min(counts.values()) >= 7, counts
    assert {behavior for question in own for behavior in question.behaviors} == set(BEHAVIORS)
    assert sum(bool(question.before) for question in own) >= 25
    assert sum(question.injection for question in own) >= 10


def test_ids_and_texts_are_unique() -> None:
    assert len({question.id for question in OWN}) == len(OWN)
    asked = Counter((question.text.casefold().strip(), question.before) for question in OWN)
    assert asked.most_common(1)[0][1] == 1


def test_the_chinese_questions_are_chinese() -> None:
    foreign = [
        question.text
        for question in OWN
        if (question.language == "zh") != bool(re.search(r"[\u4e00-\u9fff]", question.text))
        and question.intent != "adversarial"  # an injection is in any language
    ]
    assert foreign == []


def test_products_asked_about_are_in_the_demo_shop() -> None:
    skus = set(demo_history()["sku"])
    wanted = {sku for question in OWN for call in question.calls for sku in call.about}
    assert wanted and wanted <= skus


def test_something_besides_behavior_is_checked_of_most_answers() -> None:
    plain = [question for question in OWN if "answer" in question.behaviors]
    assert all(question.calls or question.mentions or question.never for question in plain)
    assert any(mention.startswith(FACT) for question in plain for mention in question.mentions)


def test_a_few_questions_are_spread_over_the_intents() -> None:
    some = few(OWN)
    assert Counter(question.language for question in some) == {"en": QUICK, "zh": QUICK}
    intents = Counter(question.intent for question in some)
    assert len(intents) >= 15 and intents["adversarial"] >= 2
    assert few(some) == some
    assert few([]) == []


def test_questions_of_others_are_read_by_their_conversation(tmp_path: Path) -> None:
    said = [{"role": "assistant", "content": "Kettle: keep $39.99."}]
    asked = [{"role": "user", "content": "kettle?"}, *said]
    others = {"slots": {}, "expect": {"behavior": "answer", "must": ["x"], "must_not": []}}
    file = written(
        tmp_path / "others.jsonl",
        line(multi_turn_context=asked, **others),
        line(id="en-2", multi_turn_context=said, **others),
    )
    first, second = read_questions([file])
    assert first.before == ("kettle?",)
    assert second.before == ("Kettle: keep $39.99.",)
    assert first == Question(
        id="en-1", intent="units", language="en", text="?", before=("kettle?",), behaviors=("answer",)
    )


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (line(intent="gossip"), "'gossip' is none of the intents"),
        (line(expect={"behavior": "guess"}), "guess is none of answer"),
        (line(expect={"behavior": "answer", "mention": []}), "knows no mention"),
        (line(expect={"behavior": "answer", "never": ["("]}), "no regular expression"),
        (line(id="1"), "begins with none of en, zh"),
        (line(text=" "), "`text` is empty"),
        ({"id": "en-1", "intent": "units", "expect": {"behavior": "answer"}}, "lacks 'text'"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: dict[str, Any], complaint: str) -> None:
    file = written(tmp_path / "broken.jsonl", line(id="en-0"), broken)
    with pytest.raises(QuestionsError, match=r"broken\.jsonl, line 2") as error:
        read_questions([file])
    assert complaint in str(error.value)


def test_an_id_twice_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match=r"line 2: the id 'en-1' stands on .*line 1 too"):
        read_questions([written(tmp_path / "twice.jsonl", line(), line())])
    with pytest.raises(QuestionsError, match="no question"):
        read_questions([written(tmp_path / "empty.jsonl")])


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    one, other = (written(tmp_path / f"{x}.jsonl", line(text=x)) for x in "ab")
    assert len(digest()) == 12
    assert digest([one]) != digest([other])
