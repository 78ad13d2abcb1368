"""The sentences of one language: strict filling, and a choice by which facts are known."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from string import Formatter
from typing import Any

import prompts
from assistant.embedded.conversation import Payload
from assistant.wording import safe


class Sentences:
    """A language's `sentences.toml` with its parts (`sentences_<part>.toml`), and `labels.toml`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._sentences: dict[str, dict[str, Any]] = {}
        for text in prompts.parts(language, "sentences"):
            for section, entries in tomllib.loads(text).items():
                self._sentences.setdefault(section, {}).update(entries)
        self._labels = tomllib.loads(prompts.load(language, "labels.toml"))

    def say(self, key: str, values: Mapping[str, Any] | None = None, **more: Any) -> str:
        """The sentence at `section.name`, filled; KeyError names what is missing."""
        sentence = self._at(key)
        if not isinstance(sentence, str):
            raise KeyError(f"{key!r} has variants: use `known`.")
        return _filled(sentence, {**(values or {}), **more})

    def known(self, key: str, values: Mapping[str, Any], **more: Any) -> str:
        """The first variant at the key whose facts are all known; nothing where there is none."""
        variants = self._at(key)
        given = {**values, **more}
        for variant in [variants] if isinstance(variants, str) else variants:
            if all(given.get(name) not in (None, "") for name in _names(variant)):
                return _filled(variant, given)
        return ""

    def cells(self, key: str, **values: Any) -> list[str]:
        """A table's headings."""
        return [_filled(cell, values) for cell in self._at(key)]

    def label(self, group: str, code: str) -> str:
        """What a code is called; a code without a name is shown as it is."""
        return str(self._labels.get(group, {}).get(code, code.replace("_", " ")))

    def labels(self, group: str, codes: Iterable[str]) -> str:
        """What several codes are called, in one phrase."""
        return self.join([self.label(group, code) for code in codes], "ask.semicolon")

    def join(self, parts: Sequence[str], separator: str = "ask.comma") -> str:
        """Several phrases in one."""
        return str(self._at(separator)).join(parts)

    def sentences(self, *parts: str) -> str:
        """Sentences after one another, empty ones left out."""
        return str(self._at("ask.space")).join(part for part in parts if part)

    def _at(self, key: str) -> Any:
        section, _, name = key.partition(".")
        try:
            return self._sentences[section][name]
        except KeyError:
            raise KeyError(f"prompts/{self.language}/sentences*.toml have no {key!r}.") from None


@cache
def sentences(language: str) -> Sentences:
    """The one `Sentences` of a language."""
    return Sentences(language)


def _filled(template: str, values: Mapping[str, Any]) -> str:
    return prompts.substitute(template, **{name: str(values[name]) for name in _names(template)})


@cache
def _names(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def values_of(item: Payload, words: Sentences) -> dict[str, Any]:
    """What sentences about one product may say: its facts, and the names of its codes."""
    values: dict[str, Any] = dict(item.get("facts", {}))
    values["name"] = safe(str(item.get("name") or item["sku"]))
    if item.get("store"):
        values["name"] += f" ({safe(str(item['store']))})"
    values["sku"] = safe(str(item["sku"]))
    for key, group in (("period", "period"), ("objective", "objective"), ("confidence", "confidence")):
        if item.get(key):
            values[key] = words.label(group, str(item[key]))
    return values


def paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def bullets(*parts: str) -> str:
    """A Markdown list of what there is to say."""
    return lines(*(f"- {part}" for part in parts if part))


def lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
