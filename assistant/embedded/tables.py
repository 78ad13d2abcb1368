"""Markdown tables of several products, and of one product at several prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.embedded.conversation import Payload
from assistant.embedded.sentences import Sentences, values_of

PRICES = ("name", "current_price", "suggested", "change", "gain", "gain_range", "confidence", "note")
APART = ("name", "current_price", "suggested", "gain", "units", "margin", "elasticity", "note")
NOW = ("name", "current_price", "suggested", "gain", "units_keep", "profit_keep", "margin_keep", "elasticity",
       "cover", "note")  # fmt: skip
"""Columns, by what `_cells` calls them."""


def price_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product: price now, suggested price, what it is worth against keeping."""
    return _table(items, "table.price", PRICES, words)


def compare_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product, with what sets them apart."""
    return _table(items, "table.compare", APART, words)


def compared_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product at the price now, with what stock there is."""
    return _table(items, "compare.columns", NOW, words)


def _table(items: Sequence[Payload], head: str, columns: Sequence[str], words: Sentences) -> str:
    period = words.label("period", str(items[0].get("period") or "week")) if items else ""
    rows = [[cells.get(column) for column in columns] for cells in (_cells(item, words) for item in items)]
    return markdown(words.cells(head, period=period), rows, words)


def _cells(item: Payload, words: Sentences) -> dict[str, Any]:
    """A product's facts, with what depends on whether its price is to move."""
    values = values_of(item, words)
    if item.get("direction") in ("raise", "cut"):
        moved = {"suggested": values.get("price")}
        kind = "take"
    else:
        kept = None if item.get("abstained") else words.say("table.keep")
        moved = {"suggested": kept, "change": None, "gain": None, "gain_range": None}
        kind = "keep"
    moved |= {"units": values.get(f"units_{kind}"), "margin": values.get(f"margin_{kind}")}
    if item.get("abstained"):
        moved["confidence"] = None
    return values | moved | {"note": _note(item, words)}


def what_if_table(items: Sequence[Payload], words: Sentences) -> list[str]:
    """Paragraphs: a title and a table for each product, the price now in the first row."""
    paragraphs = []
    for sku in dict.fromkeys(item["sku"] for item in items):
        same = [item for item in items if item["sku"] == sku]
        first = values_of(same[0], words)
        now = words.say("what_if.now", current_price=first["current_price"])
        keep = [first.get(f"{key}_keep") for key in ("units", "revenue", "profit", "margin")]
        rows = [[now, keep[0], first.get("units_keep_range"), *keep[1:], None, None]]
        for item in same:
            values = values_of(item, words)
            take = [values.get(f"{key}_take") for key in ("revenue", "profit", "margin")]
            gain = [values.get("gain"), values.get("gain_range")]
            rows.append(
                [values["price"], values.get("units_take"), values.get("units_take_range"), *take, *gain]
            )
        paragraphs += [
            words.say("what_if.title", first),
            markdown(words.cells("table.what_if"), rows, words),
        ]
    return paragraphs


def _note(item: Payload, words: Sentences) -> str | None:
    if item.get("stock_state") == "sold_out":
        return words.say("compare.sold_out")
    if item.get("abstained"):
        return words.say("table.no_suggestion", reason=words.label("abstained", str(item["abstained"])))
    if "cost_missing" in item.get("cautions", ()):
        return words.say("table.revenue")
    rule = item.get("binding_rule")
    return words.say("table.rule", rule=words.label("rules", str(rule))) if rule else None


def markdown(head: Sequence[str], rows: Sequence[Sequence[Any]], words: Sentences) -> str:
    """A Markdown table without the columns that have nothing in any row."""
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    none = words.say("table.none")
    lines = [
        [head[i] for i in kept],
        ["---"] * len(kept),
        *([str(row[i] or none) for i in kept] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
