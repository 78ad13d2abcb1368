"""The question set: what merchants ask of the demo shop, and what a right answer must do.

`questions_en.jsonl` and `questions_zh.jsonl` hold one question a line, written for the shop of
`assistant/store/demo.py`:

- `id`: unique; `en-...` or `zh-...`, the language of the question and so of its answer.
- `intent`: one of `INTENTS`.
- `text`: the merchant's last message, the one that is scored.
- `before`: the merchant's earlier messages of the same conversation; each is really asked and answered.
- `expect`: what the answer to the last message must do.
    - `behavior`: one of `BEHAVIORS`, or several where more than one would serve a merchant; `score.py` says
      how each is told from the others.
    - `tool`: the tool that must have been called, or a list of which one must; null where none is wanted.
    - `about`: SKUs that those calls must be about.
    - `arguments`: what one of the calls must have been given, or a list of which one must hold. Keys may be
      patterns (`max_change*`), numbers agree within half a per cent, and a list of values means any of them.
    - `also`: more calls of the same form, for messages that ask several things.
    - `mentions`: what the text must say: `fact:KEY` is a fact of this turn (`fact:gain|gain_range` either,
      `fact:units*` any such), all else a regular expression, case aside.
    - `never`: what it must not say, in the same form; names of products are cut out before it is looked for.
    - `injection`: true where the message, or a name in the shop, tries to make the assistant misbehave:
      saying what `never` forbids, or staging a write, is then obeying it.

Files of others may name just `behavior`, and give the conversation as `multi_turn_context`, messages with
`role` and `content`. Its user's lines are asked as above. An assistant's line cannot be put in the mouth of
ours: where no line of the user's leads to it, it is asked as the merchant's own, to name its product.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from assistant.wording import LANGUAGES, Language

INTENTS = (
    "price_suggestion", "explain", "what_if", "compare", "clearance_stock", "competitor", "promo_planning",
    "elasticity", "forecast", "report", "constraints", "portfolio", "data_quality", "model_trust", "training",
    "ambiguous", "multi_request", "action", "units", "compliance", "adversarial", "out_of_scope",
)  # fmt: skip
BEHAVIORS = ("answer", "clarify", "abstain", "partial", "confirm_first", "refuse")
QUICK = 20
"""Questions of a language with `--quick`."""
FACT = "fact:"
"""What stands before the key of a fact, in `mentions` and `never`."""
FILES = tuple(Path(__file__).with_name(f"questions_{language}.jsonl") for language in LANGUAGES)
"""The project's own set."""

_OURS = {"behavior", "tool", "about", "arguments", "also", "mentions", "never", "injection"}
_OTHERS = {"must", "must_not"}
"""What other sets write for a person to judge."""


class QuestionsError(ValueError):
    """A file of questions cannot be used; the message names file, line and what to do."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a tool that a right answer rests on."""

    tools: tuple[str, ...]
    """Any of these."""
    about: tuple[str, ...] = ()
    """SKUs that the calls must be about, together."""
    arguments: tuple[Mapping[str, Any], ...] = ()
    """One of these must be among what a call was given; nothing is asked where empty."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One message of a merchant, what came before it, and what a right answer must do."""

    id: str
    intent: str
    language: Language
    text: str
    before: tuple[str, ...] = ()
    behaviors: tuple[str, ...]
    calls: tuple[Call, ...] = ()
    mentions: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    injection: bool = False


def read_questions(files: Iterable[Path] = FILES) -> list[Question]:
    """All questions of the files, in their order. Raises `QuestionsError`."""
    questions: list[Question] = []
    seen: dict[str, str] = {}
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{file}, line {number}"
            try:
                question = _question(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                said = f"lacks {error}" if isinstance(error, KeyError) else str(error)
                raise QuestionsError(f"{place}: {said}. Correct the line.") from error
            if question.id in seen:
                raise QuestionsError(f"{place}: the id {question.id!r} stands on {seen[question.id]} too.")
            seen[question.id] = place
            questions.append(question)
    if not questions:
        raise QuestionsError("There is no question to ask: name files of one question a line.")
    return questions


def digest(files: Iterable[Path] = FILES) -> str:
    """What the set holds, in twelve hexadecimal digits."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def few(questions: Sequence[Question], most: int = QUICK) -> list[Question]:
    """At most so many of each language, evenly spaced in the set, whose intents stand together."""
    chosen: list[Question] = []
    for language in LANGUAGES:
        spoken = [question for question in questions if question.language == language]
        count = min(most, len(spoken))
        chosen += [spoken[place * len(spoken) // count] for place in range(count)]
    return chosen


def _question(line: dict[str, Any]) -> Question:
    identity, expect = str(line["id"]), dict(line["expect"])
    language = identity.partition("-")[0]
    if language not in LANGUAGES:
        raise ValueError(f"the id {identity!r} begins with none of {', '.join(LANGUAGES)}")
    if line["intent"] not in INTENTS:
        raise ValueError(f"{line['intent']!r} is none of the intents {', '.join(INTENTS)}")
    if unknown := sorted(set(expect) - _OURS - _OTHERS):
        raise ValueError(f"`expect` knows no {', '.join(unknown)}")
    behaviors = _texts(expect["behavior"])
    if unknown := sorted(set(behaviors) - set(BEHAVIORS)):
        raise ValueError(f"{', '.join(unknown)} is none of {', '.join(BEHAVIORS)}")
    if not str(line["text"]).strip():
        raise ValueError("`text` is empty")
    for pattern in (*_texts(expect.get("mentions")), *_texts(expect.get("never"))):
        _require_pattern(pattern)
    calls = [_call(call) for call in ({"tool": None} | expect, *expect.get("also", ()))]
    return Question(
        id=identity,
        intent=line["intent"],
        language=cast("Language", language),
        text=line["text"],
        before=_before(line),
        behaviors=behaviors,
        calls=tuple(call for call in calls if call.tools),
        mentions=_texts(expect.get("mentions")),
        never=_texts(expect.get("never")),
        injection=bool(expect.get("injection", False)),
    )


def _require_pattern(pattern: str) -> None:
    try:
        re.compile("" if pattern.startswith(FACT) else pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from error


def _call(expect: Mapping[str, Any]) -> Call:
    arguments = expect.get("arguments") or []
    return Call(
        tools=_texts(expect["tool"]),
        about=_texts(expect.get("about")),
        arguments=tuple(arguments if isinstance(arguments, list) else [arguments]),
    )


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _before(line: Mapping[str, Any]) -> tuple[str, ...]:
    """The merchant's earlier messages; see above for lines of an assistant."""
    messages = list(line.get("before", ()))
    said_by = ""
    for message in line.get("multi_turn_context", ()):
        if message["role"] == "user" or said_by != "user":
            messages.append(message["content"])
        said_by = message["role"]
    return tuple(map(str, messages))
