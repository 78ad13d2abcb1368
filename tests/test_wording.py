"""The embedded model's words: which facts are shown, what is never said, and templates that fill strictly."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest

import prompts
from assistant.embedded.dialogue import INSTEAD
from assistant.embedded.lexicon import languages, lexicon
from assistant.embedded.planning_wording import PLANNING
from assistant.embedded.products import Resolved
from assistant.embedded.replies import Kind, Reply
from assistant.embedded.sentences import Sentences, sentences
from assistant.embedded.understanding import Request
from assistant.embedded.wording import _RENDERERS, render
from assistant.wording import safe

FACTS = {
    "price": "$15.49",
    "current_price": "$18.00",
    "change": "-13.9%",
    "model_price": "$14.20",
    "gain": "+$12.30",
    "gain_range": "-$1.10 to +$25.00",
    "units_take": "34",
    "units_take_range": "29–40",
    "units_keep": "27",
    "units_keep_range": "22–33",
    "revenue_take": "$527",
    "revenue_keep": "$486",
    "profit_take": "$350",
    "profit_keep": "$338",
    "profit_keep_range": "$270 to $390",
    "margin_take": "66.4%",
    "margin_keep": "71.1%",
    "unit_cost": "$5.20",
    "elasticity": "-1.9",
    "elasticity_range": "-2.6 to -1.2",
    "history": "104 weeks",
    "interval": "80%",
}
DRIVERS = [
    {"name": "stock", "label": "stock", "direction": "down", "contribution": "-$2.10"},
    {"name": "season", "label": "season", "direction": "up", "contribution": "+$0.40"},
]
CLAMPS = [
    {"rule": "max_change", "label": "largest change in one step", "before": "$14.20", "after": "$14.40"},
    {"rule": "price_ending", "label": "price ending", "before": "$14.40", "after": "$15.49"},
]


def item(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "sku": "CAN-LAV-200",
        "name": "Lavender Candle 200 g",
        "store": None,
        "currency": "USD",
        "period": "week",
        "direction": "cut",
        "abstained": None,
        "objective": "profit",
        "binding_rule": "price_ending",
        "clamps": CLAMPS,
        "confidence": "medium",
        "gain_sign": "unclear",
        "demand": "elastic",
        "cautions": [],
        "remedies": [],
        "drivers": DRIVERS,
        "facts": FACTS,
    }
    return base | changes


def facts_without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in FACTS.items() if not key.startswith(keys)}


def said(kind: Kind, *items: dict[str, Any], language: str = "en", **of_request: Any) -> str:
    payload = {"status": "ok", "language": language}
    of_items = {"items": list(items)} if kind in ("price", "table") else {"item": items[0]}
    payloads = [payload | of_items]
    if kind == "what_if":
        payloads = [payload | {"item": one} for one in items]
    request = Request(text="", language=language, **of_request)
    return render([Reply(kind=kind, request=request, payloads=tuple(payloads))])


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "kind", ["price", "explain", "brief", "confidence", "elasticity", "facts", "what_if"]
)
def test_every_number_is_a_fact(kind: Kind, language: str) -> None:
    known = numbers(" ".join([*FACTS.values(), item()["name"], *(d["contribution"] for d in DRIVERS)]))
    known |= numbers(" ".join(clamp[end] for clamp in CLAMPS for end in ("before", "after")))
    assert numbers(said(kind, item(), language=language)) <= known


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_suggestion_leads_with_the_price_against_keeping_it(language: str) -> None:
    text = said("price", item(), language=language)
    lead = text.split("\n\n")[0]
    assert all(
        FACTS[key] in lead
        for key in ("price", "current_price", "change", "gain", "gain_range", "units_take_range")
    )
    assert "-$2.10" in text and "+$0.40" in text and FACTS["elasticity_range"] in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_rule_that_binds_is_named_or_none_is(language: str) -> None:
    words = sentences(language)
    assert "price ending" in said("price", item(), language=language)
    unbound = said("price", item(clamps=[], binding_rule=None), language=language)
    assert words.say("rule.none") in unbound
    assert "$14.40" in said("explain", item(), language=language)  # the whole trail


def test_a_driver_keeps_its_sign() -> None:
    lines = {
        line.split()[1]: line
        for line in said("price", item()).splitlines()
        if "pushes" in line or "pulls" in line
    }
    assert "down (-$2.10)" in lines["stock"] and "up (+$0.40)" in lines["season"]


def test_a_short_reason_names_only_what_pushed_that_way() -> None:
    text = said("brief", item())
    assert "stock" in text and "season" not in text
    assert len(re.findall(r"[.!?](?:\s|$)", text)) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["price", "explain", "confidence", "elasticity", "brief"])
def test_an_abstention_gives_no_new_price(kind: Kind, language: str) -> None:
    kept = {key: FACTS[key] for key in ("current_price", "history")}
    nothing = item(
        abstained="too_little_history", direction="keep", drivers=[], clamps=[], facts=kept, gain_sign=None
    )
    text = said(kind, nothing | {"demand": None, "remedies": ["run_price_test"]}, language=language)
    assert sentences(language).label("abstained", "too_little_history") in text
    assert sentences(language).label("remedies", "run_price_test") in text
    assert numbers(text) <= numbers("$18.00 104 200")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_missing_cost_shows_revenue_and_says_so(language: str) -> None:
    bare = item(
        objective="revenue", cautions=["cost_missing"], facts=facts_without("profit", "margin", "unit_cost")
    )
    text = said("price", bare, language=language)
    assert FACTS["revenue_take"] in text and FACTS["profit_take"] not in text
    assert sentences(language).say("price.cost_unknown") in text
    assert sentences(language).say("facts.no_cost") in said("facts", bare, language=language)


def test_several_prices_stand_beside_the_price_now() -> None:
    other = item(facts=FACTS | {"price": "$16.49"})
    rows = [line for line in said("what_if", item(), other).splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip().split()[0] for row in rows[2:]] == ["$18.00", "$15.49", "$16.49"]


def test_a_table_has_every_product_and_no_empty_column() -> None:
    none = item(
        sku="NEW",
        name="New",
        abstained="too_little_history",
        direction="keep",
        facts={"current_price": "$42.00"},
    )
    rows = [line for line in said("table", item(), none).splitlines() if line.startswith("|")]
    assert len(rows) == 4 and len({row.count("|") for row in rows}) == 1
    assert "$42.00" in rows[3] and "too little sales history" in rows[3]
    only = said("table", none, none | {"sku": "B", "name": "B"})
    assert "| Product | Now | Note |" in only


def test_a_name_cannot_break_the_markdown() -> None:
    assert safe("a|b\nc *d* <i>") == r"a\|b c \*d\* \<i\>"


TOLD_BY_TOOLS = frozenset(
    {"track", "trust", "baseline", "range_meaning", "readiness", "training", "place", "privacy", "imports",
     "span", "audit", "cost_told", "endings"}
)  # fmt: skip
"""Topics that a tool answers, so that no sentence stands for them."""


@pytest.mark.parametrize("language", languages())
def test_every_topic_has_its_sentence(language: str) -> None:
    names = {topic.name for topic in lexicon(language).topics} - TOLD_BY_TOOLS
    for name in [*names, *INSTEAD]:
        assert sentences(language).say(f"topics.{name}")
    for name in INSTEAD:
        assert sentences(language).say(f"instead.{name}")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize(
    "topic", sorted({t.name for language in languages() for t in lexicon(language).topics} - TOLD_BY_TOOLS)
)
def test_fixed_words_hold_no_number(language: str, topic: str) -> None:
    text = render([Reply(kind="topic", request=Request(text="", language=language, topic=topic))])
    assert text and not numbers(text)


@pytest.mark.parametrize("language", languages())
def test_no_sentence_about_the_shop_holds_a_number_of_its_own(language: str) -> None:
    for text in prompts.parts(language, "sentences")[1:]:
        for section, entries in tomllib.loads(text).items():
            for key, sentence in entries.items():
                for variant in [sentence] if isinstance(sentence, str) else sentence:
                    assert not numbers(re.sub(r"\{\w+\}|`[^`]*`", " ", variant)), (section, key)


def test_every_kind_of_reply_has_words() -> None:
    assert set(get_args(Kind)) == {*_RENDERERS, *PLANNING}
    assert not set(_RENDERERS) & set(PLANNING)


ROOT = Path(__file__).parents[1]


@cache
def said_in_code() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Every string of the code, and every f-string with something fixed in it, as a pattern."""
    strings, patterns = set[str](), set[str]()
    for file in [*ROOT.glob("assistant/**/*.py"), *ROOT.glob("policy/**/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                fixed = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
                if re.search(r"\w", "".join(str(text) for text in fixed if text)):
                    patterns.add("".join(".+" if text is None else re.escape(str(text)) for text in fixed))
    return frozenset(strings), tuple(map(re.compile, patterns))


@pytest.mark.parametrize("language", languages())
def test_no_word_is_kept_that_nothing_says(language: str) -> None:
    strings, patterns = said_in_code()

    def unsaid(keys: Iterable[str]) -> list[str]:
        return [key for key in keys if key not in strings and not any(p.fullmatch(key) for p in patterns)]

    tables = [tomllib.loads(text) for text in prompts.parts(language, "sentences")]
    assert (
        unsaid(f"{section}.{name}" for table in tables for section in table for name in table[section]) == []
    )
    named = tomllib.loads(prompts.load(language, "labels.toml"))
    assert unsaid([*named, *(name for section in named.values() for name in section)]) == []
    flags = [tomllib.loads(text).get("flags", {}) for text in prompts.parts(language, "lexicon")]
    assert [flag for table in flags for flag in table if flag not in strings] == []


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="current_price"):
        Sentences("en").say("price.raise", name="Candle", price="$1", change="+1%")
    with pytest.raises(KeyError, match="no_such"):
        Sentences("en").say("price.no_such")


def test_languages_say_the_same_things_with_the_same_facts() -> None:
    english, *others = (prompts.parts(language, "sentences") for language in languages())
    for other in others:
        assert len(other) == len(english)
        for ours, theirs in zip(map(tomllib.loads, english), map(tomllib.loads, other), strict=True):
            for section, entries in ours.items():
                assert set(entries) == set(theirs[section]), section
                for key, sentence in entries.items():
                    assert fields(theirs[section][key]) <= fields(sentence) | {"period"}, (section, key)


def fields(sentence: str | list[str]) -> set[str]:
    text = sentence if isinstance(sentence, str) else " ".join(sentence)
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_what_could_not_be_settled_is_asked_beside_the_answer() -> None:
    reply = Reply(kind="price", request=Request(text="", language="en"), payloads=({"items": [item()]},))
    missing = replace(reply, resolved=Resolved(missing=("teapot",)))
    assert "teapot" in render([missing]) and "teapot" not in render([reply])


@pytest.mark.parametrize(
    "file", ["sentences.toml", "changes.toml", "interface.toml", "tuning.toml", "help.txt"]
)
def test_bold_chinese_ends_before_its_punctuation(file: str) -> None:
    # CommonMark does not close bold between punctuation and a letter, and Chinese has no space there.
    for bold, after in re.findall(r"\*\*([^*\n]+)\*\*(.?)", prompts.load("zh", file)):
        assert bold[-1] not in "：。，；！？”）" or after in tuple("：。，；（"), bold
        assert not (bold.endswith("name}") and after.isalpha()), bold  # a name may end in a bracket


@pytest.mark.parametrize("language", languages())
def test_every_reason_for_no_price_is_a_caution_in_words(language: str) -> None:
    from policy.decision.recommendation import AbstentionCode

    told = tomllib.loads(prompts.load(language, "labels.toml"))["cautions"]
    assert set(get_args(AbstentionCode)) <= set(told)
