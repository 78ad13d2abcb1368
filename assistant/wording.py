"""What the interface says, in the merchant's language; the sentences are data in `prompts/<language>/`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import prompts

Language = Literal["en", "zh"]
LANGUAGES: Mapping[Language, str] = {"en": "English", "zh": "中文"}
"""Interface languages and what each calls itself."""


class Wording:
    """The sentences of a file: `words("data.upload")`, `words("data.reading", file="sales.csv")`."""

    def __init__(self, language: Language, file: str = "interface.toml") -> None:
        self.language: Language = language
        self._file = file
        self._tree = tomllib.loads(prompts.load(language, file))

    def __call__(self, key: str, **values: object) -> str:
        """The sentence at a dotted key, its placeholders filled; KeyError names a missing key or value."""
        sentence = self._at(key)
        if not isinstance(sentence, str):
            raise KeyError(f"{key!r} is not a sentence of prompts/{self.language}/{self._file}")
        return prompts.substitute(sentence, **{name: str(value) for name, value in values.items()})

    def several(self, key: str) -> list[str]:
        """The list at a dotted key, such as a table's headings."""
        return [str(text) for text in self._at(key)]

    def examples(self, shop: str) -> list[str]:
        """The example questions for one kind of shop; `{product}` stands for one of its products."""
        return [str(question) for question in self._at(f"examples.{shop}")]

    def _at(self, key: str) -> Any:
        node: Any = self._tree
        for part in key.split("."):
            node = node[part]
        return node


@cache
def wording(language: Language, file: str = "interface.toml") -> Wording:
    """The one `Wording` of a language and file."""
    return Wording(language, file)


def preferred_language(accept_language: str | None) -> Language:
    """The interface language for an `Accept-Language` header: the one of ours it prefers, else English.

    >>> preferred_language("zh-CN,zh;q=0.9,en;q=0.8")
    'zh'
    """
    best: Language = "en"
    weight = 0.0
    for item in (accept_language or "").split(","):
        tag, _, quality = item.strip().partition(";q=")
        primary = tag.split("-")[0].lower()
        try:
            preference = float(quality or 1)
        except ValueError:  # a malformed header is the browser's business, not the merchant's
            continue
        for language in LANGUAGES:
            if primary == language and preference > weight:
                best, weight = language, preference
    return best


def safe(name: str) -> str:
    """A name that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(name.split()))


def printable(text: str) -> str:
    """Data as a terminal may show it: a name cannot carry terminal escapes or break the line."""
    return "".join(character if character.isprintable() else " " for character in text)
