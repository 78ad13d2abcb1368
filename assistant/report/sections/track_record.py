"""Track record: what earlier reports foretold against what was sold, and approved prices that were never
charged; the misses by name."""

from __future__ import annotations

from assistant.facts import INTERVAL_LEVEL, Sheet, quantity
from assistant.report.case import Case
from assistant.report.document import Section, Table
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import counted, values_of


class TrackRecord:
    """Section `track_record`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._given = self._inside = self._elsewhere = 0
        self._expected = self._sold = self._missed = 0.0
        self._rows = composer.rows()
        self._due = self._uncharged = 0
        self._never = composer.rows()

    def add(self, case: Case) -> None:
        words = self._composer.statements.words
        if case.charged is not None:
            self._due += 1
        if case.charged is False:
            self._add_uncharged(case)
        self._elsewhere += case.entry.elsewhere
        for it in case.entry.foretold:
            self._given += 1
            self._inside += it.inside
            self._expected += it.expected.mean
            self._sold += it.sold
            self._missed += abs(it.sold - it.expected.mean)
            if it.inside:
                continue
            row = product_cells(case) | {
                "date": it.date,
                "charged": it.price,
                "expected": it.expected.mean,
                "expected_low": it.expected.low,
                "expected_high": it.expected.high,
                "sold": it.sold,
                "miss": words("track_record.more" if it.sold > it.expected.high else "track_record.fewer"),
                "miss_value": (it.sold - it.expected.mean) * it.price,
            }
            # The largest in money first, whichever way.
            worth = abs(it.sold - it.expected.mean) * it.price
            self._rows.add(row, weight=worth, group=self._composer.group(case.it.currency))

    def _add_uncharged(self, case: Case) -> None:
        """A price that was approved, and that no record since shows."""
        assert case.ruling is not None  # there is an approval
        verdict = case.ruling.verdict
        assert verdict.price is not None and verdict.effective_from is not None
        self._uncharged += 1
        now = case.it.current_price
        row = product_cells(case) | {
            "approved_price": verdict.price,
            "date": verdict.effective_from.isoformat(),
            "current_price": now,
            "gap": now / verdict.price - 1,
        }
        self._never.add(row, weight=abs(now / verdict.price - 1))

    def section(self, scope: Scope) -> Section:
        composer, words = self._composer, self._composer.statements.words
        sheet = scope.sheet("report.track_record")
        if self._given:
            said = self._forecasts(scope, sheet)
        else:
            said = [
                words(f"track_record.{'none' if scope.last_report else 'first'}", period=scope.period_word)
            ]
        counted(sheet, {"due": self._due, "never_charged": self._uncharged, "elsewhere": self._elsewhere})
        values = values_of(sheet)
        said += [words("track_record.elsewhere", **values)] if self._elsewhere else []
        said.append(words("track_record.cannot"))
        if self._due:
            said.append(words("track_record.never" if self._uncharged else "track_record.charged", **values))
        tables = [self._misses(scope, values["interval"])] if self._given > self._inside else []
        tables += [self._never_charged(scope)] if self._uncharged else []
        return Section(
            id="track_record",
            title=words("track_record.title"),
            sentences=composer.statements.checked("track_record", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=tuple(tables),
        )

    def _forecasts(self, scope: Scope, sheet: Sheet) -> list[str]:
        """What became of the forecasts; its numbers go on the sheet."""
        words = self._composer.statements.words
        missed = self._given - self._inside
        counted(sheet, {"given": self._given, "given_inside": self._inside, "given_missed": missed})
        sheet.percent("given_share", self._inside / self._given)
        sheet.percent("interval", INTERVAL_LEVEL)
        if self._sold > 0:
            sheet.percent("error", self._missed / self._sold)
        for key, units in (("units_expected", self._expected), ("units_sold", self._sold)):
            sheet.add(key, quantity(units, scope.language), units, "units")
        values = values_of(sheet)
        said = [words("track_record.lead", **values), words("track_record.sums", **values)]
        said += [words("track_record.error", **values)] if "error" in values else []
        return [*said, words("track_record.missed" if missed else "track_record.no_miss", **values)]

    def _misses(self, scope: Scope, interval: str) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("date", "date"),
            composer.column("charged", "price"),
            composer.column("expected", "units", interval=True),
            composer.column("sold", "units"),
            composer.column("miss"),
            composer.column("miss_value", "total", signed=True),
        ]
        return composer.table("misses", columns, self._rows, note={"interval": interval})

    def _never_charged(self, scope: Scope) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("approved_price", "price"),
            composer.column("date", "date"),
            composer.column("current_price", "price"),
            composer.column("gap", "change", label="gap_to_approved"),
        ]
        return composer.table("never_charged", columns, self._never, note={})
