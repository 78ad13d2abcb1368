"""The assistant: a LangChain agent over one shop, embedded chat model or any other, answers checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command
from langsmith import tracing_context

from assistant.confirmation import (
    Claims,
    Proposal,
    confirmed,
    proposal_text,
    proposals,
    refused,
    reply_of,
)
from assistant.deeds import told_by, with_told
from assistant.desk import Desk
from assistant.facts import Fact, labels
from assistant.graph import graph
from assistant.grounding import Cited, check
from assistant.memory import Conversation, Memory
from assistant.models import chosen_model, name_of
from assistant.number_check import artifacts_of, checked_mark, is_merchants, turn_of
from assistant.series import Series, from_json
from assistant.store import Store
from assistant.tools import Turn
from assistant.tools.result import Runner
from assistant.tools.writing import WORDS
from assistant.whereabouts import whereabouts
from assistant.wording import Language, wording

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

STEPS = 80
"""Most steps of the graph in one turn, above what the limits on calls allow."""


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
    cited: tuple[Cited, ...] = ()
    """The numbers in `text` and the fact that each states: its id among `facts`, or `merchant`."""
    series: tuple[Series, ...] = ()
    """What the tools found period by period, for figures."""
    pending: tuple[Proposal, ...] = ()
    """Writes that wait for a yes or a no; `text` shows them and asks. Nothing of them is done."""
    failed: str | None = None
    """What went wrong with the language model, where it gave no answer: `text` says so in plain words, and
    the built-in assistant answers in its place where it can."""

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
        tuning: Runner | None = None,
        reporting: Runner | None = None,
        folders: Iterable[Path] = (),
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
        reporting
            The shop's reports, where one can be made from here.
        folders
            Files in them may be imported by naming their path. Only for whoever sits at this computer.
        """
        self.desk = Desk(store, pipeline=pipeline)
        self.desk.warm()
        self._user, self._tuning, self._reporting = user, tuning, reporting
        self._folders = tuple(folders)
        self._memory = Memory(store, user)
        model = model or chosen_model()
        self._where = whereabouts(model, name_of(model))
        self._graph = graph(model, self._memory.checkpoints)
        self._claims = Claims()

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
        self._memory.said(thread, text)
        if self._waiting(config) and (agreed := reply_of(text)) is not None:
            yield from self.settle(agreed, thread=thread)
            return
        spoken = self._language(text, config, language)
        note = self._left_undone(config, spoken)
        turn = self._turn(config, spoken, said=text)
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
        with self._claims.of(lambda: self._waiting(config)) as waiting:
            if not waiting:
                language = self._language("", config, None)
                text = wording(language, WORDS)("ask.nothing")
                yield Answer(text, language, facts=[], skus=[], decision_ids=[], tool_calls=[], dropped=[])
                return
            agreed = {it.id: it.digest for it in waiting} if approve else {}
            turn = self._turn(config, waiting[0].language, confirmed=agreed)
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

    def latest(self, thread: str = "default") -> Answer | None:
        """The last answer of a conversation, with everything that it rests on; None where there is none."""
        config = self._config(thread)
        turn, waiting = turn_of(self._messages(config)), self._waiting(config)
        if waiting:
            return _asking(waiting, _calls(turn), waiting[0].language)
        mark = checked_mark(turn[-1]) if turn else None
        return _answer(turn, _calls(turn), mark["language"]) if mark else None

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
            for call in _calls([message]):
                calls.append(call)
                yield call
        waiting = self._waiting(config)
        messages = turn_of(self._messages(config))
        if waiting:
            answer = _asking(waiting, calls, turn.language)
            if turn.confirmed:  # what was agreed to before is done, and this asks for more
                note = "\n\n".join([*filter(None, [note]), *told_by(messages)])
        else:
            answer = _answer(messages, calls, turn.language)
        self._memory.keep_latest(thread)
        yield _noted(answer, note) if note else answer

    def _left_undone(self, config: RunnableConfig, language: Language) -> str:
        """Leave what waits undone, and say so in the language of what is asked instead; nothing where nothing
        waits."""
        with self._claims.of(lambda: self._waiting(config)) as waiting:
            if not waiting:
                return ""
            leave: Command[Any] = Command(resume=refused(waiting, "cancelled"))
            for _ in self._run(leave, config, self._turn(config, waiting[0].language), until="tools"):
                pass
            return wording(language, WORDS)("ask.cancelled")

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

    def _turn(
        self,
        config: RunnableConfig,
        language: Language,
        *,
        said: str = "",
        confirmed: dict[str, str] | None = None,
    ) -> Turn:
        earlier = [message.text for message in self._messages(config) if is_merchants(message)]
        return Turn(
            desk=self.desk,
            language=language,
            user=self._user,
            where=self._where,
            tuning=self._tuning,
            reporting=self._reporting,
            folders=self._folders,
            said="\n".join([*earlier, said]),
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


def _next(steps: Iterator[Any]) -> Any | None:
    # Around each step, not around them all: a generator's caller may resume it in another context.
    with tracing_context(enabled=False):
        return next(steps, None)


def _messages(update: dict[str, Any]) -> list[AnyMessage]:
    parts = [part for part in update.values() if isinstance(part, dict)]  # an interrupt is none
    return [message for part in parts for message in part.get("messages", ())]


def _calls(messages: list[AnyMessage]) -> list[ToolCall]:
    made = [call for it in messages if isinstance(it, AIMessage) for call in it.tool_calls]
    return [ToolCall(call["name"], call["args"]) for call in made]


def _last(steps: Iterator[ToolCall | Answer]) -> Answer:
    *_, answer = steps
    assert isinstance(answer, Answer)
    return answer


def _noted(answer: Answer, note: str) -> Answer:
    """The answer after a note."""
    before = f"{note}\n\n"
    moved = (replace(it, start=it.start + len(before), end=it.end + len(before)) for it in answer.cited)
    return replace(answer, text=before + answer.text, cited=tuple(moved))


def _asking(waiting: tuple[Proposal, ...], calls: list[ToolCall], language: Language) -> Answer:
    """The question that a write waits for."""
    text = proposal_text(waiting, language)
    facts = list({fact.id: fact for it in waiting for fact in it.facts}.values())
    names = [name for it in waiting for name in it.names]
    return Answer(
        text=text,
        language=language,
        facts=facts,
        cited=check(text, facts, names=names).cited,
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
        text=last.text if mark else with_told(str(labels(language)["answer"]["limit"]), turn),
        language=language,
        facts=list(facts.values()),
        skus=list(dict.fromkeys(sku for artifact in results for sku in artifact["skus"])),
        decision_ids=list(dict.fromkeys(id for artifact in results for id in artifact["decision_ids"])),
        tool_calls=calls,
        dropped=list(mark["dropped"]) if mark else [],
        cited=tuple(Cited(**it) for it in mark.get("cited", ())) if mark else (),
        series=tuple(from_json(it) for artifact in results for it in artifact.get("series", ())),
        failed=mark.get("failed") if mark else "too many steps",
    )
