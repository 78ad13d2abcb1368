"""Sentences of a report: filled from facts, and checked against them before anybody reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.facts import Fact, Sheet, count
from assistant.grounding import check
from assistant.wording import Language, wording

FILE = "report.toml"
"""Of `prompts/<language>/`."""
MOST_KEPT = 200
"""Dropped sentences that are shown in full; all are counted."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A sentence that was left out because its numbers are not all facts."""

    where: str
    """Id of the section or page."""
    text: str
    figures: str
    """What is not supported."""


class Statements:
    """Words of one language, and what the number check took out of them."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.words = wording(language, FILE)
        self.dropped: list[Dropped] = []
        self.dropped_count = 0

    def checked(
        self,
        where: str,
        sentences: Sequence[str],
        facts: Sequence[Fact],
        *,
        products: Mapping[str, str] | None = None,
        names: Sequence[str] = (),
        quoted: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """The sentences whose every number is one of the facts, empty ones left out.

        Parameters
        ----------
        products
            Name by SKU of the products that are spoken of.
        names
            Other names in which digits are no figures.
        quoted
            What others wrote and is repeated: it is theirs to answer for.
        """
        said = [" ".join(sentence.split()) for sentence in sentences]
        said = [sentence for sentence in said if sentence]
        text = "\n".join(said)
        for quotation in quoted:
            text = text.replace(quotation, "…" * len(quotation))
        known = [*names, *(products or {}), *(products or {}).values()]
        verdict = check(text, facts, names=known, products=products)
        if verdict.supported:
            return tuple(said)
        kept, place = [], 0
        for sentence in said:
            end = place + len(sentence)
            bad = [it.text for it in verdict.unsupported if it.start < end and place < it.end]
            if bad:
                self.dropped_count += 1
                if len(self.dropped) < MOST_KEPT:
                    self.dropped.append(Dropped(where=where, text=sentence, figures=", ".join(bad)))
            else:
                kept.append(sentence)
            place = end + 1
        return tuple(kept)

    def join(self, parts: Sequence[str]) -> str:
        """Several phrases in one."""
        return self.words("join.semicolon").join(parts)

    def joined(self, clauses: Sequence[str]) -> str:
        """Two clauses as one sentence."""
        return self.words("join.also").join(clauses)


def counted(sheet: Sheet, numbers: Mapping[str, int]) -> None:
    """How many there are of each kind, as facts."""
    for key, number in numbers.items():
        sheet.add(key, count(number, sheet.language), number, "count")


def values_of(sheet: Sheet) -> dict[str, str]:
    """Formatted strings by key."""
    return {fact.key: fact.value for fact in sheet.facts}


def capitalised(text: str) -> str:
    """With a capital where the script has them."""
    return text[:1].upper() + text[1:]
