"""Promotions: which of the suggested cuts that stand may be announced as a reduction."""

from __future__ import annotations

import math
from collections import Counter

from assistant.facts import labels
from assistant.report.case import Case
from assistant.report.document import Section
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import capitalised, counted, values_of


class Promotions:
    """Section `promotions`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._counts: Counter[str] = Counter()
        self._rows = composer.rows()

    def add(self, case: Case) -> None:
        if case.move != "cut":
            return
        if case.set_aside:  # nobody will announce it
            self._counts["set_aside"] += 1
            return
        self._counts["cuts"] += 1
        reference = case.entry.reference
        if reference is None:
            return
        self._counts["checked"] += 1
        self._counts["allowed" if reference.blocked is None else "blocked"] += 1
        names = labels(self._composer.language)["reference"]
        profile, blocked = str(names[f"profile.{reference.profile}"]), reference.blocked
        row = product_cells(case) | {
            "current_price": case.it.current_price,
            "price": case.it.price,
            "reference_price": reference.price,
            "announced": whole(reference.discount),
            "verdict": capitalised(
                str(names[f"blocked.{blocked}"])
                if blocked
                else self._composer.statements.words("promotions.may")
            ),
            "profile": profile,
        }
        self._rows.add(row, weight=reference.discount or -1.0)

    def section(self, scope: Scope) -> Section:
        composer, words, counts = self._composer, self._composer.statements.words, self._counts
        sheet = scope.sheet("report.promotions")
        counted(sheet, {f"cuts_{key}": counts[key] for key in ("checked", "allowed", "blocked")})
        counted(sheet, {"cut": counts["cuts"], "cuts_set_aside": counts["set_aside"]})
        values = values_of(sheet)
        if not counts["cuts"]:
            said = [words("promotions.none_left" if counts["set_aside"] else "promotions.no_cuts")]
        elif not counts["checked"]:
            said = [words("promotions.unchecked", **values)]
        else:
            said = [words("promotions.lead", **values), words("promotions.law")]
        said += [words("promotions.set_aside", **values)] if counts["set_aside"] else []
        columns = [
            *product_columns(composer, scope),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("reference_price", "price"),
            composer.column("announced", "share"),
            composer.column("verdict"),
            composer.column("profile"),
        ]
        table = composer.table("promotions", columns, self._rows, note={})
        return Section(
            id="promotions",
            title=words("promotions.title"),
            sentences=composer.statements.checked("promotions", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(table,) if counts["checked"] else (),
        )


def whole(discount: float | None) -> float | None:
    """The largest reduction in whole per cent that may be announced: never rounded up."""
    return None if discount is None else math.floor(100 * discount + 1e-9) / 100
