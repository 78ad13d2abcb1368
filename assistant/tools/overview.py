"""The whole shop at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool

from assistant.desk import Decision, Desk
from assistant.facts import Fact, Sheet, counts_facts, direction, gain_total_facts, labels, money, subject_of
from assistant.shop_facts import SECTION, counted, stock_facts
from assistant.tools.pricing import about, items_of, named, names_of, products_of
from assistant.tools.result import Report, Result, Runtime, run, values_of
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation
    from policy.decision.standing import Standing, StockCode

MOST_ROWS = 10
MOST_NAMES = 20
MOST_ENDINGS = 8
"""Longest lists that a result holds; the counts beside them are of everything."""
STOCK: tuple[StockCode, ...] = ("sold_out", "dead", "slow")


@tool(response_format="content_and_artifact")
def catalogue_overview(runtime: Runtime) -> Result:
    """The whole shop as a portfolio: counts, the changes worth most in order (`rows`; raise = underpriced,
    cut = overpriced by the policy's own price), products to keep, products without a suggestion and why, gaps
    in the data, prices below cost, stock that is dead, slow or sold out, where the profit is made, how many
    prices end in what. Also for "which products ..." and "how many ..." questions.

    `gain_profit_total`: money left on the table. `stock`: sold_out, dead (nothing sold for two months) or
    slow (lasts for more than half a year). `endings` counts prices as they are; whether an ending sells more
    is not known.
    Example: {"status": "ok", "language": "en", "period": "week", "facts": {"products": "21", "priced":
    "16", "raise": "6", "cut": "4", "keep": "6", "not_priced": "5", "below_cost": "0", "dead": "0", "slow":
    "2", "sold_out": "1", "gain_profit_total": "+$310"}, "rows": [{... as in recommend ...}], "keep":
    [{"sku": "KET-10", "name": "Electric Kettle 1.0 L"}], "not_priced": [{"sku": "KNF-SET5", "name": "Knife
    Set 5 pc", "reason": "price_never_varied"}], "gaps": [{"sku": "PAN-28", "name": "Cast Iron Pan",
    "reason": "cost_missing"}], "below_cost": [], "stock": [{"sku": "CAN-LAV-200", "name": "Lavender Candle
    200 g", "state": "slow", "facts": {"stock": "900", "cover": "36 weeks"}}], "earners": [{"sku": "CHG-65W",
    "name": "65W USB-C Charger", "facts": {"profit_keep": "$1,003"}}], "endings": [{"ending": ".00",
    "count": "9"}]}
    """
    return run(runtime, _overview)


def _overview(desk: Desk, language: Language) -> Report:
    decisions = desk.overview()
    every = [decision.recommendation for decision in decisions]
    standings = desk.records.standings()
    moves: dict[str, list[Decision]] = {"raise": [], "cut": [], "keep": [], "not_priced": []}
    moving: list[Decision] = []
    for decision in decisions:
        it = decision.recommendation
        move = "not_priced" if it.abstained else direction(it.current_price, it.price, it.currency)
        moves[move].append(decision)
        if move in ("raise", "cut") and len(moving) < MOST_ROWS:
            moving.append(decision)
    gaps = [(it, it.abstained) for it in every if it.abstained]
    gaps += [(it, "cost_missing") for it in every if it.unit_cost is None and it.abstained != "cost_missing"]
    counts = {"products": len(every), "priced": len(every) - len(moves["not_priced"])}
    counts |= {move: len(those) for move, those in moves.items()}
    facts = [*counts_facts("overview", counts, language), *gain_total_facts(every, language)]
    states = Counter(it.stock_state for it in standings.values() if it.stock_state)
    below = [it for it in standings.values() if it.below_cost]
    facts += counted("overview", {"below_cost": len(below)} | {it: states[it] for it in STOCK}, language)
    totals = values_of(facts)
    for reason, number in Counter(reason for _, reason in gaps).items():
        facts.extend(counts_facts("overview", {f"gap.{reason}": number}, language))
    rows, of_rows = items_of(moving, language)
    listed = [named(it, reason) for it, reason in gaps]
    parts = [_below_cost(below, language), _stock(standings.values(), language), _earners(every, language)]
    endings, of_endings = _endings(every, language)
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
        "below_cost": parts[0][0],
        "stock": parts[1][0],
        "earners": parts[2][0],
        "endings": endings,
    }
    facts += [*of_rows, *(fact for _, own in parts for fact in own), *of_endings]
    names = [*names_of(every), *(row["ending"] for row in endings)]
    return Report(payload, facts, **about(moving) | {"names": names, "products": products_of(every)})


def _below_cost(below: list[Standing], language: Language) -> tuple[list[dict[str, Any]], list[Fact]]:
    rows, facts = [], []
    for it in below[:MOST_NAMES]:
        sheet = Sheet(subject_of(it.sku, it.store), language, currency=it.currency)
        sheet.price("current_price", it.current_price)
        sheet.price("unit_cost", it.unit_cost)
        rows.append({"sku": it.sku, "name": it.name or it.sku, "facts": values_of(sheet.facts)})
        facts += sheet.facts
    return rows, facts


def _stock(standings: Iterable[Standing], language: Language) -> tuple[list[dict[str, Any]], list[Fact]]:
    """Stock that is wrong: sold out, dead, then slow, the longest lasting first."""
    wrong = [it for state in STOCK for it in standings if it.stock_state == state]
    wrong.sort(key=lambda it: (STOCK.index(it.stock_state or "slow"), -(it.cover or 0.0)))
    rows, facts = [], []
    for it in wrong[:MOST_NAMES]:
        own = stock_facts(it, language)
        rows.append(
            {"sku": it.sku, "name": it.name or it.sku, "state": it.stock_state, "facts": values_of(own)}
        )
        facts += own
    return rows, facts


def _earners(every: list[Recommendation], language: Language) -> tuple[list[dict[str, Any]], list[Fact]]:
    """Products by expected profit at their present price."""
    known = [(it, it.keep.profit) for it in every if it.keep is not None and it.keep.profit is not None]
    known.sort(key=lambda pair: -pair[1].mean)
    rows, facts = [], []
    for it, profit in known[:MOST_ROWS]:
        sheet = Sheet(subject_of(it.sku, it.store), language, period=it.period, currency=it.currency)
        sheet.price("current_price", it.current_price)
        sheet.total("profit_keep", profit, decimals=0)
        rows.append(
            {"sku": it.sku, "name": it.name or it.sku, "period": it.period, "facts": values_of(sheet.facts)}
        )
        facts += sheet.facts
    return rows, facts


def _endings(every: list[Recommendation], language: Language) -> tuple[list[dict[str, str]], list[Fact]]:
    """How many present prices end in which decimals, the commonest first."""
    texts = [money(it.current_price, it.currency, "en") for it in every]
    found = Counter(f".{text.rpartition('.')[2]}" for text in texts if "." in text)
    words, sheet = labels(language)[SECTION], Sheet("overview", language, section=SECTION)
    for ending, number in found.most_common(MOST_ENDINGS):
        sheet.add(f"ending{ending}", f"{number}", number, "count", words["ending"].format(ending=ending))
    rows = [{"ending": f".{fact.key.rpartition('.')[2]}", "count": fact.value} for fact in sheet.facts]
    return rows, sheet.facts
