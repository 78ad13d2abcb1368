"""A conversation as people read it: what the merchant said and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from langchain_core.messages import AIMessage, AnyMessage

from assistant.number_check import checked_mark, is_merchants


class Said(NamedTuple):
    """One message."""

    role: Literal["user", "assistant"]
    text: str


def transcript(messages: Sequence[AnyMessage]) -> list[Said]:
    """The merchant's messages and the checked answers; calls of tools and drafts that were sent back are left
    out."""
    said = []
    for message in messages:
        if is_merchants(message):
            said.append(Said("user", message.text))
        elif isinstance(message, AIMessage) and not message.tool_calls and checked_mark(message):
            said.append(Said("assistant", message.text))
    return said
