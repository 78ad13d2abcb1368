"""Fine-tuning on the shop's sales, begun from the chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import tool

from assistant.desk import DeskError
from assistant.tools.result import Result, Runtime, Turn
from assistant.tools.writing import Staged, Undo, Write, carry_out, words_of


@tool(response_format="content_and_artifact")
def start_fine_tuning(runtime: Runtime) -> Result:
    """Start to fine-tune the pricing model on this shop's sales; it prices by it only if it proves better.

    The merchant is asked before it starts: call this at once, do not ask first. Say what `done` says.
    Example: {"status": "ok", "language": "en", "done": "Fine-tuning has started.", "rows": [], "notes": []}
    """
    return carry_out(runtime, "start_fine_tuning", stage_fine_tuning)


def stage_fine_tuning(turn: Turn) -> Staged:
    """A run of fine-tuning. Raises `DeskError` where this program has none to start."""
    tuning, words = turn.tuning, words_of(turn)
    if tuning is None:
        raise DeskError("no_tuning_here")
    if not turn.desk.store.products():
        raise DeskError("empty_shop")

    def commit() -> Undo:
        if not tuning.start(turn.language):
            raise DeskError("tuning_already")
        turn.desk.store.note("fine_tuning_started", {}, actor=turn.user)
        return {}

    return Staged(
        summary=words("summary.fine_tuning"),
        done=words("done.fine_tuning"),
        commit=commit,
        notes=[words("notes.fine_tuning")],
    )


def take_back_fine_tuning(turn: Turn, undo: Mapping[str, Any]) -> Staged:
    """The run asked to stop."""
    tuning, words = turn.tuning, words_of(turn)
    if tuning is None:
        raise DeskError("no_tuning_here")

    def commit() -> Undo:
        tuning.stop()
        turn.desk.store.note("fine_tuning_stopped", {}, actor=turn.user)
        return None

    return Staged(summary=words("summary.stop_tuning"), done=words("done.stop_tuning"), commit=commit)


START_FINE_TUNING = Write(start_fine_tuning, stage_fine_tuning, take_back_fine_tuning)
