"""How buyers answer to price, of some products or of the whole shop, with what that rests on."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk
from assistant.shop_facts import counted, evidence_facts, sensitivity_facts
from assistant.tools.pricing import MOST_ITEMS, demand, names_of
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

GROUPS = ("inelastic", "unclear", "elastic", "unknown")
MOST_ROWS = 40


@tool(response_format="content_and_artifact")
def elasticity(
    runtime: Runtime,
    skus: Annotated[
        list[Sku] | None, Field(description="Exact SKUs; none for the whole shop.", max_length=MOST_ITEMS)
    ] = None,
) -> Result:
    """How strongly units react to price, with the 80 % interval and the evidence: how often the price
    changed, between which prices, over how long. The whole shop where `skus` is empty.

    `group`: inelastic (units fall by less than the price rises, in the whole interval: a price can rise with
    little loss), elastic (by more), unclear (the interval allows both), unknown (nothing can be said, see
    `reason`). `response` is what a price 1 % higher (`response_of`) does to units.
    Example: {"status": "ok", "language": "en", "facts": {"inelastic": "0", "unclear": "14", "elastic": "4",
    "unknown": "3"}, "rows": [{"sku": "CHG-65W", "name": "65W USB-C Charger", "group": "unclear", "reason":
    null, "facts": {"current_price": "$34.90", "elasticity": "-1.4", "elasticity_range": "-2.7 to -0.7",
    "response": "-1.4%", "response_of": "+1%", "price_changes": "26", "tried_range": "$26.00 to $38.00",
    "history": "104 weeks"}}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        decisions = desk.recommend(skus) if skus else desk.overview()
        standings = desk.records.standings()
        rows: list[dict[str, Any]] = []
        facts = []
        for decision in decisions:
            it = decision.recommendation
            own = sensitivity_facts(it, language)
            own += evidence_facts(standings[it.sku, it.store], language)
            rows.append(
                {
                    "sku": it.sku,
                    "name": it.name or it.sku,
                    "store": it.store,
                    "period": it.period,
                    "group": demand(it.elasticity) or "unknown",
                    "reason": it.abstained if it.elasticity is None else None,
                    "remedies": list(it.remedies),
                    "facts": values_of(own),
                }
            )
            facts += own
        rows.sort(key=lambda row: GROUPS.index(row["group"]))
        counts = {group: sum(row["group"] == group for row in rows) for group in GROUPS}
        totals = counted("elasticity", counts, language)
        payload = {"status": "ok", "facts": values_of(totals), "rows": rows[:MOST_ROWS]}
        named = [decision.recommendation for decision in decisions]
        return Report(payload, [*totals, *facts], names=names_of(named), skus=[it.sku for it in named])

    return run(runtime, report)
