"""The number check in the agent: a draft with an unsupported number goes back once, then loses sentences."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.errors import GraphBubbleUp

import prompts
from assistant.deeds import claimed, inert, told_by, with_told
from assistant.facts import Fact, labels
from assistant.grounding import Verdict, check, drop_unsupported, resend_message
from assistant.models import is_embedded
from assistant.tools import Turn
from assistant.wording import Language

CHECKED = "number_check"
"""Key of an answer's `response_metadata` that this check writes, and `name` of the messages it sends back."""
EMPTY, UNSUPPORTED, CUT_OFF = "empty answer", "no supported statement", "unfinished answer"
"""Why an answer is none, where the client raised nothing."""
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
    turn: tuple[AnyMessage, ...]
    """What came after the merchant's last message."""


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
            return _called_apart(_without_broken_calls(draft), request.messages)
        material = material_of(messages)
        verdict = _verdict(draft, material)
        resent = any(_mark(message).get("resent") for message in turn_of(messages))
        if not resent and (not verdict.supported or not draft.text.strip()):
            sent = [*messages, *_sent_back(draft, verdict, language)]
            draft, resent = _called(handler, request, sent), True
            if draft.tool_calls:
                draft = _called_apart(_without_broken_calls(draft), request.messages)
                return _marked(draft, resent=True)
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
        if request.runtime.context.confirmed:  # what came of a yes is not left to the model's words
            whole = with_told(draft.text, material.turn)
            draft = draft.model_copy(update={"content": whole}) if whole != draft.text else draft
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
        if told := told_by(turn_of(messages)):
            # What was decided in this turn is settled: planning it anew would ask again.
            message, material = AIMessage("\n\n".join([*told, note])), material_of(messages)
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
    turn = turn_of(messages)
    now = [artifact for _, artifact in artifacts_of(turn)]
    said = [message.text for message in messages if is_merchants(message)]
    return Material(
        facts=tuple(Fact(**fact) for artifact in now for fact in artifact["facts"]),
        products={
            sku: name for _, it in artifacts_of(messages) for sku, name in it.get("products", {}).items()
        },
        names=tuple(name for _, artifact in artifacts_of(messages) for name in artifact["names"]),
        said="\n".join([*said, *(text for artifact in now for text in artifact["messages"])]),
        turn=tuple(turn),
    )


def checked_mark(message: AnyMessage) -> dict[str, Any] | None:
    """What the check wrote on an answer; None on one that did not pass it."""
    mark = _mark(message)
    return mark if "dropped" in mark else None


def _mark(message: AnyMessage) -> dict[str, Any]:
    return dict(message.response_metadata.get(CHECKED, {})) if isinstance(message, AIMessage) else {}


def _marked(message: AIMessage, **mark: Any) -> AIMessage:
    return message.model_copy(update={"response_metadata": {**message.response_metadata, CHECKED: mark}})


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


def _called_apart(message: AIMessage, before: Sequence[AnyMessage]) -> AIMessage:
    """The message with an id of its own for every call: a yes holds for one call, told apart by its id."""
    used = {call["id"] for it in before if isinstance(it, AIMessage) for call in it.tool_calls}
    calls = []
    for call in message.tool_calls:
        if not call["id"] or call["id"] in used:
            call = {**call, "id": f"call-{uuid4().hex}"}
        used.add(call["id"])
        calls.append(call)
    return message if calls == message.tool_calls else message.model_copy(update={"tool_calls": calls})


def _verdict(draft: AIMessage, material: Material) -> Verdict:
    found = check(draft.text, material.facts, material.said, names=material.names, products=material.products)
    deeds = claimed(draft.text, material.turn)
    if not deeds:
        return found
    return replace(found, unsupported=tuple(sorted([*found.unsupported, *deeds], key=lambda it: it.start)))


def _checked_mark(message: AIMessage, material: Material, **mark: Any) -> AIMessage:
    """The message as an answer: with the fact behind each of its numbers."""
    cited = [asdict(it) for it in _verdict(message, material).cited]
    return _marked(message, cited=cited, **mark)


def _called(handler: Handler, request: ModelRequest[Turn], messages: list[AnyMessage]) -> AIMessage:
    message = handler(request.override(messages=messages)).result[-1]
    assert isinstance(message, AIMessage)
    if is_embedded(request.model) or (text := inert(message.text)) == message.text:
        return message
    return message.model_copy(update={"content": text})
