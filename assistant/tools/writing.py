"""Writes: worked out and shown first, made once the merchant has agreed to exactly what was shown.

A tool that writes has a stage, a function of the turn and the tool's arguments that returns a `Staged`, and
hands it to `carry_out`. The agent stages the call, stops, shows what is staged, and calls the tool only after
the merchant's yes; whatever calls it otherwise, `carry_out` makes nothing that was not agreed to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool

from assistant.desk import Desk, DeskError
from assistant.tools.result import Report, Result, Runtime, Turn, explained, run
from assistant.tools.staged import Row, Staged, Undo
from assistant.wording import Language, Wording, wording

WORDS = "changes.toml"
CONFIRMED = "change_confirmed"
"""The audit log's entry of every write made here; its detail holds what undoing it needs."""
NOT_DONE = "change_not_done"
"""The entry of one that was agreed to and kept, but what was to follow from it did not."""

Stage = Callable[..., Staged]
"""(turn, **the tool's arguments) -> what would be done. Raises what `run` turns into words."""


@dataclass(frozen=True)
class Write:
    """A tool that writes: how a call of it is staged, and how one that was made is staged back."""

    tool: BaseTool
    stage: Stage
    take_back: Callable[[Turn, Mapping[str, Any]], Staged] | None = None
    """From the turn and what `Staged.commit` returned; None where a write cannot be undone."""


def carry_out(runtime: Runtime, tool: str, stage: Stage, **arguments: Any) -> Result:
    """Make the write that this call of a tool is, where the merchant agreed to it as it is staged now."""
    turn, call = runtime.context, str(runtime.tool_call_id)

    def report(desk: Desk, language: Language) -> Report:
        staged = make(turn, tool, stage, agreed=turn.confirmed.get(call), **arguments)
        payload = {
            "status": "ok",
            "done": staged.done,
            "rows": [row.to_dict() for row in staged.rows],
            "notes": list(staged.notes),
        }
        return Report(
            payload,
            staged.every_fact,
            names=staged.names,
            products=staged.products,
            skus=staged.skus,
            decision_ids=staged.decision_ids,
        )

    return run(runtime, report)


def make(turn: Turn, tool: str, stage: Stage, *, agreed: str | None, **arguments: Any) -> Staged:
    """Make a write and note it, so that it can be taken back.

    Parameters
    ----------
    agreed
        Digest of what the merchant agreed to; None where they were not asked.

    Raises
    ------
    DeskError
        It is not what they agreed to; and what the stage raises, or what follows from the write.
    """
    with turn.desk.writing:  # staged anew: another write may have come between, even of the same step
        staged = stage(turn, **arguments)
        if agreed != staged.digest:
            raise DeskError("not_confirmed" if agreed is None else "changed_since")
        with turn.desk.store.together():  # no write without its entry, which undo goes by
            undo = staged.commit()
            detail = {"tool": tool, "agreed": staged.summary, "undo": undo}
            entry = turn.desk.store.note(CONFIRMED, detail, actor=turn.user)
        if staged.then is not None:
            try:
                staged.then()
            except Exception as error:
                why = {"entry": entry, "reason": explained(error, turn.language)[1]}
                turn.desk.store.note(NOT_DONE, why, actor=turn.user)
                raise
    return staged


def words_of(turn: Turn) -> Wording:
    """What changes are called in the turn's language."""
    return wording(turn.language, WORDS)


__all__ = [
    "CONFIRMED", "NOT_DONE", "WORDS",
    "Row", "Stage", "Staged", "Undo", "Write", "carry_out", "make", "words_of",
]  # fmt: skip
