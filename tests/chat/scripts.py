"""What a scripted model calls and says in tests of writes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from scripted_model import result_in

from assistant.agent import Answer
from assistant.store import Store
from assistant.tools.undoing import UNDONE
from assistant.tools.writing import CONFIRMED


def call(name: str, *, id: str = "", **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": id or f"call-{name}"}])


def last_result(messages: list[BaseMessage]) -> dict[str, Any]:
    return next(result_in(m.text) for m in reversed(messages) if isinstance(m, ToolMessage))


def says_result(messages: list[BaseMessage]) -> AIMessage:
    result = last_result(messages)
    return AIMessage(result.get("done") or result.get("message") or "Done.")


def approving(**more: Any) -> Callable[[list[BaseMessage]], AIMessage]:
    """Approve what recommend just found."""
    return lambda seen: call(
        "approve", decision_ids=[it["decision_id"] for it in last_result(seen)["items"]], **more
    )


RECOMMEND = call("recommend", skus=["CAN-LAV-200"])
SET_RULES = call("set_rules", scope="store", changes={"max_change": 0.1, "price_ending": 0.9})


def values(answer: Answer) -> list[tuple[str, str | None, str | None]]:
    """The difference as the merchant reads it."""
    return [
        (row.label, row.before and row.before.value, row.after and row.after.value)
        for it in answer.pending
        for row in it.rows
    ]


def written(store: Store) -> list[str]:
    """Everything in the audit log that a chat may have caused, the newest first."""
    ours = (CONFIRMED, UNDONE, "decision_approved", "decision_rejected", "decision_withdrawn", "rules_set")
    return [entry.action for entry in store.audit() if entry.action in ours]
