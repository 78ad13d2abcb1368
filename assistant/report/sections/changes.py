"""What changed since the last report, and why: sales, cost, competitor's price, rules or model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assistant.facts import direction, labels
from assistant.report.case import Case
from assistant.report.document import Row, Section, Table
from assistant.report.entry import Gone
from assistant.report.reasons import reason_given
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import capitalised, counted, values_of
from policy.decision.recommendation import Recommendation

CAUSES = ("cost", "competitor", "rules", "model", "sales", "period")
"""What a suggestion rests on; several may have changed at once. `period`: nothing but what is priced."""


class Changes:
    """Section `changes`."""

    def __init__(self, composer: Composer, gone: Sequence[Gone] = ()) -> None:
        self._composer = composer
        self._counts: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._rows = composer.rows()
        self._again, self._ended = composer.rows(), composer.rows()
        for it in gone:
            self._add_gone(it)

    def add(self, case: Case) -> None:
        it, earlier = case.it, case.entry.earlier
        if case.status == "again":
            self._add_again(case)
        if earlier is None:
            self._counts["new"] += 1
            return
        if it.abstained == "stale_data" != earlier.abstained:
            self._add_stale(case, earlier)
            return
        self._counts["both"] += 1
        if earlier.abstained is None and _same(earlier.current_price, earlier.price, it.currency) is False:
            self._counts["suggested"] += 1
            self._counts["followed"] += _same(earlier.price, it.current_price, it.currency)
        if _same_advice(it, earlier):
            self._counts["same"] += 1
            self._counts["silent"] += case.entry.silent(self._composer.newest)
            return
        self._counts["changed"] += 1
        causes = causes_of(it, earlier)
        self._causes.update(causes)
        words, period = (
            self._composer.statements.words,
            str(labels(self._composer.language)["period"][it.period]),
        )
        row = product_cells(case) | {
            "earlier_price": None if earlier.abstained else earlier.price,
            "price_before": earlier.current_price,
            "current_price": it.current_price,
            "price": None if it.abstained else it.price,
            "why": capitalised(
                self._composer.statements.join(
                    [words(f"changes.cause_{cause}", period=period) for cause in causes]
                )
            ),
        }
        gain = 0.0 if it.gain is None else it.gain.mean
        self._rows.add(row, weight=gain, group=self._composer.group(it.currency))

    def _add_again(self, case: Case) -> None:
        """A suggestion like one that was rejected before."""
        assert case.ruling is not None  # its verdict makes the status
        verdict = case.ruling.verdict
        self._counts["again"] += 1
        row = product_cells(case) | {
            "rejected_on": verdict.at.astimezone().date().isoformat(),
            "earlier_price": case.ruling.suggested,
            "current_price": case.it.current_price,
            "price": case.it.price,
            "given_reason": reason_given(verdict),
        }
        gain = 0.0 if case.it.gain is None else case.it.gain.mean
        self._again.add(row, weight=gain, group=self._composer.group(case.it.currency))

    def _add_stale(self, case: Case, earlier: Recommendation) -> None:
        """A product of the last report whose sales have ended."""
        self._counts["gone"] += 1
        row = product_cells(case) | {
            "earlier_price": None if earlier.abstained else earlier.price,
            "last_record": case.standing.last_date,
            "why": self._composer.statements.words("changes.gone_stale"),
        }
        self._ended.add(row)

    def _add_gone(self, it: Gone) -> None:
        """A product of the last report that is not in this one."""
        self._counts["gone"] += 1
        row: Row = {
            "product": it.name or it.sku,
            "sku": it.sku,
            "store": it.store,
            "currency": it.currency,
            "earlier_price": it.suggested,
            "last_record": it.last_date,
            "why": self._composer.statements.words(f"changes.gone_{it.why}"),
        }
        self._ended.add(row)

    def section(self, scope: Scope) -> Section:
        composer, words, counts = self._composer, self._composer.statements.words, self._counts
        title = words("changes.title")
        if scope.last_report is None:
            return Section(id="changes", title=title, sentences=(words("changes.first"),))
        sheet = scope.sheet("report.changes")
        sheet.day("last_report", scope.last_report)
        counted(sheet, {f"advice_{key}": counts[key] for key in ("both", "changed", "same", "new")})
        counted(sheet, {key: counts[key] for key in ("gone", "again")})
        counted(sheet, {"advice_silent": counts["silent"]})
        counted(sheet, {key: counts[key] for key in ("suggested", "followed")})
        counted(sheet, {"products": scope.products})
        counted(sheet, {f"cause_{key}": self._causes[key] for key in CAUSES})
        values = values_of(sheet) | {"period": scope.period_word}
        said = [words("changes.lead", **values)]
        said += [words("changes.silent", **values)] if counts["silent"] else []
        said += [words("changes.followed", **values)] if counts["suggested"] else []
        if counts["changed"]:
            named = [words(f"changes.count_{key}", **values) for key in CAUSES if self._causes[key]]
            said.append(words("changes.causes", causes=composer.statements.join(named)))
        said += [words("changes.new", **values)] if counts["new"] else []
        said += [words("changes.gone", **values)] if counts["gone"] else []
        said += [words("changes.again", **values)] if counts["again"] else []
        tables = [self._changed(scope)] if counts["changed"] else []
        tables += [self._suggested_again(scope)] if counts["again"] else []
        tables += [self._gone(scope)] if counts["gone"] else []
        return Section(
            id="changes",
            title=title,
            sentences=composer.statements.checked("changes", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=tuple(tables),
        )

    def _changed(self, scope: Scope) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("price_before", "price"),
            composer.column("earlier_price", "price"),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("why", label="why_changed"),
        ]
        return composer.table("changes", columns, self._rows, note={})

    def _suggested_again(self, scope: Scope) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("rejected_on", "date"),
            composer.column("earlier_price", "price"),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("given_reason"),
        ]
        return composer.table("again", columns, self._again)

    def _gone(self, scope: Scope) -> Table:
        composer = self._composer
        columns = [
            *product_columns(composer, scope),
            composer.column("earlier_price", "price"),
            composer.column("last_record", "date"),
            composer.column("why"),
        ]
        return composer.table("gone", columns, self._ended)


def causes_of(it: Recommendation, earlier: Recommendation) -> list[str]:
    """What the suggestion rests on that is not what it was."""
    differs = {
        "cost": it.unit_cost != earlier.unit_cost,
        "competitor": it.competitor_price != earlier.competitor_price,
        "rules": it.rules_hash != earlier.rules_hash,
        "model": (it.model_hash, it.adapter_hash) != (earlier.model_hash, earlier.adapter_hash),
        "sales": it.history_hash != earlier.history_hash,
    }
    return [cause for cause in CAUSES if differs.get(cause)] or ["period"]


def _same_advice(it: Recommendation, earlier: Recommendation) -> bool:
    if it.abstained or earlier.abstained:
        return it.abstained == earlier.abstained
    return _same(it.price, earlier.price, it.currency)


def _same(one: float, other: float, currency: str | None) -> bool:
    return direction(one, other, currency) == "keep"
