"""What the embedded model knows of a language, read from `prompts/<language>/lexicon.toml` and its parts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import prompts

Patterns = tuple[re.Pattern[str], ...]

NUMBER = (
    r"(?<![A-Za-z0-9.])(?<!\d,)(?<![A-Za-z]-)"
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d+(?:[.,]\d+)?|\.\d+)(?![0-9])"
)
"""A number in digits that is not part of a code such as BT20 or KET-10."""


FILE = (
    r"(?P<file>(?<=[\"'“‘「『《])[^\"'”’」』》\n]+?{end}"
    r"|(?:~?[/\\]|[A-Za-z]:[/\\]|\.{1,2}[/\\])[^\"'”’」』》\n]*?{end}"
    r"|[^\s\"'“”‘’「」『』《》,;:，；：。！？!?]+?{end})"
).replace("{end}", r"\.(?:csv|tsv|txt|xlsx|xlsm|xls|parquet)(?:\.gz)?(?![A-Za-z0-9]|\.\w)")
"""A file of sales: a name in quotes, a path from a folder's beginning, or a word; only these may be files."""

ROLES = ("coupon", "percent", "time", "past", "spec", "amount", "price")
"""What a number may be, in the order in which patterns claim it."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something that is not one of the product questions: refused, not built, or answered in fixed words."""

    name: str
    patterns: Patterns
    needs_number: bool


@dataclass(frozen=True, kw_only=True)
class RuleWords:
    """How merchants speak of one limit."""

    field: str
    """Of `policy.Rules`."""
    kind: str
    """How its number is read, or the value: see `rule_words`."""
    patterns: Patterns


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """One language's words and patterns, compiled; the file says what each is for."""

    language: str
    markers: re.Pattern[str]
    marker_weight: int
    script: re.Pattern[str]
    keywords: tuple[str, ...]
    amounts: Mapping[str, Patterns]
    fixed_percents: tuple[tuple[re.Pattern[str], float], ...]
    numerals: Mapping[str, float]
    up: re.Pattern[str]
    down: re.Pattern[str]
    currencies: tuple[tuple[str, re.Pattern[str]], ...]
    topics: tuple[Topic, ...]
    intents: tuple[tuple[str, Patterns], ...]
    flags: Mapping[str, Patterns]
    ordinals: tuple[Patterns, ...]
    files: Patterns
    """Whole messages that ask to import a file, `file` in each."""
    fillers: re.Pattern[str]
    splitters: re.Pattern[str]
    sentence_ends: re.Pattern[str]
    joints: re.Pattern[str]
    """Between two requests of one sentence, where both sides ask something."""
    soft: re.Pattern[str]
    determiners: re.Pattern[str]
    shortest_phrase: int
    circumstances: Mapping[str, Patterns]
    """How numbers that are no price of the shop's own are told, by what they are."""
    yes: re.Pattern[str]
    no: re.Pattern[str]
    """What a whole message is that agrees to what was asked, or does not."""
    reason: re.Pattern[str]
    rules: tuple[RuleWords, ...]
    rule_splitters: re.Pattern[str]
    rule_fillers: re.Pattern[str]
    rule_unread: re.Pattern[str]
    rule_asking: re.Pattern[str]


@cache
def lexicon(language: str) -> Lexicon:
    """The compiled lexicon of one language."""
    source = _source(language)
    amounts, phrases = source["amounts"], source["phrases"]
    number = f"(?:{NUMBER}|{amounts['numerals_pattern']})" if amounts["numerals_pattern"] else NUMBER
    return Lexicon(
        language=language,
        markers=_any(source["markers"]),
        marker_weight=source["marker_weight"],
        script=_compile(source["script"]),
        keywords=tuple(source["keywords"]),
        amounts={role: _each(amounts[role], number) for role in ROLES},
        fixed_percents=tuple((_compile(row["pattern"]), row["value"]) for row in amounts["fixed_percents"]),
        numerals=amounts["numerals"],
        up=_any(amounts["up"]),
        down=_any(amounts["down"]),
        currencies=tuple((code, _any(words)) for code, words in amounts["currencies"].items()),
        topics=tuple(
            Topic(
                name=row["name"],
                patterns=_each(row["patterns"], number),
                needs_number=row.get("needs_number", False),
            )
            for row in source["topics"]
        ),
        intents=tuple((row["name"], _each(row["patterns"], number)) for row in source["intents"]),
        flags={name: _each(patterns, number) for name, patterns in source["flags"].items()},
        ordinals=tuple(_each(patterns, number) for patterns in source["ordinals"]),
        files=tuple(_compile(pattern.replace("{file}", FILE)) for pattern in source["files"]),
        fillers=_any(phrases["fillers"]),
        splitters=_any(phrases["splitters"]),
        sentence_ends=_any(phrases["sentence_ends"]),
        joints=_any(phrases["joints"]),
        soft=_any(phrases["soft"]),
        determiners=_any(phrases["determiners"]),
        shortest_phrase=phrases["shortest"],
        circumstances={role: _each(patterns, number) for role, patterns in source["circumstances"].items()},
        yes=_compile(source["replies"]["yes"]),
        no=_compile(source["replies"]["no"]),
        reason=_compile(source["replies"]["reason"]),
        rules=tuple(
            RuleWords(field=row["field"], kind=row["kind"], patterns=_each(row["patterns"], number))
            for row in source["rule_changes"]
        ),
        rule_splitters=_any(source["rule_phrases"]["splitters"]),
        rule_fillers=_any(source["rule_phrases"]["fillers"]),
        rule_unread=_any(source["rule_phrases"]["unread"]),
        rule_asking=_any(source["rule_phrases"]["asking"]),
    )


def _source(language: str) -> dict[str, Any]:
    """`lexicon.toml` with its parts (`lexicon_<part>.toml`).

    A part's topics and intents go before the one that each names by `before`; its flags are added, and its
    phrases' words, markers and keywords are added to those of the same list.
    """
    first, *others = (tomllib.loads(text) for text in prompts.parts(language, "lexicon"))
    for part in others:
        for kind in ("topics", "intents"):
            for row in part.get(kind, ()):
                place = [it["name"] for it in first[kind]].index(row["before"])
                first[kind].insert(place, row)
        for name, patterns in part.get("flags", {}).items():
            first["flags"][name] = [*first["flags"].get(name, ()), *patterns]
        first["rule_changes"] = [*part.get("rule_changes", ()), *first["rule_changes"]]
        for name, words in part.get("rule_phrases", {}).items():
            first["rule_phrases"][name] = [*first["rule_phrases"].get(name, ()), *words]
        first["circumstances"] = first.get("circumstances", {}) | part.get("circumstances", {})
        for name, words in part.get("phrases", {}).items():
            first["phrases"][name] = [*first["phrases"].get(name, ()), *words]
        for name in ("markers", "keywords", "files"):
            first[name] = [*first.get(name, ()), *part.get(name, ())]
        for role, patterns in part.get("amounts", {}).items():
            first["amounts"][role] = [*patterns, *first["amounts"].get(role, ())]
    return first


def matches(patterns: Patterns, text: str) -> bool:
    """Whether any of the patterns occurs in the text."""
    return any(pattern.search(text) for pattern in patterns)


def _each(patterns: Iterable[str], number: str) -> Patterns:
    return tuple(_compile(p.replace("{n}", f"(?P<n>{number})").replace("{x}", number)) for p in patterns)


def _any(words: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all, longest first, so that 'how much' wins over 'how'."""
    return _compile("|".join(sorted(words, key=len, reverse=True)))


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def languages() -> tuple[str, ...]:
    """The languages there are, a folder with a lexicon each: ("en", "zh")."""
    folders = (folder for folder in files("prompts").iterdir() if folder.is_dir())
    return tuple(sorted(folder.name for folder in folders if folder.joinpath("lexicon.toml").is_file()))
