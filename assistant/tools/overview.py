"""The whole shop at once."""

from __future__ import annotations

from collections import Counter

from langchain_core.tools import tool

from assistant.desk import Decision, Desk
from assistant.facts import counts_facts, direction, gain_total_facts
from assistant.tools.pricing import about, items_of, named, names_of, products_of
from assistant.tools.result import Report, Result, Runtime, run, values_of
from assistant.wording import Language

MOST_ROWS = 10
MOST_NAMES = 20
"""Longest lists that a result holds; the counts beside them are of everything."""


@tool(response_format="content_and_artifact")
def catalogue_overview(runtime: Runtime) -> Result:
    """The whole shop: counts, the changes worth most, products to keep, products without a suggestion and
    why, and gaps in the data. Also for "which products ..." and "what is missing" questions.

    Example: {"status": "ok", "language": "en", "period": "week", "facts": {"products": "21", "priced":
    "16", "raise": "6", "cut": "4", "keep": "6", "not_priced": "5", "gain_profit_total": "+$310"}, "rows":
    [{... as in recommend ...}], "keep": [{"sku": "KET-10", "name": "Electric Kettle 1.0 L"}],
    "not_priced": [{"sku": "KNF-SET5", "name": "Knife Set 5 pc", "reason": "price_never_varied"}], "gaps":
    [{"sku": "PAN-28", "name": "Cast Iron Pan", "reason": "cost_missing"}]}
    """
    return run(runtime, _overview)


def _overview(desk: Desk, language: Language) -> Report:
    decisions = desk.overview()
    every = [decision.recommendation for decision in decisions]
    moves: dict[str, list[Decision]] = {"raise": [], "cut": [], "keep": [], "not_priced": []}
    for decision in decisions:
        it = decision.recommendation
        moves["not_priced" if it.abstained else direction(it.current_price, it.price, it.currency)].append(
            decision
        )
    gaps = [(it, it.abstained) for it in every if it.abstained]
    gaps += [(it, "cost_missing") for it in every if it.unit_cost is None and it.abstained != "cost_missing"]
    counts = {"products": len(every), "priced": len(every) - len(moves["not_priced"])}
    counts |= {move: len(those) for move, those in moves.items()}
    facts = [*counts_facts("overview", counts, language), *gain_total_facts(every, language)]
    totals = values_of(facts)
    for reason, number in Counter(reason for _, reason in gaps).items():
        facts.extend(counts_facts("overview", {f"gap.{reason}": number}, language))
    moving = [it for it in decisions if it in moves["raise"] or it in moves["cut"]][:MOST_ROWS]
    rows, of_rows = items_of(moving, language)
    listed = [named(it, reason) for it, reason in gaps]
    payload = {
        "status": "ok",
        "period": every[0].period,
        "facts": totals,
        "rows": rows,
        "keep": [named(it.recommendation) for it in moves["keep"]][:MOST_NAMES],
        "not_priced": listed[: len(moves["not_priced"])][:MOST_NAMES],
        "gaps": listed[: 3 * MOST_NAMES],
        "gap_counts": {
            fact.key.removeprefix("gap."): fact.value for fact in facts if fact.key.startswith("gap.")
        },
    }
    return Report(
        payload,
        [*facts, *of_rows],
        **about(moving) | {"names": names_of(every), "products": products_of(every)},
    )
