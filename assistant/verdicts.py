"""Suggestions decided on beside the report: shown first and made after a yes, as in the chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assistant.confirmation import details
from assistant.desk import DeskError
from assistant.tools.approving import stage_approval, stage_rejection
from assistant.tools.result import Turn
from assistant.tools.writing import make
from assistant.wording import safe, wording

if TYPE_CHECKING:
    from assistant.desk import Desk
    from assistant.wording import Language

Choice = Literal["approve", "own", "reject"]
CHOICES: tuple[Choice, ...] = ("approve", "own", "reject")
ACTOR = "merchant"
"""Who decides, in the store's records."""


@dataclass(frozen=True)
class Waiting:
    """Something that was worked out and waits for a yes."""

    text: str
    """What it would change, in Markdown."""
    carry_out: Callable[[], str] | None
    """Does exactly that, or raises; returns what was done. None where there is nothing to do."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be made of some suggestions."""

    choice: Choice
    decision_ids: tuple[str, ...]
    price: float | None = None
    """The merchant's own, for the choice `own`; store currency."""
    reason: str | None = None

    def waiting(self, desk: Desk, language: Language) -> Waiting:
        """What it would change, nothing of it done. Raises what staging raises (`result.explained`)."""
        if self.choice == "own" and self.price is None:
            raise DeskError("bad_price")
        arguments: dict[str, Any] = {"decision_ids": list(self.decision_ids), "reason": self.reason}
        if self.choice == "reject":
            tool, stage = "reject", stage_rejection
        else:
            tool, stage = "approve", stage_approval
            arguments["price"] = self.price if self.choice == "own" else None
        turn = Turn(desk=desk, language=language, user=ACTOR)
        _price_together(desk, self.decision_ids)
        staged = stage(turn, **arguments)

        def carry_out() -> str:
            return make(turn, tool, stage, agreed=staged.digest, **arguments).done

        return Waiting("\n\n".join([staged.summary, *details(staged, language)]), carry_out)


def _price_together(desk: Desk, decision_ids: Sequence[str]) -> None:
    """One look at all products instead of one each: each suggestion is compared with what holds now."""
    if len(decision_ids) > 1:
        desk.recommend(sorted({str(desk.store.decision(id).record["sku"]) for id in decision_ids}))


def of_workbook(path: Path, desk: Desk, language: Language) -> Waiting:
    """What the decisions in a report's workbook would change. Raises `ReviewError`.

    Where rows of it cannot be recorded nothing can: the file is to be put right first.
    """
    from assistant.report.review import carry_out, read_review
    from assistant.report.review_sheet import WORDS

    words, review = wording(language, WORDS), read_review(path, desk, language)
    lines = [review.title(safe(review.file))]
    if review.changes:
        head = words.several("diff.columns")
        table = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for it in review.changes:
            decision = words(f"diff.{it.choice}", price=it.price)
            notes = safe("; ".join(it.notes))
            cells = (it.row, safe(it.product), it.now, it.suggested, decision, notes)
            table.append(f"| {' | '.join(cells)} |")
        lines.append("\n".join(table))
    lines.append(words("diff.counts", undecided=review.undecided, settled=review.settled))
    for key, found in (("refused", review.refused), ("remarks", review.remarks)):
        if found:
            lines.append("\n".join([words(f"diff.{key}"), *(f"- {safe(line)}" for line in found)]))
    if not review.changes or review.refused:
        return Waiting("\n\n".join(lines), None)

    def record() -> str:
        done = carry_out(review, desk.store, actor=ACTOR)
        return words("diff.done", approved=done["approve"], own=done["edit"], rejected=done["reject"])

    return Waiting("\n\n".join(lines), record)
