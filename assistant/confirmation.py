"""Writes that wait for the merchant: where the agent stops, what is shown, what counts as a yes or a no."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from langchain.agents.middleware import HumanInTheLoopMiddleware, InterruptOnConfig
from langchain.agents.middleware.types import AgentState, ToolCallRequest
from langchain_core.messages import ToolCall
from langgraph.runtime import Runtime
from langgraph.types import Interrupt
from pydantic import BaseModel

from assistant.embedded.lexicon import languages, lexicon
from assistant.facts import Fact
from assistant.tools import WRITES, Turn
from assistant.tools.writing import WORDS, Row, Staged
from assistant.wording import Language, safe, wording

_LOG = logging.getLogger(__name__)

Outcome = Literal["declined", "cancelled"]
_STAGES = {write.tool.name: write.stage for write in WRITES}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One write that waits for a yes or a no; nothing of it is done."""

    id: str
    """Of the tool call."""
    tool: str
    summary: str
    """What will be done, one sentence in Markdown."""
    rows: tuple[Row, ...]
    """What holds now and what would hold, as facts."""
    notes: tuple[str, ...]
    """What to know before agreeing."""
    facts: tuple[Fact, ...]
    """Every fact of the rows and the sentences."""
    names: tuple[str, ...]
    skus: tuple[str, ...]
    decision_ids: tuple[str, ...]
    digest: str
    """The same for writes that show and touch the same: a yes holds for this one only."""
    language: Language
    interrupt: str = ""
    """Where the graph waits."""


def confirmation() -> HumanInTheLoopMiddleware[AgentState[Any], Turn, Any]:
    """The agent stops before every write that can be staged; one that cannot goes on to say why not."""
    gate = InterruptOnConfig(allowed_decisions=["approve", "respond"], when=_is_staged, description=_shown)
    return HumanInTheLoopMiddleware(dict.fromkeys(_STAGES, gate), interrupt_mode="per_call", edit_notice=None)


def _is_staged(request: ToolCallRequest) -> bool:
    """Work the write out. Where that fails the tool fails too, in the merchant's words."""
    call, turn = request.tool_call, cast(Turn, request.runtime.context)
    turn.staged.pop(str(call["id"]), None)
    schema = request.tool.tool_call_schema if request.tool else None
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return False
    try:
        arguments = dict(schema.model_validate(call["args"]))
        turn.staged[str(call["id"])] = _STAGES[call["name"]](turn, **arguments)
    except Exception:  # the tool meets it again, says it in words, and has no yes to write with
        _LOG.info("%s could not be staged", call["name"], exc_info=True)
        return False
    return True


def _shown(tool_call: ToolCall, state: AgentState[Any], runtime: Runtime[Any]) -> str:
    """The staged write as JSON: what `proposals` reads back."""
    turn: Turn = runtime.context
    staged = turn.staged[str(tool_call["id"])]
    proposal = Proposal(
        id=str(tool_call["id"]),
        tool=tool_call["name"],
        summary=staged.summary,
        rows=tuple(staged.rows),
        notes=tuple(staged.notes),
        facts=tuple(staged.every_fact),
        names=tuple(staged.names),
        skus=tuple(staged.skus),
        decision_ids=tuple(staged.decision_ids),
        digest=staged.digest,
        language=turn.language,
    )
    return json.dumps(asdict(proposal), ensure_ascii=False)


def proposals(interrupts: Iterable[Interrupt]) -> tuple[Proposal, ...]:
    """What the graph waits for."""
    return tuple(_read(json.loads(it.value["description"]), it.id) for it in interrupts)


def _read(values: Mapping[str, Any], interrupt: str) -> Proposal:
    rows = tuple(
        Row(row["label"], *(row[side] and Fact(**row[side]) for side in ("before", "after")))
        for row in values["rows"]
    )
    facts = tuple(Fact(**fact) for fact in values["facts"])
    lists = {name: tuple(values[name]) for name in ("notes", "names", "skus", "decision_ids")}
    return Proposal(**{**values, **lists, "rows": rows, "facts": facts, "interrupt": interrupt})


class Claims:
    """Who settles what waits: of two threads (two pages, a button pressed twice) one does, once."""

    def __init__(self) -> None:
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, waiting: Callable[[], tuple[Proposal, ...]]) -> Iterator[tuple[Proposal, ...]]:
        """What waits, for this thread alone until the end; nothing where another is settling it."""
        with self._lock:
            found = waiting()
            ours = {it.interrupt for it in found}
            if not ours.isdisjoint(self._claimed):
                found, ours = (), set()
            self._claimed |= ours
        try:
            yield found
        finally:
            with self._lock:
                self._claimed -= ours


def confirmed(waiting: Sequence[Proposal]) -> dict[str, Any]:
    """What the graph resumes with where the merchant agreed."""
    return {it.interrupt: {"type": "approve"} for it in waiting}


def refused(waiting: Sequence[Proposal], outcome: Outcome, reason: str | None = None) -> dict[str, Any]:
    """What the graph resumes with where they did not: a result for each tool call in the tool's place."""
    results = {}
    for it in waiting:
        words = wording(it.language, WORDS)
        message = words("ask.declined_because", reason=reason) if reason else words("ask.declined")
        payload = {"status": outcome, "language": it.language, "message": message}
        results[it.interrupt] = {"type": "respond", "message": json.dumps(payload, ensure_ascii=False)}
    return results


def reply_of(text: str) -> bool | None:
    """Whether a message is nothing but a yes or a no, in any language; None for everything else."""
    said = " ".join(text.lower().split())
    for language in languages():
        words = lexicon(language)
        if words.yes.fullmatch(said):
            return True
        if words.no.fullmatch(said):
            return False
    return None


def proposal_text(waiting: Sequence[Proposal], language: Language) -> str:
    """What is asked of the merchant, in Markdown. No language model words it."""
    words = wording(language, WORDS)
    if len(waiting) == 1:
        parts = [words("ask.one", summary=waiting[0].summary), *details(waiting[0], language)]
    else:
        parts = [words("ask.many")]
        for it in waiting:
            parts += [it.summary, *details(it, language)]
    return "\n\n".join([*parts, words("ask.question")])


def details(it: Proposal | Staged, language: Language) -> list[str]:
    """The difference that a write makes, and what to know of it, in Markdown."""
    words = wording(language, WORDS)
    parts = []
    if it.rows:
        head = "| " + " | ".join(words.several("ask.columns")) + " |"
        rule = "|---|---:|---:|"
        none = words("ask.none")
        body = [
            "| "
            + " | ".join([safe(row.label), *(safe(s.value) if s else none for s in (row.before, row.after))])
            + " |"
            for row in it.rows
        ]
        parts.append("\n".join([head, rule, *body]))
    if it.notes:
        parts.append("\n".join(f"- {note}" for note in it.notes))
    return parts
