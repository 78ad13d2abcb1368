"""Plays questions against a demo shop made for it, one conversation a question."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pandas as pd
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from assistant.agent import Assistant
from assistant.confirmation import Proposal
from assistant.desk import Desk
from assistant.evaluation.questions import Question
from assistant.evaluation.score import Limit, Played, ToolUse
from assistant.facts import Fact
from assistant.number_check import material_of, turn_of
from assistant.store import Store
from assistant.store.demo import create_demo
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.pipeline import PricingPipeline

RECORDING = "decisions_saved"
"""The only thing that a question may write to the shop: which prices were suggested."""


NEW_SALES = "sales.csv"
"""A file that questions may ask to import."""


class _Waiting:
    """Fine-tuning and reports that can be asked for and never begin: nothing is confirmed here."""

    run = None

    def start(self, language: Language) -> bool:
        raise AssertionError("something was started without a yes")

    def stop(self) -> None:
        """There is nothing to end."""


class DemoShop:
    """A demo shop and its assistant in a folder of their own, made anew once something was written to it."""

    def __init__(
        self,
        model: BaseChatModel,
        *,
        pipeline: PricingPipeline | Future[PricingPipeline] | None = None,
    ) -> None:
        self._model, self._pipeline = model, pipeline
        self._open()

    def _open(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="demo-shop-")
        place = Path(self._folder.name)
        # By its address: the shop that the surroundings name is the merchant's.
        self._store = Store.open(url=f"sqlite:///{place / 'shop.sqlite'}", home=place)
        create_demo(self._store)
        files = place / "files"
        files.mkdir()
        _new_sales(self._store).to_csv(files / NEW_SALES, index=False)
        self._assistant = Assistant(
            self._store,
            model=self._model,
            pipeline=self._pipeline,
            tuning=_Waiting(),
            reporting=_Waiting(),
            folders=[files],
        )
        self._pipeline = self._assistant.desk.warm()
        self._pipeline.result()  # the wait for the policy is no question's latency
        products = self._store.products()
        named = [(it.sku, it.name, *it.aliases) for it in products]
        self.names = tuple(name for names in named for name in names if name)
        self.limits = _limits(self._assistant.desk)
        self._changes = self._audited()

    def close(self) -> None:
        """Let go of the shop and delete it."""
        self._assistant.close()
        self._store.close()
        self._folder.cleanup()

    def play(self, question: Question) -> Played:
        """Ask the earlier messages and the question in one conversation; what became of the last."""
        thread = question.id
        for message in question.before:
            self._assistant.ask(message, thread=thread)
        before = self._audited()
        start = perf_counter()
        answer = self._assistant.ask(question.text, thread=thread)
        seconds = perf_counter() - start
        messages = self._assistant.messages(thread)
        material = material_of(messages)
        proposed = [name for it in answer.pending for name in it.names]
        played = Played(
            text=answer.text,
            seconds=seconds,
            uses=tuple(tool_uses(turn_of(messages), {it.id: it for it in answer.pending})),
            said=material.said,
            names=tuple(dict.fromkeys([*self.names, *material.names, *proposed])),
            pending=bool(answer.to_dict().get("pending")),
            written=tuple(self._audited()[len(before) :]),
            dropped=tuple(answer.dropped),
            failed=answer.failed,
        )
        if self._audited() != self._changes:  # the next question finds the shop as it was
            self.close()
            self._open()
        else:
            self._assistant.forget(thread)
        return played

    def _audited(self) -> list[str]:
        """What was done to the shop, oldest first, prices suggested aside."""
        entries = self._store.audit(limit=sys.maxsize)
        return [entry.action for entry in reversed(entries) if entry.action != RECORDING]


def tool_uses(turn: list[AnyMessage], waiting: Mapping[str, Proposal] | None = None) -> list[ToolUse]:
    """The calls of a turn with their results; of one that waits for a yes, what was shown of it."""
    results: dict[str, Any] = {
        message.tool_call_id: message for message in turn if isinstance(message, ToolMessage)
    }
    uses = []
    for message in turn:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            result = results.get(str(call["id"]))
            artifact = result.artifact if result and isinstance(result.artifact, dict) else {}
            shown = (waiting or {}).get(str(call["id"]))
            uses.append(
                ToolUse(
                    name=call["name"],
                    arguments=call["args"],
                    skus=tuple(artifact.get("skus", ())),
                    facts=shown.facts if shown else tuple(Fact(**it) for it in artifact.get("facts", ())),
                    error=result is not None and (result.status == "error" or bool(artifact.get("messages"))),
                )
            )
    return uses


def _new_sales(store: Store) -> pd.DataFrame:
    """The last period as it is and one more, and of one product that the shop has not."""
    history = store.history()
    days = history["date"].drop_duplicates().nlargest(2)
    last = history[history["date"] == days.max()]
    following = last.assign(date=days.max() + (days.max() - days.min()))
    new = following.head(1).assign(sku="COA-CORK-4", name="Cork Coasters")
    return pd.concat([last, following, new], ignore_index=True)


def _limits(desk: Desk) -> dict[str, Limit]:
    """What holds for each product as the shop stands."""
    rules = desk.store.rules_for()
    now = desk.pipeline.circumstances(desk.history(), rules=rules)
    return {sku: Limit(rules=rules[sku], now=of) for (_, sku), of in now.items()}
