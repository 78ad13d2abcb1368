"""What a message calls products: the words left of it once its numbers and ordinary words are taken out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from assistant.embedded.amounts import Amounts
from assistant.embedded.lexicon import Lexicon

_CODE = re.compile(r"(?<![A-Za-z0-9-])(?=[A-Za-z0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)+(?![A-Za-z0-9-])")
_BARE_NUMBER = re.compile(r"\W*(?:(?:the|that|my) )?\d[\d.]*(?: one|的|那个|那款)?\W*", re.IGNORECASE)
"""A message of nothing but "the 350": a measure in a product's name."""


@dataclass(frozen=True)
class Mention:
    """What a message calls a product; `sku` where the words are a name already known."""

    text: str
    sku: str | None = None
    marked: bool = False
    """Whether it surely means a product ("the ...", a quotation, a code) rather than words left over."""


def mentions_in(
    part: str, amounts: Amounts, words: Lexicon, aside: Mapping[str, Mention]
) -> tuple[Mention, ...]:
    """What is left of a sentence once its numbers and its ordinary words are taken out, in order."""
    taken, ends = _taken(part, amounts, words)
    mentions = _stretches(part, taken, ends, words, aside, words.shortest_phrase)
    return tuple({m.text.lower(): m for m in reversed(mentions)}.values())[::-1]


def _taken(part: str, amounts: Amounts, words: Lexicon) -> tuple[list[bool], list[bool]]:
    """Which letters are numbers or ordinary words, and which part what is named, each by its place."""
    taken = [False] * len(part)
    ends = [False] * len(part)
    codes = [match.span() for match in _CODE.finditer(part)]
    removed = [*amounts.spans, *(m.span() for m in words.fillers.finditer(part))]
    for start, end in removed:
        if not any(first <= start and end <= last for first, last in codes):
            taken[start:end] = [True] * (end - start)
    for match in words.splitters.finditer(part):
        ends[match.start() : match.end()] = [True] * (match.end() - match.start())
    return taken, ends


def signs_in(
    part: str, amounts: Amounts, words: Lexicon, aside: Mapping[str, Mention]
) -> tuple[Mention, ...]:
    """Single signs left over that could call a product, such as a knife or a colour in Chinese."""
    taken, ends = _taken(part, amounts, words)
    found = _stretches(part, taken, ends, words, aside, 1)
    return tuple(it for it in found if len(it.text) == 1 and not it.text.isascii())


def _stretches(
    part: str,
    taken: list[bool],
    ends: list[bool],
    words: Lexicon,
    aside: Mapping[str, Mention],
    shortest: int,
) -> list[Mention]:
    """What each stretch of words left over is called, of so many letters or more."""
    mentions: list[Mention] = []
    start = 0
    while start < len(part):
        if taken[start] or ends[start]:
            start += 1
            continue
        end = start
        while end < len(part) and not taken[end] and not ends[end] and part[end] not in aside:
            end += 1
        if end == start:
            mentions.append(replace(aside[part[start]], marked=True))
            start += 1
            continue
        if mention := _mention(part, start, end, words, shortest):
            mentions.append(mention)
        start = end
    return mentions


def _mention(part: str, start: int, end: int, words: Lexicon, shortest: int) -> Mention | None:
    """The words of one stretch of text without those at its edges that only join."""
    text = part[start:end]
    while match := re.match(rf"\s*(?:{words.soft.pattern})", text, re.IGNORECASE):
        if match.end() == 0:
            break
        start, text = start + match.end(), text[match.end() :]
    while match := re.search(rf"(?:{words.soft.pattern})\s*$", text, re.IGNORECASE):
        text = text[: match.start()]
    text = text.strip()
    alone = _BARE_NUMBER.fullmatch(part) is not None
    if len(text) < shortest or not (alone or re.search(r"[^\W\d_]", text)):
        return None
    pointed = bool(words.determiners.search(part[:start]))
    marked = pointed or bool(_CODE.search(text)) or text == part.strip(" ?!.。？！")
    return Mention(text, marked=marked)
