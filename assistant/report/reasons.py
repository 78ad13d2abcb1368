"""Why a price is suggested, and what speaks for caution, in a few words each."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.facts import labels
from assistant.report.case import Case, Risk
from assistant.report.statements import Statements, capitalised

MOST_DRIVERS = 2


def reason_of(case: Case, statements: Statements) -> str:
    """Short enough for a table's cell."""
    return " ".join(statements.checked(case.id, [_reason(case, statements)], case.facts))


def risk_of(case: Case, statements: Statements) -> str:
    """What speaks for caution about a change; empty where nothing in particular does."""
    return capitalised(phrases_of(case.risks, statements))


def phrases_of(risks: Sequence[Risk], statements: Statements) -> str:
    """Risks inside a sentence."""
    return statements.join([statements.words(f"risks.{risk}") for risk in risks])


def _reason(case: Case, statements: Statements) -> str:
    it, words, names = case.it, statements.words, labels(statements.language)
    if it.abstained is not None:
        return words("reason.none", reason=str(names["abstained"][it.abstained]))
    held = bool(it.clamps) and it.model_price is not None
    rule = str(names["rules"].get(it.binding_rule, it.binding_rule)) if it.binding_rule else ""
    if case.move == "keep":
        if held:
            return words("reason.held", rule=rule)
        codes = [str(names["cautions"][code]) for code in it.cautions if code in _WHY_KEPT]
        return capitalised(words("reason.keep", why=codes[0]) if codes else words("reason.best"))
    # Only what pushed the price the way it went: the rest would be no reason.
    sign = 1 if case.move == "raise" else -1
    behind = [driver.name for driver in it.drivers if driver.contribution * sign > 0][:MOST_DRIVERS]
    way = "up" if sign > 0 else "down"
    phrases = [words(f"reason.{way}_{name}") for name in behind if name in _NAMED]
    said = capitalised(statements.listed(phrases)) if phrases else words(f"reason.{way}_alone")
    if rule:
        said = statements.join([said, words("reason.rule", rule=rule)])
    return words("reason.stop", text=said)


_NAMED = frozenset(["elasticity", "unit_cost", "competitor_price", "stock"])
_WHY_KEPT = frozenset(["gain_not_worthwhile", "ending_not_worthwhile"])
