"""Markdown tables of several products, and of one product at several prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.embedded.conversation import Payload
from assistant.embedded.sentences import Sentences, values_of


def price_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product: price now, suggested price, what it is worth against keeping."""
    rows = []
    for item in items:
        values = values_of(item, words)
        moves = item.get("direction") in ("raise", "cut")
        suggested = (
            values.get("price") if moves else None if item.get("abstained") else words.say("table.keep")
        )
        gain = (values.get("gain"), values.get("gain_range")) if moves else (None, None)
        confidence = None if item.get("abstained") else values.get("confidence")
        change = values.get("change") if moves else None
        rows.append(
            [
                values["name"],
                values.get("current_price"),
                suggested,
                change,
                *gain,
                confidence,
                _note(item, words),
            ]
        )
    return markdown(words.cells("table.price", period=_period(items, words)), rows, words)


def compare_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product, with what sets them apart."""
    rows = []
    for item in items:
        values = values_of(item, words)
        moves = item.get("direction") in ("raise", "cut")
        suggested = (
            values.get("price") if moves else None if item.get("abstained") else words.say("table.keep")
        )
        kind = "take" if moves else "keep"
        units, margin = values.get(f"units_{kind}"), values.get(f"margin_{kind}")
        gain, elasticity = values.get("gain") if moves else None, values.get("elasticity")
        rows.append(
            [
                values["name"],
                values.get("current_price"),
                suggested,
                gain,
                units,
                margin,
                elasticity,
                _note(item, words),
            ]
        )
    return markdown(words.cells("table.compare", period=_period(items, words)), rows, words)


def compared_table(items: Sequence[Payload], words: Sentences) -> str:
    """One row a product at the price now, with what stock there is."""
    rows = []
    for item in items:
        values = values_of(item, words)
        moves = item.get("direction") in ("raise", "cut")
        suggested = (
            values.get("price") if moves else None if item.get("abstained") else words.say("table.keep")
        )
        gain = values.get("gain") if moves else None
        keys = ("units_keep", "profit_keep", "margin_keep", "elasticity", "cover")
        note = words.say("compare.sold_out") if item.get("stock_state") == "sold_out" else _note(item, words)
        now = [values.get(key) for key in keys]
        rows.append([values["name"], values.get("current_price"), suggested, gain, *now, note])
    return markdown(words.cells("compare.columns", period=_period(items, words)), rows, words)


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
    if item.get("abstained"):
        return words.say("table.no_suggestion", reason=words.label("abstained", str(item["abstained"])))
    if "cost_missing" in item.get("cautions", ()):
        return words.say("table.revenue")
    rule = item.get("binding_rule")
    return words.say("table.rule", rule=words.label("rules", str(rule))) if rule else None


def _period(items: Sequence[Payload], words: Sentences) -> str:
    return words.label("period", str(items[0].get("period") or "week")) if items else ""


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
