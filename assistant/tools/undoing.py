"""Taking back the last change that was confirmed here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.tools import tool

from assistant.desk import DeskError
from assistant.tools import approving, importing, learning, reporting, rules
from assistant.tools.result import Result, Runtime, Turn
from assistant.tools.writing import CONFIRMED, NOT_DONE, Staged, Undo, Write, carry_out, words_of

UNDOABLE: Mapping[str, Write] = {
    write.tool.name: write
    for write in (
        approving.APPROVE,
        approving.REJECT,
        rules.SET_RULES,
        learning.START_FINE_TUNING,
        reporting.START_REPORT,
    )
}
"""What can be taken back, by the tool that made it."""
UNDONE = "change_undone"
"""The audit log's entry of every change taken back."""


@tool(response_format="content_and_artifact")
def undo(runtime: Runtime) -> Result:
    """Take back the last change that was confirmed in this shop: an approval, a rejection, rules.

    The merchant is shown what will be restored and asked before anything is done: call this at once.
    Said again, it takes back the change before that. Say what `done` says.
    Example: {"status": "ok", "language": "en", "done": "Taken back: ...", "rows": [...], "notes": []}
    """
    return carry_out(runtime, "undo", stage_undo)


def stage_undo(turn: Turn) -> Staged:
    """The last confirmed change of this merchant reversed. Raises `DeskError` where there is none."""
    log = turn.desk.store.audit(limit=sys.maxsize)
    undone = {entry.detail["entry"] for entry in log if entry.action in (UNDONE, NOT_DONE)}
    imported = False
    for entry in log:
        detail: Mapping[str, Any] = entry.detail
        if entry.action != CONFIRMED or entry.actor != turn.user or entry.id in undone:
            continue
        write, record = UNDOABLE.get(detail["tool"]), detail["undo"]
        imported |= detail["tool"] == importing.IMPORT_SALES.tool.name
        if write is None or write.take_back is None or record is None:
            continue  # an undo itself
        try:
            staged = write.take_back(turn, record)
        except DeskError as error:
            if error.code != "nothing_to_undo":
                raise
            continue  # taken back already, with a later one of the same suggestion

        def commit(staged: Staged = staged, id: int = entry.id) -> Undo:
            staged.commit()
            turn.desk.store.note(UNDONE, {"entry": id}, actor=turn.user)
            return None

        notes = [*staged.notes, *([words_of(turn)("notes.import_stays")] if imported else [])]
        return replace(staged, commit=commit, notes=notes)
    raise DeskError("import_stays" if imported else "nothing_to_undo")


UNDO = Write(undo, stage_undo)
