"""Why a price is suggested, what speaks for caution, and what was decided of it, in a few words each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.facts import Fact, Sheet, labels, moment
from assistant.report.case import Case, Risk
from assistant.report.statements import Statements, capitalised, values_of
from assistant.store.records import Verdict
from assistant.wording import printable

MOST_DRIVERS = 2
LONGEST_REASON = 160
"""Characters of a merchant's own reason that are repeated."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """Sentences with the facts that they rest on."""

    sentences: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    quoted: tuple[str, ...] = ()
    """What others wrote, as it stands in them."""


def reason_of(case: Case, statements: Statements) -> str:
    """Short enough for a table's cell."""
    past = decided(case, statements)
    said = [_reason(case, statements), *past.sentences]
    known = [*case.facts, *past.facts]
    kept = statements.checked(case.id, said, known, quoted=past.quoted)
    return statements.words("join.sentence").join(kept)


def decided(case: Case, statements: Statements) -> Said:
    """When and why the suggestion, or such a one before, was rejected; a price approved and never charged."""
    ruling = case.verdict if case.status == "rejected" or case.ruling is None else case.ruling.verdict
    if ruling is None or not (case.status in ("rejected", "again") or case.charged is False):
        return Said()
    sheet = Sheet(case.id, statements.language, currency=case.it.currency, section="report")
    sheet.add("ruled_on", moment(ruling.at, statements.language), None, "date")
    if ruling.verdict == "approved":
        assert ruling.effective_from is not None  # else nobody knows whether it was charged
        sheet.price("ruled_price", ruling.price)
        sheet.day("ruled_from", ruling.effective_from.isoformat())
        sheet.price("charged_since", case.entry.sales.prices[-1])
        key = "uncharged"
    elif case.status == "rejected":
        key = "rejected"
    else:
        assert case.ruling is not None
        sheet.price("ruled_price", case.ruling.suggested)
        key = "again"
    quoted = reason_given(ruling)
    told = values_of(sheet) | {"quoted": quoted}
    because = key != "uncharged" and bool(quoted)
    said = statements.words(f"decided.{key}_because" if because else f"decided.{key}", **told)
    return Said(sentences=(said,), facts=tuple(sheet.facts), quoted=(quoted,) if because else ())


def reason_given(ruling: Verdict) -> str:
    """What the merchant wrote, in quotation marks and on one line; empty where there is nothing."""
    text = " ".join(printable(ruling.reason or "").split())
    if not text:
        return ""
    if len(text) > LONGEST_REASON:
        text = f"{text[: LONGEST_REASON - 1].rstrip()}…"
    return f"“{text}”"


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
    said = capitalised(statements.joined(phrases)) if phrases else words(f"reason.{way}_alone")
    if rule:
        said = statements.join([said, words("reason.rule", rule=rule)])
    return words("reason.stop", text=said)


_NAMED = frozenset(["elasticity", "unit_cost", "competitor_price", "stock"])
_WHY_KEPT = frozenset(["gain_not_worthwhile", "ending_not_worthwhile"])
