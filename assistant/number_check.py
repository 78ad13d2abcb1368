"""The number check in the agent: a draft with an unsupported number goes back once, then loses sentences."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.errors import GraphBubbleUp

import prompts
from assistant.facts import Fact, labels
from assistant.grounding import Verdict, check, drop_unsupported, resend_message
from assistant.models import is_embedded
from assistant.tools import WRITES, Turn
from assistant.wording import Language

CHECKED = "number_check"
"""Key of an answer's `response_metadata` that this check writes, and `name` of the messages it sends back."""
EMPTY, UNSUPPORTED, CUT_OFF = "empty answer", "no supported statement", "unfinished answer"
"""Why an answer is none, where the client raised nothing."""
_WRITING = frozenset(write.tool.name for write in WRITES)
REMEMBERED_TURNS = 8
"""Merchant's messages that the model sees; older ones stay in the thread."""

_LOG = logging.getLogger(__name__)

Handler = Callable[[ModelRequest[Turn]], ModelResponse[Any]]


@dataclass(frozen=True)
class Material:
    """What an answer of this turn may say."""

    facts: tuple[Fact, ...]
    names: tuple[str, ...]
    products: dict[str, str]
    """Name by SKU of the products that any turn found."""
    said: str
    """The merchant's messages that the model sees, and messages of tools about what went wrong."""


class NumberCheck(AgentMiddleware[AgentState[Any], Turn, Any]):
    """Checks every final answer, whichever model wrote it; what leaves is marked in `response_metadata`."""

    def __init__(self, model_name: str) -> None:
        super().__init__()
        self._model_name = model_name

    def wrap_model_call(self, request: ModelRequest[Turn], handler: Handler) -> AIMessage:
        """One step of the model; a final answer is checked, resent at most once a turn, and cut.

        Where an outside model fails the embedded one takes the rest of the turn, and the answer says so.
        """
        messages = recent(request.messages)
        failed = next((why for it in turn_of(messages) if (why := _mark(it).get("failed"))), None)
        if failed is not None:
            return self._instead(request, handler, messages, failed)
        try:
            return self._checked(request, handler, messages)
        except GraphBubbleUp:
            raise
        except Exception as error:  # whatever a model's client raises
            _LOG.info("The language model %s failed", self._model_name, exc_info=True)
            return self._instead(request, handler, messages, f"{type(error).__name__}: {error}")

    def _checked(
        self, request: ModelRequest[Turn], handler: Handler, messages: list[AnyMessage]
    ) -> AIMessage:
        language = request.runtime.context.language
        draft = _called(handler, request, messages)
        if draft.tool_calls:
            return _without_broken_calls(draft)
        material = material_of(messages)
        verdict = _verdict(draft, material)
        resent = any(_mark(message).get("resent") for message in turn_of(messages))
        if not resent and (not verdict.supported or not draft.text.strip()):
            sent = [*messages, *_sent_back(draft, verdict, language)]
            draft, resent = _called(handler, request, sent), True
            if draft.tool_calls:
                return _marked(_without_broken_calls(draft), resent=True)
            verdict = _verdict(draft, material)
        if not draft.text.strip():
            return self._instead(request, handler, messages, EMPTY)
        if draft.response_metadata.get("finish_reason") == "length":
            return self._instead(request, handler, messages, CUT_OFF)
        text, dropped = drop_unsupported(draft.text, verdict, language)
        if dropped:
            _LOG.info("Left out of an answer: %s", dropped)
            if text == labels(language)["answer"]["dropped_all"] and not is_embedded(request.model):
                return self._instead(request, handler, messages, UNSUPPORTED, dropped)
            draft = draft.model_copy(update={"content": text})
        draft = _without_broken_calls(draft)
        return _checked_mark(draft, material, dropped=dropped, resent=resent, language=language)

    def _instead(
        self,
        request: ModelRequest[Turn],
        handler: Handler,
        messages: list[AnyMessage],
        failed: str,
        dropped: Sequence[str] = (),
    ) -> AIMessage:
        """The embedded model's step where the chosen model failed, or plain words where that is the same."""
        language, words = request.runtime.context.language, labels(request.runtime.context.language)["answer"]
        kind = failed.partition(":")[0]
        if is_embedded(request.model):
            key = "empty" if failed == EMPTY else "model_failed"
            text = words[key].format(model=self._model_name, error=kind)
            return _marked(AIMessage(text), failed=failed, dropped=[], language=language)
        key = "too_long" if kind.endswith("ContextOverflowError") else "instead"
        note = words[key].format(model=self._model_name, error=kind)
        if told := _told(
            messages
        ):  # what was decided in this turn is settled: planning it anew would ask again
            message, material = AIMessage(f"{told}\n\n{note}"), material_of(messages)
            return _checked_mark(message, material, failed=failed, dropped=[], language=language)
        from assistant.embedded import EmbeddedChatModel

        draft = _called(handler, request.override(model=EmbeddedChatModel()), messages)
        if draft.tool_calls:
            return _marked(draft, failed=failed)
        material = material_of(messages)
        text, more = drop_unsupported(draft.text, _verdict(draft, material), language)
        draft = draft.model_copy(update={"content": f"{text}\n\n{note}"})
        every = [*dropped, *more]
        return _checked_mark(draft, material, failed=failed, dropped=every, language=language)


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
        products={
            sku: name for _, it in artifacts_of(messages) for sku, name in it.get("products", {}).items()
        },
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


def _told(messages: Sequence[AnyMessage]) -> str:
    """What the tools that write said in this turn: what is done, or why it is not."""
    results = [
        json.loads(str(message.text))
        for message in turn_of(messages)
        if isinstance(message, ToolMessage) and message.name in _WRITING and message.status != "error"
    ]
    said = [str(it.get("done") or it.get("message") or "") for it in results if isinstance(it, dict)]
    return "\n\n".join(filter(None, dict.fromkeys(said)))


def _sent_back(draft: AIMessage, verdict: Verdict, language: Language) -> list[AnyMessage]:
    """The draft and what is wrong with it: each broken call has its answer, as providers insist."""
    broken = [
        ToolMessage(
            prompts.fill(language, "resend_call.txt", error=str(call.get("error") or "no JSON")[:200]),
            tool_call_id=str(call["id"]),
            status="error",
        )
        for call in draft.invalid_tool_calls
        if call.get("id")
    ]
    if broken:
        return [draft, *broken]
    if not draft.text.strip():
        return [HumanMessage(prompts.load(language, "resend_empty.txt"), name=CHECKED)]
    return [draft, HumanMessage(resend_message(verdict, language), name=CHECKED)]


def _without_broken_calls(message: AIMessage) -> AIMessage:
    """The message without calls whose arguments are no JSON: nothing will answer them."""
    return message.model_copy(update={"invalid_tool_calls": []}) if message.invalid_tool_calls else message


def _verdict(draft: AIMessage, material: Material) -> Verdict:
    return check(draft.text, material.facts, material.said, names=material.names, products=material.products)


def _checked_mark(message: AIMessage, material: Material, **mark: Any) -> AIMessage:
    """The message as an answer: with the fact behind each of its numbers."""
    cited = [asdict(it) for it in _verdict(message, material).cited]
    return _marked(message, cited=cited, **mark)


def _called(handler: Handler, request: ModelRequest[Turn], messages: list[AnyMessage]) -> AIMessage:
    message = handler(request.override(messages=messages)).result[-1]
    assert isinstance(message, AIMessage)
    return message
