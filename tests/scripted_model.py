"""A chat model that says what a test tells it to, so that the graph around it can be tested."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from assistant.outside import FENCE


def result_in(text: str) -> Any:
    """A tool's JSON as a model outside reads it, between its fences."""
    start, end = f"<{FENCE}>", f"</{FENCE}>"
    assert text.startswith(start) and text.endswith(end), text
    inside = text.removeprefix(start).removesuffix(end)
    assert "<" not in inside  # nothing a tool returns can close the fence
    return json.loads(inside)


class Scripted(BaseChatModel):
    """Says its lines in order, the last one for ever; keeps what it was shown."""

    lines: list[Any]
    seen: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Scripted:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(list(messages))
        line = self.lines[min(len(self.seen), len(self.lines)) - 1]
        if callable(line):
            line = line(messages)
        return ChatResult(generations=[ChatGeneration(message=line.model_copy(update={"id": None}))])
