"""Track record: what earlier reports foretold against what was sold, the misses by name."""

from __future__ import annotations

from assistant.facts import INTERVAL_LEVEL, quantity
from assistant.report.case import Case
from assistant.report.document import Section
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import counted, values_of


class TrackRecord:
    """Section `track_record`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._given = self._inside = 0
        self._expected = self._sold = self._missed = 0.0
        self._rows = composer.rows()

    def add(self, case: Case) -> None:
        words = self._composer.statements.words
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

    def section(self, scope: Scope) -> Section:
        composer, words = self._composer, self._composer.statements.words
        if not self._given:
            key = "none" if scope.last_report else "first"
            said = (words(f"track_record.{key}", period=scope.period_word), words("track_record.cannot"))
            return Section(id="track_record", title=words("track_record.title"), sentences=said)
        sheet = scope.sheet("report.track_record")
        missed = self._given - self._inside
        counted(sheet, {"given": self._given, "given_inside": self._inside, "given_missed": missed})
        sheet.percent("given_share", self._inside / self._given)
        sheet.percent("interval", INTERVAL_LEVEL)
        if self._sold > 0:
            sheet.percent("error", self._missed / self._sold)
        for key, units in (("units_expected", self._expected), ("units_sold", self._sold)):
            sheet.add(key, quantity(units, scope.language), units, "units")
        values = values_of(sheet)
        said_all = [words("track_record.lead", **values), words("track_record.sums", **values)]
        said_all += [words("track_record.error", **values)] if "error" in values else []
        said_all += [words("track_record.missed" if missed else "track_record.no_miss", **values)]
        said_all += [words("track_record.cannot")]
        columns = [
            *product_columns(composer, scope),
            composer.column("date", "date"),
            composer.column("charged", "price"),
            composer.column("expected", "units", interval=True),
            composer.column("sold", "units"),
            composer.column("miss"),
            composer.column("miss_value", "total", signed=True),
        ]
        return Section(
            id="track_record",
            title=words("track_record.title"),
            sentences=composer.statements.checked("track_record", said_all, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("misses", columns, self._rows, note={"interval": values["interval"]}),)
            if missed
            else (),
        )
