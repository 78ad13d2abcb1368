"""A chat model that says what a test tells it to, so that the graph around it can be tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field


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
