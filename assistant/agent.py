"""The assistant: a LangChain agent over one shop, embedded chat model or any other, answers checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ToolCallLimitMiddleware,
    dynamic_prompt,
)
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from langsmith import tracing_context

import prompts
from assistant.confirmation import (
    Proposal,
    confirmation,
    confirmed,
    proposal_text,
    proposals,
    refused,
    reply_of,
)
from assistant.desk import Desk
from assistant.facts import Fact, labels
from assistant.memory import Conversation, Memory
from assistant.number_check import NumberCheck, artifacts_of, checked_mark, turn_of
from assistant.store import Store
from assistant.tools import TOOLS, Turn
from assistant.tools.result import Learner
from assistant.tools.writing import WORDS
from assistant.whereabouts import whereabouts
from assistant.wording import Language, wording

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

EMBEDDED = "embedded"
MODEL_CALLS, TOOL_CALLS = 10, 16
"""Most calls in one turn; a question that needs more is not going to be answered."""
STEPS = 80
"""Most steps of the graph in one turn, above what the limits on calls allow."""
PATIENCE_SECONDS = 60.0
"""How long an outside model may take for one call."""


class ModelUnavailable(ValueError):
    """The chosen language model cannot be set up; the message says why and what to do."""


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model called, and with what."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One checked answer, with everything it rests on."""

    text: str
    language: Language
    facts: list[Fact]
    """What the tools of this turn found: every number in `text` is among them or the merchant's."""
    skus: list[str]
    decision_ids: list[str]
    tool_calls: list[ToolCall]
    dropped: list[str]
    """Statements left out because a number in them had no support."""
    pending: tuple[Proposal, ...] = ()
    """Writes that wait for a yes or a no; `text` shows them and asks. Nothing of them is done."""
    failed: str | None = None
    """What went wrong with the language model, where it gave no answer; `text` says so in plain words."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


class Assistant:
    """Answers a merchant's questions about one shop; each thread is a conversation that is remembered."""

    def __init__(
        self,
        store: Store,
        *,
        model: BaseChatModel | None = None,
        pipeline: PricingPipeline | Future[PricingPipeline] | None = None,
        user: str = "merchant",
        tuning: Learner | None = None,
    ) -> None:
        """Starts to load the policy in the background.

        Parameters
        ----------
        store
            The shop. Conversations are kept beside its SQLite file.
        model
            A chat model; None for the one that PRICING_ASSISTANT_MODEL names (`chosen_model`).
        pipeline
            The policy, or another desk's `warm()`; None loads the embedded base.
        user
            Who speaks: conversations are theirs alone, and what they confirm is recorded as theirs.
        tuning
            The shop's fine-tuning, where it can be started from here.
        """
        self.desk = Desk(store, pipeline=pipeline)
        self.desk.warm()
        self._user, self._tuning = user, tuning
        self._memory = Memory(store, user)
        model = model or chosen_model()
        self._where = whereabouts(model, name_of(model))
        self._graph = graph(model, self._memory.checkpoints)

    def ask(self, text: str, *, thread: str = "default", language: Language | None = None) -> Answer:
        """Answer one message. `language` is for messages that could be in any, such as a bare SKU."""
        return _last(self.stream(text, thread=thread, language=language))

    def stream(
        self, text: str, *, thread: str = "default", language: Language | None = None
    ) -> Iterator[ToolCall | Answer]:
        """Each tool as it is called, then the answer: none of it is shown before its numbers are checked.

        Where a write waits, a message that is only a yes or a no settles it; any other message leaves it
        undone, and the answer says so.
        """
        config = self._config(thread)
        waiting = self._waiting(config)
        self._memory.said(thread, text)
        if waiting and (agreed := reply_of(text)) is not None:
            yield from self.settle(agreed, thread=thread)
            return
        note = ""
        if waiting:
            leave: Command[Any] = Command(resume=refused(waiting, "cancelled"))
            for _ in self._run(leave, config, self._turn(waiting[0].language), until="tools"):
                pass
            note = wording(waiting[0].language, WORDS)("ask.cancelled")
        turn = self._turn(self._language(text, config, language))
        yield from self._answering({"messages": [HumanMessage(text)]}, thread, turn, note=note)

    def confirm(self, thread: str = "default", *, approve: bool, reason: str | None = None) -> Answer:
        """Carry out what waits in a conversation, or leave it undone; see `settle`."""
        return _last(self.settle(approve, thread=thread, reason=reason))

    def settle(
        self, approve: bool, *, thread: str = "default", reason: str | None = None
    ) -> Iterator[ToolCall | Answer]:
        """Go on with a conversation whose last answer has something `pending`.

        Exactly what was shown is done, or nothing: where the shop changed since, the answer says so. Where
        nothing waits (two pages, a button pressed twice) nothing is done either.
        """
        config = self._config(thread)
        waiting = self._waiting(config)
        if not waiting:
            language = self._language("", config, None)
            text = wording(language, WORDS)("ask.nothing")
            yield Answer(text, language, facts=[], skus=[], decision_ids=[], tool_calls=[], dropped=[])
            return
        agreed = {it.id: it.digest for it in waiting} if approve else {}
        turn = self._turn(waiting[0].language, confirmed=agreed)
        answers = confirmed(waiting) if approve else refused(waiting, "declined", reason)
        yield from self._answering(Command(resume=answers), thread, turn)

    def pending(self, thread: str = "default") -> tuple[Proposal, ...]:
        """The writes that wait in a conversation."""
        return self._waiting(self._config(thread))

    def threads(self) -> list[Conversation]:
        """This user's conversations about this store, the last spoken in first."""
        return self._memory.threads()

    def messages(self, thread: str) -> list[AnyMessage]:
        """What was said in a conversation, calls of tools and their results included."""
        return self._messages(self._config(thread))

    def forget(self, thread: str) -> None:
        """Delete a conversation."""
        self._memory.forget(thread)

    def close(self) -> None:
        """Let go of the conversations' file."""
        self._memory.close()

    def _answering(
        self, given: dict[str, Any] | Command[Any], thread: str, turn: Turn, *, note: str = ""
    ) -> Iterator[ToolCall | Answer]:
        config = self._config(thread)
        calls: list[ToolCall] = []
        for message in self._run(given, config, turn):
            for call in message.tool_calls if isinstance(message, AIMessage) else ():
                calls.append(ToolCall(call["name"], call["args"]))
                yield calls[-1]
        waiting = self._waiting(config)
        messages = turn_of(self._messages(config))
        answer = (
            _asking(waiting, calls, turn.language) if waiting else _answer(messages, calls, turn.language)
        )
        self._memory.keep_latest(thread)
        yield replace(answer, text=f"{note}\n\n{answer.text}") if note else answer

    def _run(
        self,
        given: dict[str, Any] | Command[Any],
        config: RunnableConfig,
        turn: Turn,
        *,
        until: str | None = None,
    ) -> Iterator[AnyMessage]:
        """The messages of one run of the graph as they come, to its end or after the node `until`."""
        steps = self._graph.stream(
            given,
            config,
            context=turn,
            stream_mode="updates",
            durability="exit",  # a turn is remembered whole or not at all
            interrupt_after=[until] if until else None,
        )
        while (update := _next(steps)) is not None:
            yield from _messages(update)

    def _config(self, thread: str) -> RunnableConfig:
        return {**self._memory.config(thread), "recursion_limit": STEPS}

    def _turn(self, language: Language, *, confirmed: dict[str, str] | None = None) -> Turn:
        return Turn(
            desk=self.desk,
            language=language,
            user=self._user,
            where=self._where,
            tuning=self._tuning,
            confirmed=confirmed or {},
        )

    def _waiting(self, config: RunnableConfig) -> tuple[Proposal, ...]:
        return proposals(self._graph.get_state(config).interrupts)

    def _messages(self, config: RunnableConfig) -> list[AnyMessage]:
        messages: list[AnyMessage] = self._graph.get_state(config).values.get("messages", [])
        return messages

    def _language(self, text: str, config: RunnableConfig, preferred: Language | None) -> Language:
        from assistant.embedded.understanding import language_of

        marks = [mark for message in self._messages(config) if (mark := checked_mark(message))]
        previous = marks[-1]["language"] if marks else "en"
        return "zh" if language_of(text, preferred or previous) == "zh" else "en"


def graph(model: BaseChatModel, checkpoints: BaseCheckpointSaver) -> CompiledStateGraph[Any, Turn, Any, Any]:
    """The agent: model and tools in turn, within limits, every write confirmed and every answer checked."""
    # `Any`: the limits declare state of their own, which the types of `create_agent` cannot join.
    middleware: list[AgentMiddleware[Any, Turn, Any]] = [
        _system_prompt,
        ModelCallLimitMiddleware(run_limit=MODEL_CALLS, exit_behavior="end"),
        ToolCallLimitMiddleware(run_limit=TOOL_CALLS, exit_behavior="continue"),
        confirmation(),
        NumberCheck(name_of(model)),
    ]
    return create_agent(
        model, tools=list(TOOLS), middleware=middleware, context_schema=Turn, checkpointer=checkpoints
    )


def chosen_model() -> BaseChatModel:
    """The model that PRICING_ASSISTANT_MODEL names: `embedded` (the default), or `provider:model` as
    `init_chat_model` knows it, at PRICING_ASSISTANT_MODEL_URL where that is set.

    Raises
    ------
    ModelUnavailable
        The provider is not known, not installed, or refuses its settings.
    """
    name = os.environ.get("PRICING_ASSISTANT_MODEL") or EMBEDDED
    if name == EMBEDDED:
        from assistant.embedded import EmbeddedChatModel

        return EmbeddedChatModel()
    settings: dict[str, Any] = {"timeout": PATIENCE_SECONDS, "max_retries": 1}
    if url := os.environ.get("PRICING_ASSISTANT_MODEL_URL"):
        settings["base_url"] = url
        if name.startswith("openai:") and "OPENAI_API_KEY" not in os.environ:
            settings["api_key"] = "none"  # servers on one's own machine ask for none, the client insists
    try:
        model: BaseChatModel = init_chat_model(name, **settings)
    except Exception as error:  # each provider's client has its own errors
        raise ModelUnavailable(
            f"PRICING_ASSISTANT_MODEL={name!r} cannot be used: {error}\n"
            "Write it as provider:model, e.g. openai:gpt-5.5, install the provider "
            "(pip install 'pricing-assistant[openai]') and set its key, or unset it for the embedded model."
        ) from error
    return model


@dynamic_prompt
def _system_prompt(request: ModelRequest[Turn]) -> str:
    return prompts.load(request.runtime.context.language, "system.txt")


def name_of(model: BaseChatModel) -> str:
    """What a chat model is called, by whatever its class keeps the name in."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or model._llm_type)


def _next(steps: Iterator[Any]) -> Any | None:
    # Around each step, not around them all: a generator's caller may resume it in another context.
    with tracing_context(enabled=False):
        return next(steps, None)


def _messages(update: dict[str, Any]) -> list[AnyMessage]:
    parts = [part for part in update.values() if isinstance(part, dict)]  # an interrupt is none
    return [message for part in parts for message in part.get("messages", ())]


def _last(steps: Iterator[ToolCall | Answer]) -> Answer:
    *_, answer = steps
    assert isinstance(answer, Answer)
    return answer


def _asking(waiting: tuple[Proposal, ...], calls: list[ToolCall], language: Language) -> Answer:
    """The question that a write waits for."""
    return Answer(
        text=proposal_text(waiting, language),
        language=language,
        facts=list({fact.id: fact for it in waiting for fact in it.facts}.values()),
        skus=list(dict.fromkeys(sku for it in waiting for sku in it.skus)),
        decision_ids=list(dict.fromkeys(id for it in waiting for id in it.decision_ids)),
        tool_calls=calls,
        dropped=[],
        pending=waiting,
    )


def _answer(turn: list[AnyMessage], calls: list[ToolCall], language: Language) -> Answer:
    """The last message as an answer; one that did not come through the check ended by the limit on calls."""
    last = turn[-1]
    mark = checked_mark(last)
    artifacts = artifacts_of(turn)
    # What was only looked up on the way to something else is no part of the answer.
    results = [artifact for name, artifact in artifacts if name != "find_products" and artifact["facts"]]
    results = results or [artifact for _, artifact in artifacts]
    facts = {fact["id"]: Fact(**fact) for artifact in results for fact in artifact["facts"]}
    return Answer(
        text=last.text if mark else str(labels(language)["answer"]["limit"]),
        language=language,
        facts=list(facts.values()),
        skus=list(dict.fromkeys(sku for artifact in results for sku in artifact["skus"])),
        decision_ids=list(dict.fromkeys(id for artifact in results for id in artifact["decision_ids"])),
        tool_calls=calls,
        dropped=list(mark["dropped"]) if mark else [],
        failed=mark.get("failed") if mark else "too many steps",
    )
