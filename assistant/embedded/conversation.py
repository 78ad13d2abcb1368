"""A conversation's messages as turns: what the merchant said, which tools were called, what they returned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

NUMBER_CHECK = "number_check"
"""Name of the message with which the number check sends an answer back; not the merchant's words."""

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Product:
    """A product as the tools name it."""

    sku: str
    name: str
    currency: str | None = None


class _Object(tuple):
    """The items of an argument that is an object, so that calls can be compared."""


@dataclass(frozen=True)
class Call:
    """A tool call; two calls with the same arguments are the same call."""

    tool: str
    arguments: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, tool: str, **arguments: Any) -> Call:
        given = {key: _hashable(value) for key, value in arguments.items() if value is not None}
        return cls(tool, tuple(sorted(given.items())))

    @property
    def args(self) -> dict[str, Any]:
        """The arguments as JSON has them."""
        return {key: _plain(value) for key, value in self.arguments}


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return _Object(sorted((key, _hashable(item)) for key, item in value.items()))
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Object):
        return {key: _plain(item) for key, item in value}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@dataclass
class Turn:
    """From one message of the merchant to the next."""

    said: str
    results: dict[Call, Payload] = field(default_factory=dict)
    answer: str = ""

    @property
    def payloads(self) -> list[Payload]:
        """What the tools returned, in order."""
        return list(self.results.values())


def turns_of(messages: Sequence[BaseMessage]) -> list[Turn]:
    """Split a message list at the merchant's messages; what comes before the first is an unspoken turn."""
    turns: list[Turn] = []
    calls: dict[str, Call] = {}
    for message in messages:
        if isinstance(message, HumanMessage):
            if message.name != NUMBER_CHECK:
                turns.append(Turn(str(message.text)))
            continue
        if not turns:
            turns.append(Turn(""))
        if isinstance(message, AIMessage):
            calls |= {str(call["id"]): Call.of(call["name"], **call["args"]) for call in message.tool_calls}
            turns[-1].answer = str(message.text) or turns[-1].answer
        elif isinstance(message, ToolMessage):
            call = calls.get(message.tool_call_id, Call.of(str(message.name)))
            turns[-1].results[call] = _payload(message)
    return turns


def _payload(message: ToolMessage) -> Payload:
    """The JSON object a tool returned; any other text, and a failure, is an error with that text."""
    text = str(message.text)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and message.status != "error":
        return value
    return {"status": "error", "message": text, "foreign": message.status != "error"}


def items_of(payload: Payload) -> list[Payload]:
    """The products' records in a tool's result."""
    if isinstance(payload.get("item"), dict):
        return [payload["item"]]
    return [item for item in payload.get("items", []) if isinstance(item, dict)]


def product_of(row: Payload) -> Product:
    """The product a row of a tool's result speaks of."""
    return Product(str(row["sku"]), str(row.get("name") or row["sku"]), row.get("currency"))


def names_in(payloads: Iterable[Payload]) -> dict[str, str]:
    """Every product name and SKU in tool results, with its SKU."""
    names: dict[str, str] = {}
    for payload in payloads:
        lists = (payload.get(key) for key in ("matches", "rows", "keep", "not_priced", "gaps", "skipped"))
        rows = [row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, dict)]
        for product in (product_of(row) for row in (*items_of(payload), *rows) if row.get("sku")):
            names |= {product.sku: product.sku, product.name: product.sku}
    return names
