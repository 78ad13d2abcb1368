"""What commands print for people, in English or Chinese: recommendations, the result of an import."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from assistant.cli_tuning_report import UNLIMITED
from assistant.facts import count, direction, facts_for, gain_total_facts, labels
from assistant.wording import Language, printable
from policy.decision.recommendation import Recommendation
from prompts import load

if TYPE_CHECKING:
    from assistant.store import ImportResult

WIDEST_TEXT = 32
"""Columns that a name or a reason may take on a screen before it continues on the next line."""
NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, every cell formatted."""

    product: str
    name: str | None
    now: str
    suggested: str | None
    """None where the price is kept."""
    change: str
    expected: str
    """Profit or revenue at the suggested price."""
    gain: str
    interval: str
    confidence: str
    why: str


def recommendation_table(
    recommendations: Sequence[Recommendation], language: Language, *, width: int | None
) -> str:
    """The table and its footer, without trailing spaces.

    The largest gain comes first and what could not be priced last. Where `width` columns (None: as many as
    it takes) do not hold the whole table, related cells share a column in two lines; nothing is cut.
    """
    words = _words(language)
    ranked = sorted(recommendations, key=lambda r: (r.abstained is not None, -(r.gain.mean if r.gain else 0)))
    aims = {r.objective for r in ranked}
    periods = Counter(labels(language)["period"][r.period] for r in ranked)
    period = periods.most_common(1)[0][0] if periods else ""
    heading = words["columns"]["revenue" if aims == {"revenue"} else "profit"].format(period=period)
    outlets = len({r.store for r in ranked}) > 1
    rows = [_row(r, language, words["cells"], with_outlet=outlets, mixed_aims=len(aims) > 1) for r in ranked]

    console = Console(width=width or UNLIMITED, highlight=False)
    table = _wide(rows, heading, words, widest_text=None if width is None else WIDEST_TEXT)
    unlimited = console.options.update(max_width=UNLIMITED)
    if Measurement.get(console, unlimited, table).maximum > console.width:
        table = _compact(rows, heading, words)
    with console.capture() as captured:
        console.print(table)
    lines = "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")
    # Before forty cuts that aim at revenue, not under them.
    warning = [words["footer"]["cost_unknown"], ""] if _all_without_cost(ranked) else []
    return "\n".join([*warning, lines, "", *_footer(ranked, language, words["footer"], period=period)])


def _all_without_cost(ranked: Sequence[Recommendation]) -> bool:
    return all(r.objective == "revenue" and r.unit_cost is None for r in ranked)


def _wide(rows: Sequence[Row], heading: str, words: Mapping[str, Any], *, widest_text: int | None) -> Table:
    """One line a product, or more where a text is longer than `widest_text` columns."""
    titles = words["columns"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(titles["product"], overflow="fold", max_width=widest_text)
    for title in (titles["now"], titles["suggested"], titles["change"], heading, titles["gain"]):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(titles["interval"], no_wrap=True)
    table.add_column(titles["confidence"], no_wrap=True)
    table.add_column(titles["why"], overflow="fold", max_width=widest_text)
    for row in rows:
        _add(
            table,
            row.product if row.name is None else f"{row.product}  {row.name}",
            row.now,
            row.suggested or words["cells"]["keep"],
            row.change,
            row.expected,
            row.gain,
            row.interval,
            row.confidence,
            row.why,
        )
    return table


def _compact(rows: Sequence[Row], heading: str, words: Mapping[str, Any]) -> Table:
    """Two lines a product, which fits in 80 columns."""
    titles, cells = words["columns"], words["cells"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, leading=1)
    # No smallest widths: a table that cannot shrink is cut at the edge of the screen.
    table.add_column(titles["product"], overflow="fold")
    table.add_column(f"{titles['suggested']}\n{titles['change']}", justify="right", overflow="fold")
    table.add_column(f"{heading}\n{titles['gain']}", justify="right", overflow="fold")
    table.add_column(titles["interval"], justify="right", overflow="fold")
    table.add_column(f"{titles['confidence']}\n{titles['why']}", overflow="fold")
    for row in rows:
        move = cells["move" if row.suggested else "kept"]
        _add(
            table,
            row.product if row.name is None else f"{row.name}\n{row.product}",
            move.format(now=row.now, suggested=row.suggested) + f"\n{row.change}",
            f"{row.expected}\n{row.gain}",
            row.interval,
            "\n".join(filter(None, [row.confidence, row.why])),
        )
    return table


def _add(table: Table, *cells: str) -> None:
    # `Text`, not strings: a product called "[bold]" is data, not markup.
    table.add_row(*(Text(cell) for cell in cells))


def _row(
    r: Recommendation, language: Language, cells: Mapping[str, str], *, with_outlet: bool, mixed_aims: bool
) -> Row:
    facts = {fact.key: fact.value for fact in facts_for(r, language)}
    # An aim that is not the column's is starred; the blank keeps the digits of the others in line.
    star = "" if not mixed_aims else "*" if r.objective == "revenue" else " "
    expected = facts.get(f"{r.objective}_take") or facts.get(f"{r.objective}_keep")
    reason = facts.get("abstained")
    moved = r.abstained is None and direction(r.current_price, r.price, r.currency) != "keep"
    why = [
        cells["not_priced"].format(reason=reason) if reason else facts.get("binding_rule"),
        cells["edge"] if moved and "at_edge_of_known_prices" in r.cautions else None,
        cells["test"].format(price=facts["test_price"]) if "test_price" in facts else None,
    ]
    return Row(
        product=printable(f"{r.store} / {r.sku}" if with_outlet and r.store else r.sku),
        name=printable(r.name) if r.name and r.name != r.sku else None,
        now=facts["current_price"],
        suggested=facts["price"] if moved else None,
        change=facts["change"] if moved else NOTHING,
        expected=expected + star if expected else NOTHING,
        gain=facts.get("gain", NOTHING) if moved else NOTHING,
        interval=facts.get("gain_range", NOTHING) if moved else NOTHING,
        confidence=facts.get("confidence", ""),
        why="; ".join(filter(None, why)),
    )


def _footer(
    ranked: Sequence[Recommendation], language: Language, words: Mapping[str, str], *, period: str
) -> list[str]:
    """How many go where, and what it adds up to."""
    directions = Counter(
        "not_priced" if r.abstained else direction(r.current_price, r.price, r.currency) for r in ranked
    )
    kinds = ("raise", "cut", "keep", "not_priced")
    counts = {kind: count(directions[kind], language) for kind in kinds}
    lines = [words["counts"].format(total=count(len(ranked), language), **counts)]
    without_cost = [r for r in ranked if r.objective == "revenue" and r.unit_cost is None]
    if without_cost and not _all_without_cost(ranked):
        lines.insert(0, words["some_costs_unknown"])
    for fact in gain_total_facts(ranked, language):
        lines.append(words[fact.key].format(gain=fact.value, period=period))
    return lines


def import_summary(result: ImportResult, place: str, language: Language) -> str:
    """What an import changed in the shop."""
    words = _words(language)["import"]
    if result.already_imported:
        return str(words["already_imported"]).format(place=place)
    kinds = ("products", "products_added", "rows_added", "rows_changed", "rows_unchanged")
    numbers = {kind: count(getattr(result, kind), language) for kind in kinds}
    return str(words["done"]).format(place=place, **numbers)


def pricing_begins(products: int, language: Language) -> str:
    """What is said before the wait."""
    return str(_words(language)["progress"]["pricing"]).format(products=count(products, language))


def _words(language: Language) -> dict[str, Any]:
    return tomllib.loads(load(language, "terminal.toml"))
