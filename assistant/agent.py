"""The assistant: a LangChain agent over one shop, embedded chat model or any other, answers checked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
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
from langgraph.checkpoint.sqlite import SqliteSaver
from langsmith import tracing_context

import prompts
from assistant.desk import Desk
from assistant.facts import Fact, labels
from assistant.number_check import NumberCheck, artifacts_of, checked_mark, turn_of
from assistant.store import Store, data_home
from assistant.tools import TOOLS, Turn
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

EMBEDDED = "embedded"
MEMORY_FILE = "conversations.sqlite"
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
        """
        self.desk = Desk(store, pipeline=pipeline)
        self.desk.warm()
        model = model or chosen_model()
        self._memory = sqlite3.connect(_memory_file(store), check_same_thread=False)
        self._checkpoints = SqliteSaver(self._memory)
        # `Any`: the limits declare state of their own, which the types of `create_agent` cannot join.
        middleware: list[AgentMiddleware[Any, Turn, Any]] = [
            _system_prompt,
            ModelCallLimitMiddleware(run_limit=MODEL_CALLS, exit_behavior="end"),
            ToolCallLimitMiddleware(run_limit=TOOL_CALLS, exit_behavior="continue"),
            NumberCheck(name_of(model)),
        ]
        self._graph = create_agent(
            model,
            tools=list(TOOLS),
            middleware=middleware,
            context_schema=Turn,
            checkpointer=self._checkpoints,
        )

    def ask(self, text: str, *, thread: str = "default", language: Language | None = None) -> Answer:
        """Answer one message. `language` is for messages that could be in any, such as a bare SKU."""
        *_, answer = self.stream(text, thread=thread, language=language)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self, text: str, *, thread: str = "default", language: Language | None = None
    ) -> Iterator[ToolCall | Answer]:
        """Each tool as it is called, then the answer: none of it is shown before its numbers are checked."""
        config: RunnableConfig = {"configurable": {"thread_id": thread}, "recursion_limit": STEPS}
        spoken = self._language(text, config, language)
        steps = self._graph.stream(
            {"messages": [HumanMessage(text)]},
            config,
            context=Turn(self.desk, spoken),
            stream_mode="updates",
            durability="exit",  # a turn is remembered whole or not at all
        )
        calls: list[ToolCall] = []
        while (update := _next(steps)) is not None:
            for message in _messages(update):
                for call in message.tool_calls if isinstance(message, AIMessage) else ():
                    calls.append(ToolCall(call["name"], call["args"]))
                    yield calls[-1]
        answer = _answer(turn_of(self._thread(config)), calls, spoken)
        self._keep_latest(thread)
        yield answer

    def messages(self, thread: str) -> list[AnyMessage]:
        """What was said in a conversation, calls of tools and their results included."""
        return self._thread({"configurable": {"thread_id": thread}})

    def forget(self, thread: str) -> None:
        """Delete a conversation."""
        self._checkpoints.delete_thread(thread)

    def close(self) -> None:
        """Let go of the conversations' file."""
        self._memory.close()

    def _keep_latest(self, thread: str) -> None:
        """Drop the conversation's earlier states: each holds all messages up to it, and nobody goes back."""
        with self._checkpoints.cursor() as cursor:
            for table in ("checkpoints", "writes"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < "
                    "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)",
                    (thread, thread),
                )

    def _thread(self, config: RunnableConfig) -> list[AnyMessage]:
        messages: list[AnyMessage] = self._graph.get_state(config).values.get("messages", [])
        return messages

    def _language(self, text: str, config: RunnableConfig, preferred: Language | None) -> Language:
        from assistant.embedded.understanding import language_of

        marks = [mark for message in self._thread(config) if (mark := checked_mark(message))]
        previous = marks[-1]["language"] if marks else "en"
        return "zh" if language_of(text, preferred or previous) == "zh" else "en"


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
    """What a chat model is called."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or model._llm_type)


def _memory_file(store: Store) -> Path:
    """Beside the store's SQLite file; in the data folder where the store is a server's."""
    place = Path(store.place)
    folder = place.parent if place.is_file() else data_home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / MEMORY_FILE


def _next(steps: Iterator[Any]) -> Any | None:
    # Around each step, not around them all: a generator's caller may resume it in another context.
    with tracing_context(enabled=False):
        return next(steps, None)


def _messages(update: dict[str, Any]) -> list[AnyMessage]:
    return [message for part in update.values() if part for message in part.get("messages", ())]


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
