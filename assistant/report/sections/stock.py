"""Stock: how long it lasts, what is dead, slow or sold out, and what is tied up in it."""

from __future__ import annotations

from collections import Counter

from assistant.facts import money, span
from assistant.report.case import Case
from assistant.report.document import Section
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import counted, values_of
from policy.decision.standing import RECENT, SLOW_COVER

STATES = ("dead", "slow", "sold_out", "limits", "fine")
"""In the order of the table."""


class Stock:
    """Section `stock`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._states: Counter[str] = Counter()
        self._unknown = self._old = 0
        self._idle_value, self._valued = 0.0, 0
        self._rows = composer.rows()

    def add(self, case: Case) -> None:
        it, standing = case.it, case.standing
        if standing.stock is None:
            self._unknown += 1
            return
        self._old += standing.stock_old
        limits = "stock_limits_sales" in it.cautions
        state = standing.stock_state or ("limits" if limits else "fine")
        self._states[state] += 1
        value = None if standing.unit_cost is None else standing.unit_cost * standing.stock
        if state in ("dead", "slow") and value is not None:
            self._idle_value += value
            self._valued += 1
        words = self._composer.statements.words
        row = product_cells(case) | {
            "stock": standing.stock,
            "stock_date": standing.stock_date,
            "pace": standing.pace,
            "cover": standing.cover,
            "idle": standing.idle_periods,
            "state": words(f"stock.state_{state}"),
            "stock_value": value,
            "action": words(f"moves.{case.move}"),
            "price": None if it.abstained else it.price,
        }
        self._rows.add(row, weight=standing.cover or 0.0, group=STATES.index(state))

    def section(self, scope: Scope) -> Section:
        composer, words, period = self._composer, self._composer.statements.words, scope.period_word
        if not self._states:
            return Section(id="stock", title=words("stock.title"), sentences=(words("stock.absent"),))
        sheet = scope.sheet("report.stock")
        counted(sheet, {key: self._states[key] for key in ("dead", "slow", "sold_out", "limits")})
        known = sum(self._states.values())
        counted(sheet, {"stock_known": known, "stock_unknown": self._unknown, "stock_old": self._old})
        counted(sheet, {"products": scope.products})
        if scope.one_currency and self._valued:
            text = money(self._idle_value, scope.currency, scope.language, decimals=0)
            sheet.add("idle_value", text, self._idle_value, scope.currency or "money")
        values = values_of(sheet) | {"period": period}
        said = [words("stock.lead", **values)]
        said += [words("stock.old", **values)] if self._old else []
        said += [words("stock.limits", **values)] if self._states["limits"] else []
        said += [words("stock.value", **values)] if "idle_value" in values else []
        said += [words("stock.clear")] if self._states["dead"] + self._states["slow"] else []
        said += [words("stock.unknown", **values)] if self._unknown else []
        columns = [
            *product_columns(composer, scope),
            composer.column("state"),
            composer.column("stock", "units"),
            *([composer.column("stock_date", "date")] if self._old else []),
            composer.column("pace", "units", period=period),
            composer.column("cover", "units", period=period),
            composer.column("idle", "count", period=period),
            composer.column("stock_value", "total"),
            composer.column("action"),
            composer.column("price", "price"),
        ]
        return Section(
            id="stock",
            title=words("stock.title"),
            sentences=composer.statements.checked("stock", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("stock", columns, self._rows, note=_bounds(scope)),),
        )


def _bounds(scope: Scope) -> dict[str, str]:
    """From when on stock counts as dead or slow."""
    assert scope.period is not None  # there are products
    return {
        "dead": span(RECENT[scope.period], scope.period, scope.language),
        "slow": span(SLOW_COVER[scope.period], scope.period, scope.language),
    }
