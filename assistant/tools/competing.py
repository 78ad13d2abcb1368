"""Where the shop's prices stand against the competitor's."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.shop_facts import counted, position_facts
from assistant.tools.pricing import MOST_ITEMS
from assistant.tools.result import Report, Result, Runtime, Sku, of_products, run, values_of
from assistant.wording import Language

MOST_NAMES = 30
"""Longest lists that a result holds; the counts beside them are of everything."""


@tool(response_format="content_and_artifact")
def competitors(
    runtime: Runtime,
    skus: Annotated[
        list[Sku] | None, Field(description="Exact SKUs; none for the whole shop.", max_length=MOST_ITEMS)
    ] = None,
) -> Result:
    """Own prices against the competitor's price on record: position, gap, the date of that price.

    `position`: above, level (within 1 %) or below the competitor. `stale`: that price is out of date.
    `unknown`: products with no competitor's price on record. There is one such price a product; who asks it,
    and whether it is for the same thing, the records do not say. Dearest products first.
    Example: {"status": "ok", "language": "en", "facts": {"known": "5", "above": "3", "level": "0", "below":
    "2", "unknown": "16", "stale": "0"}, "rows": [{"sku": "MUG-TRV-500", "name": "Travel Mug 500 ml Steel",
    "position": "above", "stale": false, "facts": {"current_price": "$24.99", "competitor_price": "$22.90",
    "price_index": "109.1%", "price_gap": "+9.1%", "competitor_date": "Nov 16, 2026"}}], "unknown": [{"sku":
    "PAN-28", "name": "Cast Iron Pan 28 cm"}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        every = of_products(desk, desk.records.standings(), skus)
        known = [it for it in every if it.price_index is not None]
        known.sort(key=lambda it: -(it.price_index or 0.0))
        unknown = [it for it in every if it.price_index is None]
        counts = {
            position: sum(it.position == position for it in known) for position in ("above", "level", "below")
        }
        counts |= {
            "known": len(known),
            "unknown": len(unknown),
            "stale": sum(it.competitor_stale for it in known),
        }
        facts = counted("competitors", counts, language)
        rows: list[dict[str, Any]] = []
        totals = values_of(facts)
        for it in known[:MOST_NAMES]:
            own = position_facts(it, language)
            facts += own
            rows.append(
                {
                    "sku": it.sku,
                    "name": it.name or it.sku,
                    "store": it.store,
                    "position": it.position,
                    "stale": it.competitor_stale,
                    "facts": values_of(own),
                }
            )
        payload = {
            "status": "ok",
            "facts": totals,
            "rows": rows,
            "unknown": [{"sku": it.sku, "name": it.name or it.sku} for it in unknown[:MOST_NAMES]],
        }
        shown = [*known[:MOST_NAMES], *unknown[:MOST_NAMES]]
        names = [text for it in shown for text in (it.name, it.sku, it.store) if text]
        return Report(payload, facts, names=names, skus=[it.sku for it in known[:MOST_NAMES]])

    return run(runtime, report)
