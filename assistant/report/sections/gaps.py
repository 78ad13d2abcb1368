"""Data gaps: what is missing, what it blocks, how to fix it, ranked by the revenue that it concerns.

Products without sales on record of the shop's newest periods are named apart.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from assistant.data_gaps import GAPS, Gap, gaps_of
from assistant.facts import Sheet, labels, money
from assistant.report.case import Case
from assistant.report.document import Row, Section, Table
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import capitalised, counted, values_of
from policy.history import Period

DISPENSABLE: tuple[Gap, ...] = ("competitor_stale", "competitor_unknown", "stock_unknown")
"""Suggestions do without these, so they rank behind all others."""


class Gaps:
    """Section `gaps`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._products: Counter[tuple[Gap, str | None]] = Counter()
        self._revenue: defaultdict[tuple[Gap, str | None], float] = defaultdict(float)
        self._stocked = self._watched = False
        self._rows, self._silent = composer.rows(), composer.rows()

    def add(self, case: Case) -> None:
        it, standing = case.it, case.standing
        if case.entry.silent(self._composer.newest):
            self._add_silent(case)
        self._stocked |= standing.stock is not None
        self._watched |= standing.competitor_price is not None
        # Whether any product has these columns is known only at the end: then they are left out again.
        found = gaps_of(it, standing, stocked=True, watched=True)
        revenue = None if it.keep is None else it.keep.revenue.mean
        for gap in found:
            self._products[gap, it.currency] += 1
            if revenue is not None:
                self._revenue[gap, it.currency] += revenue
        if found:
            # Raw codes: which of them count is known only at the end.
            row = product_cells(case) | {"missing": " ".join(found), "revenue": revenue}
            self._rows.add(row, weight=revenue or 0.0, group=self._composer.group(it.currency))

    def _add_silent(self, case: Case) -> None:
        it, last = case.it, case.standing.last_date
        row = product_cells(case) | {
            "current_price": it.current_price,
            "last_record": last,
            "missing_periods": periods_since(last, self._composer.newest, it.period),
        }
        revenue = 0.0 if it.keep is None else it.keep.revenue.mean
        self._silent.add(row, weight=revenue, group=self._composer.group(it.currency))

    def section(self, scope: Scope) -> Section:
        composer, words, period = self._composer, self._composer.statements.words, scope.period_word
        ignored = {"stock_unknown": not self._stocked, "competitor_unknown": not self._watched}
        counts = {key: number for key, number in self._products.items() if not ignored.get(key[0])}
        absent = [words(f"gaps.no_{key}") for key, true in ignored.items() if true]
        title = words("gaps.title")
        sheet = scope.sheet("report.gaps")
        silent, tables = self._told_of_silent(scope, sheet)
        if not counts:
            said = [*silent, words("gaps.none_else" if silent else "gaps.none"), *absent]
            return Section(
                id="gaps",
                title=title,
                sentences=composer.statements.checked("gaps", said, sheet.facts),
                facts=tuple(sheet.facts),
                tables=tuple(tables),
            )
        ranked = sorted(
            counts, key=lambda it: (it[0] in DISPENSABLE, -self._revenue.get(it, 0.0), GAPS.index(it[0]))
        )
        issues = labels(scope.language)["issues"]
        rows: list[Row] = [
            {
                "issue": capitalised(str(issues[gap]["label"])),
                "products": counts[gap, currency],
                "revenue": self._revenue.get((gap, currency)),
                "blocks": capitalised(str(issues[gap]["blocks"])),
                "fix": capitalised(str(issues[gap]["fix"])),
                "currency": currency,
            }
            for gap, currency in ranked
        ]
        gap, currency = ranked[0]
        counted(sheet, {"count": counts[gap, currency]})
        if not silent:
            counted(sheet, {"products": scope.products})
        revenue = self._revenue.get((gap, currency))
        if revenue is not None:
            text = money(revenue, currency, scope.language, decimals=0)
            sheet.add("revenue_concerned", text, revenue, currency or "money")
        values = values_of(sheet) | {"period": period, "gap": str(issues[gap]["label"])}
        values |= {key: str(issues[gap][key]) for key in ("blocks", "fix")}
        lead = "lead" if revenue is not None else "lead_plain"
        said = [*silent, words(f"gaps.{lead}", **values), words("gaps.worth"), *absent]
        columns = [
            composer.column("issue"),
            composer.column("products", "count"),
            composer.column("revenue", "total", period=period),
            composer.column("blocks"),
            composer.column("fix"),
        ]
        by_product = [*product_columns(composer, scope), composer.column("missing")]
        by_product.append(composer.column("revenue", "total", period=period))
        shown = {str(code): str(issues[code]["label"]) for code in GAPS if not ignored.get(code)}
        return Section(
            id="gaps",
            title=title,
            sentences=composer.statements.checked("gaps", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(
                *tables,
                composer.table("gaps", columns, rows, note={}),
                composer.table("gaps_by_product", by_product, _Named(self._rows, shown, composer)),
            ),
        )

    def _told_of_silent(self, scope: Scope, sheet: Sheet) -> tuple[list[str], list[Table]]:
        """A sentence and a table on products without sales on record of the newest periods; none without."""
        composer = self._composer
        if not len(self._silent):
            return [], []
        sheet.day("newest", composer.newest)
        counted(sheet, {"silent": len(self._silent), "products": scope.products})
        columns = [
            *product_columns(composer, scope),
            composer.column("current_price", "price"),
            composer.column("last_record", "date"),
            composer.column("missing_periods", "count", period=scope.period_word),
        ]
        said = composer.statements.words("gaps.silent", **values_of(sheet), period=scope.period_word)
        return [said], [composer.table("silent", columns, self._silent)]


def periods_since(last: str, newest: str, period: Period) -> int:
    """How many periods lie after the `last` on record, up to the `newest`; first days, ISO 8601."""
    then, now = dt.date.fromisoformat(last[:10]), dt.date.fromisoformat(newest[:10])
    if period == "month":
        return max(1, 12 * (now.year - then.year) + now.month - then.month)
    # A week may shift by a day, as at the turn of a year.
    return max(1, round((now - then).days / (7 if period == "week" else 1)))


class _Named:
    """Rows with their codes as words; those with none left are left out."""

    def __init__(self, rows: Iterable[Row], names: Mapping[str, str], composer: Composer) -> None:
        self._rows, self._names, self._composer = rows, names, composer

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            said = [self._names[code] for code in str(row["missing"]).split() if code in self._names]
            if said:
                yield {**row, "missing": capitalised(self._composer.statements.join(said))}
