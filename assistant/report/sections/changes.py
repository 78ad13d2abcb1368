"""What changed since the last report, and why: sales, cost, competitor's price, rules or model."""

from __future__ import annotations

from collections import Counter

from assistant.facts import direction, labels
from assistant.report.case import Case
from assistant.report.document import Section
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import capitalised, counted, values_of
from policy.decision.recommendation import Recommendation

CAUSES = ("cost", "competitor", "rules", "model", "sales", "period")
"""What a suggestion rests on; several may have changed at once. `period`: nothing but what is priced."""


class Changes:
    """Section `changes`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._counts: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._rows = composer.rows()

    def add(self, case: Case) -> None:
        it, earlier = case.it, case.entry.earlier
        if earlier is None:
            self._counts["new"] += 1
            return
        self._counts["both"] += 1
        if earlier.abstained is None and _same(earlier.current_price, earlier.price, it.currency) is False:
            self._counts["suggested"] += 1
            self._counts["followed"] += _same(earlier.price, it.current_price, it.currency)
        if _same_advice(it, earlier):
            self._counts["same"] += 1
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

    def section(self, scope: Scope) -> Section:
        composer, words, counts = self._composer, self._composer.statements.words, self._counts
        title = words("changes.title")
        if scope.last_report is None:
            return Section(id="changes", title=title, sentences=(words("changes.first"),))
        sheet = scope.sheet("report.changes")
        sheet.day("last_report", scope.last_report)
        counted(sheet, {f"advice_{key}": counts[key] for key in ("both", "changed", "same", "new")})
        counted(sheet, {key: counts[key] for key in ("suggested", "followed")})
        counted(sheet, {"products": scope.products})
        counted(sheet, {f"cause_{key}": self._causes[key] for key in CAUSES})
        values = values_of(sheet) | {"period": scope.period_word}
        said = [words("changes.lead", **values)]
        said += [words("changes.followed", **values)] if counts["suggested"] else []
        if counts["changed"]:
            named = [words(f"changes.count_{key}", **values) for key in CAUSES if self._causes[key]]
            said.append(words("changes.causes", causes=composer.statements.listed(named)))
        said += [words("changes.new", **values)] if counts["new"] else []
        columns = [
            *product_columns(composer, scope),
            composer.column("price_before", "price"),
            composer.column("earlier_price", "price"),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("why", label="why_changed"),
        ]
        return Section(
            id="changes",
            title=title,
            sentences=composer.statements.checked("changes", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("changes", columns, self._rows, note={}),) if counts["changed"] else (),
        )


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
