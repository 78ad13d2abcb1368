"""What every tool shares: the turn it runs in, the report it gives, errors as words a merchant can use."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

from langchain.tools import ToolRuntime
from pydantic import Field

from assistant.adapters import adapter_error_text
from assistant.desk import Desk, DeskError
from assistant.facts import Fact, labels, question_text
from assistant.series import Series, to_json
from assistant.store.database import StoreError
from assistant.tools.staged import Staged
from assistant.whereabouts import Whereabouts
from assistant.wording import Language

if TYPE_CHECKING:
    from assistant.background import Run
    from policy.decision.standing import Standing

_LOG = logging.getLogger(__name__)


@runtime_checkable
class Runner(Protocol):
    """What this program can run beside the chat (`assistant.background.Background`)."""

    @property
    def run(self) -> Run | None:
        """What goes on or was the last."""
        ...

    def start(self, language: Language) -> bool:
        """Start, or go on; False where it goes on already."""
        ...

    def stop(self) -> None:
        """End what goes on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the tools know of the turn besides their arguments."""

    desk: Desk
    language: Language
    """Of the facts."""
    user: str = "merchant"
    """Who asks, in the store's records."""
    where: Whereabouts | None = None
    """Which chat model answers; None where nobody said."""
    tuning: Runner | None = None
    """Fine-tuning on the shop's sales."""
    reporting: Runner | None = None
    """Price reports of the shop."""
    folders: tuple[Path, ...] = ()
    """Whose files the merchant may have read; none where whoever writes may sit at another computer."""
    said: str = ""
    """The merchant's messages of this conversation."""
    confirmed: Mapping[str, str] = field(default_factory=dict)
    """What the merchant agreed to: digests of staged writes by the ids of their tool calls."""
    staged: dict[str, Staged] = field(default_factory=dict)
    """Writes worked out in this run of the graph, by the ids of their tool calls."""


Runtime = ToolRuntime[Turn, Any]
Result = tuple[str, dict[str, Any]]
"""JSON for the model, and an artifact for the number check and the answer: facts, names, SKUs, ids."""

Sku = Annotated[str, Field(description="Exact SKU, as find_products gives it.", min_length=1, max_length=200)]


@dataclass(frozen=True)
class Report:
    """What a tool found: JSON for the model, and what the words about it may use."""

    payload: dict[str, Any]
    facts: Sequence[Fact] = ()
    names: Sequence[str] = ()
    """Names and SKUs in the payload: digits inside them are no figures."""
    products: Mapping[str, str] = field(default_factory=dict)
    """Name by SKU of the products in the payload: a number said of one must be that one's."""
    skus: Sequence[str] = ()
    decision_ids: Sequence[str] = ()
    series: Sequence[Series] = ()
    """What a figure draws of it."""


def run(runtime: Runtime, report: Callable[[Desk, Language], Report]) -> Result:
    """The report as JSON and artifact; what goes wrong becomes a message that a merchant can act on."""
    desk, language = runtime.context.desk, runtime.context.language
    quotable: str | None = None
    try:
        result = report(desk, language)
    except Exception as error:
        code, message = explained(error, language)
        result = Report({"status": "error", "code": code, "message": message})
        if code == "unknown_sku":  # made up by the model, perhaps: its digits support no number
            quotable = DeskError(code, sku="").message(language)
    payload = {"status": result.payload["status"], "language": language} | result.payload
    artifact = {
        "facts": [fact.to_dict() for fact in result.facts],
        "names": list(dict.fromkeys([*result.names, *result.decision_ids])),
        "products": dict(result.products),
        "skus": list(result.skus),
        "decision_ids": list(result.decision_ids),
        "series": [to_json(it) for it in result.series],
        "messages": [quotable or payload["message"]] if payload["status"] == "error" else [],
    }
    return json.dumps(payload, ensure_ascii=False, allow_nan=False), artifact


def explained(error: Exception, language: Language) -> tuple[str, str]:
    """The code of what went wrong, and a message that a merchant can act on; what is a fault of ours is
    logged."""
    from assistant.store.importing import error_text
    from policy.decision.given import QuestionError
    from policy.history import HistoryError
    from policy.model.adapter_files import AdapterError

    match error:
        case DeskError():
            return error.code, error.message(language)
        case QuestionError():
            return error.code, question_text(error, language)
        case HistoryError():
            return "history", error_text(error, language)
        case StoreError():
            return "store", str(error)
        case AdapterError():
            return "adapter", adapter_error_text(error, language)
    _LOG.error("A tool failed", exc_info=error)
    message = str(labels(language)["errors"]["policy_failed"]).format(error=type(error).__name__)
    return "policy_failed", message


class Named(Protocol):
    """A record of one product in one outlet."""

    @property
    def sku(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def store(self) -> str | None: ...


def about_one(it: Named) -> dict[str, Any]:
    """What a `Report` on one product says of it beside its payload."""
    return {
        "names": [text for text in (it.name, it.sku, it.store) if text],
        "products": {it.sku: it.name or it.sku},
        "skus": [it.sku],
    }


def values_of(facts: Iterable[Fact]) -> dict[str, str]:
    """What a payload quotes: the formatted value of each key."""
    return {fact.key: fact.value for fact in facts}


def of_products(
    desk: Desk, standings: Mapping[tuple[str, str | None], Standing], skus: Sequence[str] | None
) -> list[Standing]:
    """Those of these SKUs, in every outlet, or all. Raises `DeskError` for an unknown SKU."""
    if not skus:
        return list(standings.values())
    known, unknown = desk.known(skus)
    if unknown:
        raise DeskError("unknown_sku", sku=", ".join(unknown))
    return [it for it in standings.values() if it.sku in known]
