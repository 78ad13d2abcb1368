"""The action table: every product with its price now and suggested, what that brings, why, and the risk."""

from __future__ import annotations

from collections import Counter

from assistant.facts import INTERVAL_LEVEL, labels
from assistant.report.case import Case
from assistant.report.document import Row, Section
from assistant.report.reasons import reason_of, risk_of
from assistant.report.scope import Composer, Scope, product_cells, product_columns
from assistant.report.statements import counted, values_of
from policy.decision.recommendation import Interval

RANKS = {"raise": 0, "cut": 0, "keep": 1, "none": 2}
"""Changes first, then prices to keep, then products without a suggestion."""


class Actions:
    """Section `actions`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._rows = composer.rows()
        self._statuses: Counter[str] = Counter()
        self._costs = self._approved = False
        self._moves = self._sure = self._unchanged = self._silent = self._again = 0
        self._aims = set[str]()

    def add(self, case: Case) -> None:
        if self._composer.since_last and case.entry.unchanged:
            # Of what has no newer sales, that nothing changed would say more than is known.
            silent = case.entry.silent(self._composer.newest)
            self._unchanged += not silent
            self._silent += silent
            return
        it, statements = case.it, self._composer.statements
        words, names = statements.words, labels(self._composer.language)
        decided = case.status not in ("open", "again")
        self._statuses[case.status if decided else "open"] += case.moves or decided
        self._again += case.again and not decided
        self._approved |= case.status in ("approved", "edited")
        self._moves += case.moves
        self._aims |= {it.objective} if case.moves else set()
        self._sure += case.moves and it.gain is not None and it.gain.low > 0
        self._costs |= it.unit_cost is not None
        then = it.take if case.move != "none" else None
        gain = it.gain if case.moves else None
        row: Row = product_cells(case) | {
            "category": case.entry.category,
            "action": words(f"moves.{case.move}"),
            "current_price": it.current_price,
            "price": it.price if case.move != "none" else None,
            "change": it.change if case.moves else None,
            "units_keep": None if it.keep is None else it.keep.units.mean,
            **_interval("units", None if then is None else then.units),
            **_interval("revenue", None if then is None else then.revenue),
            **_interval("profit", None if then is None else then.profit),
            **_interval("units_gain", it.units_gain if case.moves else None),
            **_interval("revenue_gain", it.revenue_gain if case.moves else None),
            **_interval("profit_gain", gain if it.objective == "profit" else None),
            "confidence": "" if it.abstained else str(names["confidence"][it.confidence]),
            "rule": "" if it.binding_rule is None else str(names["rules"].get(it.binding_rule, "")),
            "reason": reason_of(case, statements),
            "risk": risk_of(case, statements),
            "status": words(f"status.{case.status}") if case.moves or decided else "",
            "approved_price": None if case.verdict is None else case.verdict.price,
            "date": it.date[:10],
            "decision": case.entry.decision_id,
        }
        self._rows.add(row, weight=0.0 if gain is None else gain.mean, group=order_of(case, self._composer))

    def section(self, scope: Scope) -> Section:
        composer, words, period = self._composer, self._composer.statements.words, scope.period_word
        sheet = scope.sheet("report.actions")
        counted(sheet, {key: self._statuses[key] for key in ("open", "approved", "edited", "rejected")})
        counted(sheet, {"moves": self._moves, "sure": self._sure, "unchanged": self._unchanged})
        counted(sheet, {"again": self._again, "left_silent": self._silent})
        sheet.percent("interval", INTERVAL_LEVEL)
        values = values_of(sheet)
        decided = sum(self._statuses.values()) > self._statuses["open"]
        said = [words("actions.lead")]
        if self._moves:
            key = "all_sure" if self._sure == self._moves else "sure" if self._sure else "none_sure"
            said.append(words(f"actions.{key}", **values))
        said.append(words("actions.decided" if decided else "actions.open", **values))
        said += [words("actions.again", **values)] if self._again else []
        said += [words("actions.unchanged", **values)] if self._unchanged else []
        said += [words("actions.silent", **values)] if self._silent else []
        money = [composer.column("profit_gain", "total", signed=True, interval=True, period=period)]
        columns = [
            *product_columns(composer, scope),
            composer.column("action"),
            composer.column("current_price", "price"),
            composer.column("price", "price"),
            composer.column("change", "change"),
            *(money if self._costs else []),
            composer.column("revenue_gain", "total", signed=True, interval=True, period=period),
            # What a decision needs comes first: on a screen, the rest is reached by scrolling sideways.
            composer.column("reason"),
            composer.column("risk"),
            composer.column("status"),
            *([composer.column("approved_price", "price")] if self._approved else []),
            composer.column("confidence"),
            composer.column("rule"),
            *([composer.column("category")] if scope.categories else []),
            composer.column("units_keep", "units", period=period),
            composer.column("units", "units", interval=True, period=period),
            composer.column("units_gain", "units", signed=True, interval=True, period=period),
            composer.column("revenue", "total", interval=True, label="revenue_then", period=period),
            *([composer.column("profit", "total", interval=True, period=period)] if self._costs else []),
            composer.column("date", "date"),
            composer.column("decision", "code"),
        ]
        aims = words("notes.aims") if len(self._aims) > 1 else ""
        note = {"interval": values["interval"], "aims": aims}
        return Section(
            id="actions",
            title=words("actions.title"),
            sentences=composer.statements.checked("actions", said, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("actions", columns, self._rows, note=note),),
        )


def order_of(case: Case, composer: Composer) -> int:
    """Where a product stands: changes before keeps, and only amounts that can be compared side by side."""
    aims = 0 if case.it.objective == "profit" else 1
    return (RANKS[case.move] * 1000 + min(composer.group(case.it.currency), 499)) * 2 + aims


def _interval(key: str, value: Interval | None) -> dict[str, float | None]:
    if value is None:
        return dict.fromkeys((key, f"{key}_low", f"{key}_high"))
    return {key: value.mean, f"{key}_low": value.low, f"{key}_high": value.high}
