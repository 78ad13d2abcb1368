"""Competitor position: own prices now and suggested against the competitor's, and how old that price is."""

from __future__ import annotations

import datetime as dt
from array import array
from collections import Counter
from statistics import median_low

from assistant.report.case import Case
from assistant.report.document import Section
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import counted, values_of


class Competitors:
    """Section `competitors`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._counts: Counter[str] = Counter()
        self._ages = array("l")
        self._rows = composer.rows()

    def add(self, case: Case) -> None:
        it, standing = case.it, case.standing
        if standing.competitor_price is None or standing.position is None:
            self._counts["unknown"] += 1
            return
        self._counts["known"] += 1
        self._counts[standing.position] += 1
        self._counts["stale"] += standing.competitor_stale
        words, then = self._composer.statements.words, it.price if case.moves else it.current_price
        seen = standing.competitor_date
        age = None if seen is None else (_day(it.date) - _day(seen)).days
        if age is not None:
            self._ages.append(age)
        gap = it.current_price / standing.competitor_price - 1
        row = product_cells(case) | {
            "position": words(f"competitors.{standing.position}"),
            "current_price": it.current_price,
            "price": None if it.abstained else it.price,
            "competitor_price": standing.competitor_price,
            "gap": gap,
            "gap_then": then / standing.competitor_price - 1,
            "competitor_date": seen,
            "age": age,
            "stale": words("competitors.is_stale") if standing.competitor_stale else "",
        }
        self._rows.add(row, weight=gap)

    def section(self, scope: Scope) -> Section:
        composer, words, counts = self._composer, self._composer.statements.words, self._counts
        if not counts["known"]:
            said = (words("competitors.absent"),)
            return Section(id="competitors", title=words("competitors.title"), sentences=said)
        sheet = scope.sheet("report.competitors")
        counted(sheet, {"products": scope.products})
        kinds = ("known", "above", "level", "below", "stale", "unknown")
        counted(sheet, {f"rival_{key}": counts[key] for key in kinds})
        if self._ages:
            sheet.span("age_median", median_low(self._ages), "day")
            sheet.span("age_oldest", max(self._ages), "day")
        values = values_of(sheet) | {"period": scope.period_word}
        said_all = [words("competitors.lead", **values)]
        said_all += [words("competitors.stale" if counts["stale"] else "competitors.fresh", **values)]
        said_all += [words("competitors.age", **values)] if self._ages else []
        said_all += [words("competitors.unknown", **values)] if counts["unknown"] else []
        columns = [
            *product_columns(composer, scope),
            composer.column("position"),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("competitor_price", "price"),
            composer.column("gap", "change"),
            composer.column("gap_then", "change"),
            composer.column("competitor_date", "date"),
            composer.column("age", "count"),
            composer.column("stale"),
        ]
        return Section(
            id="competitors",
            title=words("competitors.title"),
            sentences=composer.statements.checked("competitors", said_all, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("competitors", columns, self._rows, note={}),),
        )


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])
