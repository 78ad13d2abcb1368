"""The number check in the agent: a draft with an unsupported number goes back once, then loses sentences."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.errors import GraphBubbleUp

import prompts
from assistant.facts import Fact, labels
from assistant.grounding import Verdict, check, drop_unsupported, resend_message
from assistant.tools import Turn

CHECKED = "number_check"
"""Key of an answer's `response_metadata` that this check writes, and `name` of the messages it sends back."""
REMEMBERED_TURNS = 8
"""Merchant's messages that the model sees; older ones stay in the thread."""

_LOG = logging.getLogger(__name__)

Handler = Callable[[ModelRequest[Turn]], ModelResponse[Any]]


@dataclass(frozen=True)
class Material:
    """What an answer of this turn may say."""

    facts: tuple[Fact, ...]
    names: tuple[str, ...]
    said: str
    """The merchant's messages that the model sees, and messages of tools about what went wrong."""


class NumberCheck(AgentMiddleware[AgentState[Any], Turn, Any]):
    """Checks every final answer, whichever model wrote it; what leaves is marked in `response_metadata`."""

    def __init__(self, model_name: str) -> None:
        super().__init__()
        self._model_name = model_name

    def wrap_model_call(self, request: ModelRequest[Turn], handler: Handler) -> AIMessage:
        """One step of the model; a final answer is checked, resent at most once a turn, and cut."""
        language = request.runtime.context.language
        messages = recent(request.messages)
        try:
            draft = _called(handler, request, messages)
            if draft.tool_calls:
                return draft
            material = material_of(messages)
            verdict = _verdict(draft, material)
            resent = any(_mark(message).get("resent") for message in turn_of(messages))
            if not resent and (not verdict.supported or not draft.text.strip()):
                asked = resend_message(verdict, language) if draft.text.strip() else None
                correction = asked or prompts.load(language, "resend_empty.txt")
                sent = [*messages, draft, HumanMessage(correction, name=CHECKED)]
                draft, resent = _called(handler, request, sent), True
                if draft.tool_calls:
                    return _marked(draft, resent=True)
                verdict = _verdict(draft, material)
        except GraphBubbleUp:
            raise
        except (
            Exception
        ) as error:  # whatever an outside model's client raises: the merchant gets a plain word
            _LOG.info("The language model %s failed", self._model_name, exc_info=True)
            kind = type(error).__name__
            text = labels(language)["answer"]["model_failed"].format(model=self._model_name, error=kind)
            return _marked(AIMessage(text), failed=f"{kind}: {error}", dropped=[], language=language)
        if not draft.text.strip():
            text = labels(language)["answer"]["empty"]
            return _marked(AIMessage(text), failed="empty answer", dropped=[], language=language)
        text, dropped = drop_unsupported(draft.text, verdict, language)
        if dropped:
            _LOG.info("Left out of an answer: %s", dropped)
            draft = draft.model_copy(update={"content": text})
        return _marked(draft, dropped=dropped, resent=resent, language=language)


def recent(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The last turns, from a merchant's message on."""
    starts = [i for i, message in enumerate(messages) if is_merchants(message)]
    return list(messages[starts[-REMEMBERED_TURNS] :]) if len(starts) > REMEMBERED_TURNS else list(messages)


def turn_of(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """What came after the merchant's last message."""
    starts = [i for i, message in enumerate(messages) if is_merchants(message)]
    return list(messages[starts[-1] + 1 :]) if starts else list(messages)


def is_merchants(message: AnyMessage) -> bool:
    return isinstance(message, HumanMessage) and message.name != CHECKED


def artifacts_of(messages: Sequence[AnyMessage]) -> list[tuple[str, dict[str, Any]]]:
    """(tool, artifact) of the results among the messages."""
    return [
        (str(message.name), message.artifact)
        for message in messages
        if isinstance(message, ToolMessage) and isinstance(message.artifact, dict)
    ]


def material_of(messages: Sequence[AnyMessage]) -> Material:
    """Facts of the tools of this turn, names that any turn found, and what the merchant said."""
    now = [artifact for _, artifact in artifacts_of(turn_of(messages))]
    said = [message.text for message in messages if is_merchants(message)]
    return Material(
        facts=tuple(Fact(**fact) for artifact in now for fact in artifact["facts"]),
        names=tuple(name for _, artifact in artifacts_of(messages) for name in artifact["names"]),
        said="\n".join([*said, *(text for artifact in now for text in artifact["messages"])]),
    )


def checked_mark(message: AnyMessage) -> dict[str, Any] | None:
    """What the check wrote on an answer; None on one that did not pass it."""
    mark = _mark(message)
    return mark if "dropped" in mark else None


def _mark(message: AnyMessage) -> dict[str, Any]:
    return dict(message.response_metadata.get(CHECKED, {})) if isinstance(message, AIMessage) else {}


def _marked(message: AIMessage, **mark: Any) -> AIMessage:
    return message.model_copy(update={"response_metadata": {**message.response_metadata, CHECKED: mark}})


def _verdict(draft: AIMessage, material: Material) -> Verdict:
    return check(draft.text, material.facts, material.said, names=material.names)


def _called(handler: Handler, request: ModelRequest[Turn], messages: list[AnyMessage]) -> AIMessage:
    message = handler(request.override(messages=messages)).result[-1]
    assert isinstance(message, AIMessage)
    return message
