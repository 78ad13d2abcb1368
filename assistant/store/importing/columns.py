"""Which column of a merchant's file is which column of the canonical table."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from rapidfuzz import fuzz, process

CLOSE = 90
"""Similarity (0 to 100) from which a misspelt name is taken for a known one, if no other is as near."""
NEAR = 60
"""Similarity from which a column is proposed in an error."""
SHORTEST_MISSPELT = 5
"""Letters; shorter names resemble too many others."""

_MONEY_WORD = re.compile(r"\s(usd|eur|gbp|cny|rmb|cad|aud|jpy|inr|brl|mxn|chf|元|人民币)$")


@dataclass(frozen=True, kw_only=True)
class ColumnMatch:
    """One column that was understood."""

    field: str
    """Canonical column, or what an import derives one from (`line_total`, `option`, `status`, ...)."""
    source: str
    """Name in the file."""
    position: int
    """From 0."""
    how: Literal["name", "spelling"]
    """By a known name, or by being close to one."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A shop system's export, recognised by its columns."""

    key: str
    title: str
    log: bool
    """Whether each row is one sale."""
    lacks: str | None
    """What such a file does not hold: `date`, `history` or `lines`."""


@cache
def _lexicon() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "columns.toml").read_text(encoding="utf-8"))


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Known names per field, best first."""
    lexicon = _lexicon()
    return {field: tuple(names) for field, names in (lexicon["fields"] | lexicon["import"]).items()}


def plain(name: str) -> str:
    """A column name without case, punctuation, surrounding spaces and full-width forms."""
    text = unicodedata.normalize("NFKC", name).casefold().strip().lstrip("\ufeff")
    return re.sub(r"[^\w]+|_+", " ", text).strip()


def _forms(name: str) -> list[str]:
    """The plain name; without its bracketed remark; without the currency at its end."""
    forms = [plain(name), plain(re.sub(r"[(（\[【].*?[)）\]】]", " ", name))]
    forms.append(_MONEY_WORD.sub("", forms[1] or forms[0]))
    return [form for form in dict.fromkeys(forms) if form]


def recognised(names: Sequence[str]) -> int:
    """How many of these names are known: the row of a file with the most is its header."""
    known = {name for group in _names().values() for name in group}
    return sum(any(form in known for form in _forms(name)) for name in names)


def dates_orders(name: str) -> bool:
    """Whether a date column of this name holds dates of orders, not of periods."""
    return any(form in _lexicon()["orders"]["dates"] for form in _forms(name))


def platform_of(header: Sequence[str]) -> Platform | None:
    """The shop system whose export has these columns."""
    present = {plain(name) for name in header}
    for key, entry in _lexicon()["platforms"].items():
        if present.issuperset(entry["when"]):
            return Platform(
                key=key, title=entry["title"], log=entry.get("log", False), lacks=entry.get("lacks")
            )
    return None


def match_columns(header: Sequence[str], *, blank: Sequence[bool]) -> list[ColumnMatch]:
    """Assign at most one column to each field: by known names first, then by spelling where unambiguous.

    Parameters
    ----------
    header
        Names of the columns in the file.
    blank
        Whether a column holds nothing; such columns are matched only where a required field has no other.
    """
    platform = platform_of(header)
    corrections: dict[str, str] = _lexicon()["platforms"][platform.key]["fields"] if platform else {}
    free = {i: _forms(name) for i, name in enumerate(header) if name and not blank[i]}
    found: dict[str, ColumnMatch] = {}

    def claim(field: str, position: int, how: Literal["name", "spelling"]) -> None:
        found[field] = ColumnMatch(field=field, source=header[position], position=position, how=how)
        del free[position]

    # What a platform's columns mean is settled before anything can claim them by a general name.
    for field, wanted in corrections.items():
        if at := [i for i, forms in free.items() if forms[0] == wanted]:
            claim(field, at[0], "name")
    for field, names in _names().items():
        if field in found or field in corrections:
            continue
        ranked = [
            (names.index(form), forms.index(form), i)
            for i, forms in free.items()
            for form in forms
            if form in names
        ]
        if ranked:
            claim(field, min(ranked)[2], "name")
    for field in _lexicon()["fields"]:
        if field not in found and field not in corrections:
            at = [i for i, forms in free.items() if _spelt_like(forms[0]) == field]
            if len(at) == 1:
                claim(field, at[0], "spelling")
    # An empty column is better than none: the error can then point at its cells.
    for field, instead in (("sku", "name"), ("date", "date"), ("price", "line_total"), ("units", "units")):
        if field not in found and instead not in found and field not in corrections:
            empty = [
                i for i, name in enumerate(header) if blank[i] and set(_forms(name)) & set(_names()[field])
            ]
            if empty:
                free[empty[0]] = []
                claim(field, empty[0], "name")
    if "price" in found:  # a total is only good for what it says of the unit price
        found.pop("line_total", None)
    return sorted(found.values(), key=lambda match: match.position)


def _spelt_like(name: str) -> str | None:
    """The one field whose known names this one nearly is."""
    if len(name) < SHORTEST_MISSPELT:
        return None
    best = {field: process.extractOne(name, names, scorer=fuzz.ratio) for field, names in _names().items()}
    scores = sorted(((hit[1], field) for field, hit in best.items() if hit), reverse=True)
    (first, field), (second, _) = scores[0], scores[1]
    return field if first >= CLOSE and second < first - 5 else None


def nearest(field: str, header: Sequence[str]) -> str | None:
    """The column that an error may propose for a field without one."""
    scored = [
        (max(process.extractOne(form, _names()[field], scorer=fuzz.ratio)[1] for form in _forms(name)), name)
        for name in header
        if _forms(name)
    ]
    score, name = max(scored, default=(0, ""))
    return name if score >= NEAR else None
