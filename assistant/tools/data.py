"""What the shop's data lacks, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from assistant.data_gaps import GAPS, Gap, gaps_of
from assistant.desk import Decision, Desk
from assistant.facts import labels
from assistant.shop_facts import counted, evidence_facts, revenue_facts, span_facts
from assistant.tools.pricing import MOST_ITEMS, names_of
from assistant.tools.result import Report, Result, Runtime, Sku, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.standing import Standing

MOST_NAMES = 30


@tool(response_format="content_and_artifact")
def data_quality(
    runtime: Runtime,
    skus: Annotated[
        list[Sku] | None, Field(description="Exact SKUs; none for the whole shop.", max_length=MOST_ITEMS)
    ] = None,
) -> Result:
    """What is missing in the sales data, what it blocks, what would fix it, and how much revenue it concerns.

    `revenue_concerned` is the expected revenue of these products at their present prices: an upper bound of
    what is at stake, not a gain. What fixing is worth in profit cannot be known before it is fixed.
    Example: {"status": "ok", "language": "en", "facts": {"products": "21", "first_date": "Nov 25, 2024",
    "last_date": "Nov 16, 2026", "history": "104 weeks"}, "issues": [{"code": "cost_missing", "label": "the
    unit cost is missing", "blocks": "profit and margin; the price aims at revenue", "fix": "add the unit
    cost", "facts": {"count": "1", "revenue_concerned": "$419"}, "products": [{"sku": "PAN-28", "name":
    "Cast Iron Pan 28 cm"}]}], "products": [{"sku": "PAN-28", "name": ..., "issues": ["cost_missing"],
    "facts": {"history": "104 weeks", "price_changes": "28", "tried_range": "..."}}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        decisions = desk.recommend(skus) if skus else desk.overview()
        standings = desk.records.standings()
        words = labels(language)["issues"]
        stocked = any(it.stock is not None for it in standings.values())
        watched = any(it.competitor_price is not None for it in standings.values())
        lacking = {
            decision.id: _issues(decision, standings[_key(decision)], stocked=stocked, watched=watched)
            for decision in decisions
        }
        shown = [standings[_key(decision)] for decision in decisions]
        facts = [
            *counted("data", {"products": len(decisions)}, language),
            *span_facts(shown, language),
        ]
        totals = values_of(facts)
        issues: list[dict[str, Any]] = []
        for code in GAPS:
            found = [decision.recommendation for decision in decisions if code in lacking[decision.id]]
            if not found:
                continue
            subject = f"data.{code}"
            own = [
                *counted(subject, {"count": len(found)}, language),
                *revenue_facts(subject, found, language),
            ]
            facts += own
            issues.append(
                {
                    "code": code,
                    **{part: words[code][part] for part in ("label", "blocks", "fix")},
                    "facts": values_of(own),
                    "products": [{"sku": it.sku, "name": it.name or it.sku} for it in found[:MOST_NAMES]],
                }
            )
        products: list[dict[str, Any]] = []
        for decision in decisions if skus else ():
            own = evidence_facts(standings[_key(decision)], language)
            facts += own
            it = decision.recommendation
            row = {"sku": it.sku, "name": it.name or it.sku, "issues": lacking[decision.id]}
            products.append(row | {"facts": values_of(own)})
        payload = {"status": "ok", "facts": totals, "issues": issues, "products": products}
        named = [decision.recommendation for decision in decisions]
        concerned = {product["sku"] for issue in issues for product in issue["products"]}
        about = [it.sku for it in named if skus or it.sku in concerned]
        return Report(payload, facts, names=names_of(named), skus=about)

    return run(runtime, report)


def _key(decision: Decision) -> tuple[str, str | None]:
    return decision.recommendation.sku, decision.recommendation.store


def _issues(decision: Decision, standing: Standing, *, stocked: bool, watched: bool) -> list[Gap]:
    """What one product's records lack. A column that no product has is not counted product by product:
    `stocked` and `watched` are whether any has stock, and a competitor's price."""
    return gaps_of(decision.recommendation, standing, stocked=stocked, watched=watched)
