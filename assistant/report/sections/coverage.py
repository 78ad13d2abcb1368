"""Coverage: what could be priced, what could not and why, and what stands out among the suggestions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from assistant.facts import labels
from assistant.report.case import LARGE, Case
from assistant.report.document import Row, Section, Table
from assistant.report.entry import Unpriced
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.spool import Ordered
from assistant.report.statements import capitalised, counted, values_of
from assistant.store.reports import RowsSetAside
from assistant.wording import Language

FLOORS = frozenset(["lowest_price", "min_margin", "below_cost", "below_cost_floor", "map"])
"""Rules that set a lowest price."""


class Coverage:
    """Section `coverage`."""

    def __init__(self, composer: Composer, set_aside: Sequence[RowsSetAside] = ()) -> None:
        self._composer = composer
        self._set_aside = set_aside
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._rows = composer.rows()
        self._unread: Iterable[Unpriced] = ()
        self._unread_count = 0

    def add(self, case: Case) -> None:
        it = case.it
        self._counts[case.move] += 1
        self._counts["large"] += case.large
        self._counts["at_floor"] += any(v.rule in FLOORS and v.status == "binds" for v in it.verdicts)
        self._counts["below_cost"] += bool(case.standing.below_cost)
        self._counts["no_cost"] += it.unit_cost is None
        if it.abstained is not None:
            words = labels(self._composer.language)
            self._reasons[it.abstained] += 1
            revenue = 0.0 if it.keep is None else it.keep.revenue.mean
            row = product_cells(case) | {
                "current_price": it.current_price,
                "revenue": None if it.keep is None else revenue,
                "why": capitalised(str(words["abstained"][it.abstained])),
                "remedy": self._composer.statements.join(
                    [str(words["remedies"][code]) for code in it.remedies]
                ),
                "test_price": it.test_price,
            }
            self._rows.add(row, weight=revenue, group=self._composer.group(it.currency))

    def unread(self, products: Iterable[Unpriced]) -> int:
        """Products that could not be looked at; returns how many."""
        self._unread, self._unread_count = products, sum(1 for _ in products)
        return self._unread_count

    def section(self, scope: Scope) -> Section:
        composer, words, counts = self._composer, self._composer.statements.words, self._counts
        priced = counts["raise"] + counts["cut"] + counts["keep"]
        numbers = {"products": scope.products, "priced": priced, "not_priced": scope.products - priced}
        kinds = ("raise", "cut", "keep", "large", "at_floor", "below_cost", "no_cost")
        numbers |= {key: counts[key] for key in kinds} | {"unread": self._unread_count}
        sheet = scope.sheet("report.coverage")
        rows_aside = sum(it.count for it in self._set_aside)
        listed = sum(len(it.rows) for it in self._set_aside)
        counted(sheet, numbers | {"rows_aside": rows_aside, "rows_listed": listed})
        sheet.percent("large_step", LARGE)
        said = []
        if scope.outdated and scope.sales_end is not None:
            sheet.day("sales_end", scope.sales_end.isoformat())
            sheet.day("date", scope.date)
            said.append(words("coverage.outdated", **values_of(sheet), period=scope.period_word))
        values = values_of(sheet)
        said += [words("coverage.lead", **values), words("coverage.stands_out", **values)]
        said += [words(f"coverage.{key}", **values) for key in ("below_cost", "no_cost") if counts[key]]
        said += [words("coverage.unread", **values)] if self._unread_count else []
        if rows_aside:
            said.append(words("coverage.set_aside", **values))
            said.append(
                words("coverage.aside_all" if listed == rows_aside else "coverage.aside_some", **values)
            )
        shown = ["products", "priced", "raise", "cut", "keep", "not_priced"]
        rows: list[Row] = [
            {"what": words(f"coverage.row_{key}", **values), "count": numbers[key]}
            for key in (*shown, "unread", *(key for key in numbers if key not in (*shown, "unread")))
        ]
        reasons = labels(scope.language)["abstained"]
        rows[len(shown) : len(shown)] = [
            {"what": words("coverage.row_reason", reason=str(reasons[code])), "count": number}
            for code, number in self._reasons.most_common()
        ]
        columns = [composer.column("what"), composer.column("count", "count")]
        tables = [composer.table("coverage", columns, rows)]
        if scope.products > priced:
            tables.append(self._not_priced(scope))
        if rows_aside:
            tables.append(self._rows_aside(scope))
        return Section(
            id="coverage",
            title=words("coverage.title"),
            sentences=composer.statements.checked("coverage", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=tuple(tables),
        )

    def _rows_aside(self, scope: Scope) -> Table:
        composer, words = self._composer, self._composer.statements.words
        rows: list[Row] = [
            {"file": it.file, "why": words(f"set_aside.{row['why']}")}
            | {key: row[key] or None for key in ("sku", "store", "date", "column", "found")}
            | {"row": str(row["row"])}
            for it in self._set_aside
            for row in it.rows
        ]
        columns = [
            composer.column("file"),
            composer.column("row", "code", label="file_row"),
            composer.column("sku", "code"),
            *([composer.column("store", "code")] if any(row["store"] for row in rows) else []),
            composer.column("date", "date", label="file_date"),
            composer.column("column", label="file_column"),
            composer.column("found"),
            composer.column("why"),
        ]
        return composer.table("set_aside", columns, rows)

    def _not_priced(self, scope: Scope) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("current_price", "price"),
            composer.column("revenue", "total", period=scope.period_word),
            composer.column("why"),
            composer.column("remedy"),
            composer.column("test_price", "price"),
        ]
        return composer.table("not_priced", columns, _Both(self._rows, self._unread, scope.language), note={})


class _Both:
    """Rows of products without a suggestion, then of those that could not be read."""

    def __init__(self, rows: Ordered[Row], unread: Iterable[Unpriced], language: Language) -> None:
        self._rows, self._unread, self._language = rows, unread, language

    def __iter__(self) -> Iterator[Row]:
        yield from self._rows
        for it in self._unread:
            yield {"product": it.sku, "sku": it.sku, "store": it.store, "why": it.reasons[self._language]}
