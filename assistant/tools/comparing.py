"""Several products side by side."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.shop_facts import stock_facts
from assistant.tools.pricing import about, items_of
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

MOST_COMPARED = 12


@tool(response_format="content_and_artifact")
def compare(
    skus: Annotated[list[Sku], Field(description="Exact SKUs.", min_length=2, max_length=MOST_COMPARED)],
    runtime: Runtime,
) -> Result:
    """Put products side by side: price now and suggested, units, profit, margin, elasticity, and how long
    the stock lasts at the present pace. To compare prices of one product call what_if for each.

    `most_profit`: which is expected to make the most profit at the prices now. Each product is calculated on
    its own: what one's price does to another's sales is not modelled.
    Example: {"status": "ok", "language": "en", "items": [{... as in recommend ..., "stock_state": null,
    "facts": {..., "stock": "420", "pace": "36", "cover": "12 weeks"}}, ...], "most_profit": "MUG-CER-350W"}
    """

    def report(desk: Desk, language: Language) -> Report:
        decisions = desk.recommend(skus)
        standings = desk.records.standings()
        items, facts = items_of(decisions, language)
        for item in items:
            it = standings[item["sku"], item["store"]]
            own = stock_facts(it, language)
            item["facts"] |= values_of(own)
            item["stock_state"] = it.stock_state
            facts += own
        profits: dict[str, float] = {
            it.sku: it.keep.profit.mean
            for it in (decision.recommendation for decision in decisions)
            if it.keep is not None and it.keep.profit is not None
        }
        payload: dict[str, Any] = {"status": "ok", "items": items}
        if len(profits) > 1:
            payload["most_profit"] = max(profits.items(), key=lambda pair: pair[1])[0]
        return Report(payload, facts, **about(decisions))

    return run(runtime, report)
