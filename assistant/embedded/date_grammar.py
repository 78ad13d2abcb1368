"""How a language speaks of time, read from `prompts/<language>/dates.toml` and compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import prompts
from assistant.embedded.amounts import parse_number
from assistant.embedded.lexicon import lexicon

FILLER = "\ue000"
"""Stands for the rest of a time found, after its mark: texts keep their length, and places stay valid."""
MARKS: Mapping[str, range] = {
    "Y": range(0xE100, 0xE180),
    "F": range(0xE200, 0xE280),
    "W": range(0xE300, 0xE380),
    "M": range(0xE400, 0xE480),
    "E": range(0xE500, 0xE580),
    "R": range(0xE600, 0xE680),
    "L": range(0xE700, 0xE780),
    "Z": range(0xE800, 0xE880),
}
"""Private letters that mark a time found: a year, another fixed time, a weekday, a day of every month, an
event, another time that comes back, a length, and one that no frame may take up again."""
_KINDS = {"T": "YFWMER", "R": "ER"}
"""Names in patterns that stand for several kinds of mark."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A pattern, what to do with what it finds, and what it sets without reading it."""

    do: str
    pattern: re.Pattern[str]
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """One language's ways to speak of time."""

    language: str
    month_first: bool
    tables: Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]]
    atoms: tuple[Rule, ...]
    explicit: tuple[re.Pattern[str], ...]
    frames: tuple[Rule, ...]
    past: re.Pattern[str]
    future: re.Pattern[str]

    def said(self, rule: Rule, match: re.Match[str]) -> dict[str, Any]:
        """What a rule gives and its pattern read, by name; a name may stand in several alternatives. An event
        is named by its key, since its words may need those around them."""
        said = dict(rule.given)
        for group, text in match.groupdict().items():
            if text:
                name = group.rstrip("0123456789")
                said[name] = self._event(match, group) if name == "event" else text
        return said

    def _event(self, match: re.Match[str], group: str) -> str:
        text, (start, end) = match.string, match.span(group)
        for table in ("events", "seasonal_events"):
            for event, words in self.tables[table]:
                # Either what follows belongs to the row's conditions, or the row could go on but must not.
                found = words.match(text, start)
                if (found and found.end() == end) or words.fullmatch(text, start, end):
                    return event
        raise KeyError(f"{match[group]!r} is in no row of events ({self.language}/dates.toml)")

    def value(self, table: str, text: str) -> str:
        """The key of the table's row that has this word.

        Raises
        ------
        KeyError
            Where a pattern reads what the table does not have.
        """
        for key, pattern in self.tables[table]:
            if pattern.fullmatch(text):
                return key
        raise KeyError(f"{text!r} is in no row of `{table}` ({self.language}/dates.toml)")

    def number(self, text: str) -> int:
        """A count in digits or words: 4, couple of, 三十."""
        if text.isdigit():
            return int(text)
        known = (int(key) for key, pattern in self.tables["counts"] if pattern.fullmatch(text))
        found = next(known, None)
        return int(parse_number(text, lexicon(self.language))) if found is None else found


@cache
def grammar(language: str) -> Grammar:
    """The compiled grammar of one language."""
    source = tomllib.loads(prompts.load(language, "dates.toml"))
    tables = {
        name: {str(key): words for key, words in rows.items()} for name, rows in source["tables"].items()
    }
    pieces = {name: _any(rows.values()) for name, rows in tables.items()} | source["pieces"]
    for name in (*MARKS, *_KINDS):
        ranges = (MARKS[kind] for kind in _KINDS.get(name, name))
        letters = "".join(f"{chr(span[0])}-{chr(span[-1])}" for span in ranges)
        pieces[name] = f"[{letters}]{FILLER}*"
    return Grammar(
        language=language,
        month_first=source["month_first"],
        tables={name: _table(rows, pieces) for name, rows in tables.items()},
        atoms=tuple(_rule(row, "read", pieces) for row in source["atoms"]),
        explicit=tuple(_compiled(pattern, pieces) for pattern in source["explicit"]["candidates"]),
        frames=tuple(_rule(row, "do", pieces) for row in source["frames"]),
        past=_compiled(source["tense"]["past"], pieces),
        future=_compiled(source["tense"]["future"], pieces),
    )


def _rule(row: Mapping[str, Any], verb: str, pieces: Mapping[str, str]) -> Rule:
    given = {name: value for name, value in row.items() if name not in (verb, "pattern")}
    return Rule(do=row[verb], pattern=_compiled(row["pattern"], pieces), given=given)


def _table(rows: Mapping[str, str], pieces: Mapping[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((key, re.compile(_whole(words, pieces), re.IGNORECASE)) for key, words in rows.items())


def _compiled(pattern: str, pieces: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile(_numbered(_whole(pattern, pieces)), re.IGNORECASE)


def _whole(pattern: str, pieces: Mapping[str, str]) -> str:
    """The pattern with its pieces put in, and theirs."""
    while (filled := re.sub(r"\{([A-Za-z]\w*)\}", lambda match: pieces[match[1]], pattern)) != pattern:
        pattern = filled
    return pattern


def _numbered(pattern: str) -> str:
    """The pattern with the second group of a name called name2, and so on: `re` wants each but once."""
    seen: dict[str, int] = {}

    def named(match: re.Match[str]) -> str:
        seen[match[1]] = count = seen.get(match[1], 0) + 1
        return f"(?P<{match[1]}{count if count > 1 else ''}>"

    return re.sub(r"\(\?P<([a-z_]+)>", named, pattern)


def _any(words: Any) -> str:
    """All words of a table as one group, longest first."""
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"
