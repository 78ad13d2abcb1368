"""A write as it is shown to the merchant before it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.facts import Fact

Undo = Mapping[str, Any] | None
"""JSON from which the write's tool can take it back; None where nothing can."""


@dataclass(frozen=True)
class Row:
    """One line of the difference: what holds now and what would hold."""

    label: str
    before: Fact | None
    after: Fact | None

    def to_dict(self) -> dict[str, Any]:
        """As the merchant reads it."""
        sides = {"before": self.before, "after": self.after}
        return {"label": self.label} | {side: fact and fact.value for side, fact in sides.items()}


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A write worked out and not yet made."""

    summary: str
    """What will be done, one sentence in Markdown."""
    done: str
    """The same once it is done."""
    commit: Callable[[], Undo]
    """Makes it; returns what undoing it needs."""
    then: Callable[[], None] | None = None
    """What only follows once that is kept for good: a process that is started or ended, for which no other
    writer has to wait. Raises where it cannot be done."""
    rows: Sequence[Row] = ()
    notes: Sequence[str] = ()
    """What to know before agreeing."""
    facts: Sequence[Fact] = ()
    """Facts in the sentences that are in no row."""
    names: Sequence[str] = ()
    products: Mapping[str, str] = field(default_factory=dict)
    """Name by SKU."""
    skus: Sequence[str] = ()
    decision_ids: Sequence[str] = ()
    content: str = ""
    """Hash of what is read from outside the shop, where anything is: a file's bytes."""

    @property
    def every_fact(self) -> list[Fact]:
        """Facts of the rows and the sentences, each once."""
        in_rows = [fact for row in self.rows for fact in (row.before, row.after) if fact is not None]
        return list({fact.id: fact for fact in [*in_rows, *self.facts]}.values())

    @property
    def digest(self) -> str:
        """The same for writes that show and touch the same."""
        shown = [self.summary, [row.to_dict() for row in self.rows], list(self.notes)]
        touched = [list(self.skus), list(self.decision_ids), self.content]
        return hashlib.sha256(json.dumps([shown, touched]).encode()).hexdigest()[:16]
