"""One product on a page of its own: the advice as the chat explains it, the risk, how it stands."""

from __future__ import annotations

import re
from typing import Any

from assistant.embedded.sentences import Sentences, sentences, values_of
from assistant.embedded.wording import explanation
from assistant.facts import Fact, Sheet, count, labels, money, quantity, signed
from assistant.report.case import Case
from assistant.report.document import Page
from assistant.report.entry import Curve, Sales
from assistant.report.reasons import decided, phrases_of
from assistant.report.sections.promotions import whole
from assistant.report.statements import Statements
from assistant.report.totals import adding_decimals, effect_of
from assistant.shop_facts import evidence_facts, position_facts, stock_facts

ONLY_HERE = frozenset(["thin", "rival_old", "stock_old", "large"])
"""Risks that the chat's explanation does not name."""


class Words:
    """What pages are written with."""

    def __init__(self, statements: Statements) -> None:
        self.report = statements
        self.chat: Sentences = sentences(statements.language)


def page_of(case: Case, words: Words) -> Page:
    """The page of one product, its every sentence checked."""
    it, entry = case.it, case.entry
    past = decided(case, words.report)
    facts = [*_facts(case, words.report), *past.facts]
    said = [*_advice(case, words, facts), *_standing(case, words.report, facts), *past.sentences]
    checked = words.report.checked(
        case.id, said, facts, products=case.products, names=case.names, quoted=past.quoted
    )
    return Page(
        id=case.id,
        title=case.name,
        sentences=checked,
        facts=tuple(facts),
        sales=entry.sales,
        curve=entry.curve,
        unit_cost=it.unit_cost,
        current_price=it.current_price,
        price=it.price if case.move != "none" else None,
        currency=it.currency,
        period=it.period,
    )


def _facts(case: Case, statements: Statements) -> list[Fact]:
    """Everything that the page may say; where two state the same, the first."""
    it, entry, language = case.it, case.entry, statements.language
    sheet = Sheet(case.id, language, period=it.period, currency=it.currency, section="report")
    if case.moves and it.take is not None and it.keep is not None:
        effect = effect_of(it.take, it.keep)
        amounts = {"revenue": effect.revenue, "revenue_price": effect.revenue_price}
        amounts["revenue_volume"] = effect.revenue_volume
        decimals = adding_decimals(it.currency, *amounts.values())
        for key, amount in amounts.items():
            text = signed(money(amount, it.currency, language, decimals=decimals))
            sheet.add(f"{key}_effect", text, amount, it.currency or "money")
    if entry.reference is not None:
        sheet.price("reference_price", entry.reference.price)
        sheet.percent("announced", whole(entry.reference.discount))
    if entry.earlier is not None:
        sheet.day("earlier_date", entry.earlier.date)
        sheet.price("earlier_price", entry.earlier.price)
    if entry.foretold:
        last = entry.foretold[-1]
        sheet.day("foretold_date", last.date)
        low, high = (quantity(x, language) for x in (last.expected.low, last.expected.high))
        expected = labels(language)["range"]["units"].format(low=low, high=high)
        sheet.add("foretold_range", expected, None, "units")
        sheet.add("foretold_sold", quantity(last.sold, language), last.sold, "units")
        sheet.add("given", count(len(entry.foretold), language), len(entry.foretold), "count")
        inside = sum(it.inside for it in entry.foretold)
        sheet.add("given_inside", count(inside, language), inside, "count")
    if case.verdict is not None and case.status in ("approved", "edited"):
        sheet.price("approved_price", case.verdict.price)
        if case.verdict.effective_from is not None:
            sheet.day("effective_from", case.verdict.effective_from.isoformat())
    standing = case.standing
    if standing.stock_date is not None and standing.stock_old:
        sheet.day("stock_date", standing.stock_date)
    rest = [*stock_facts(standing, language), *position_facts(standing, language)]
    every = [*case.facts, *rest, *evidence_facts(standing, language), *sheet.facts]
    return list({fact.id: fact for fact in reversed(every)}.values())[::-1]


def _advice(case: Case, words: Words, facts: list[Fact]) -> list[str]:
    """What to do and why."""
    values = _values(case, words.report, facts)
    if case.move == "none":
        reason, remedies = values["abstained"], [str(code) for code in case.it.remedies]
        names = labels(words.report.language)["remedies"]
        said = [words.report.words("page.none", **values | {"reason": reason})]
        if remedies:
            fix = words.report.join([str(names[code]) for code in remedies])
            said.append(words.report.words("page.remedy", remedies=fix))
        if "test_price" in values:
            said.append(words.report.words("page.test", **values))
        return said
    said = plain(explanation(case.item, words.chat))
    if case.moves:
        outcome = words.chat.known("price.outcome", values_of(case.item, words.chat))
        said[1:1] = plain(outcome)
        if risks := [risk for risk in case.risks if risk in ONLY_HERE]:
            said.append(words.report.words("page.risk", risk=phrases_of(risks, words.report)))
        if "revenue_effect" in values:
            said.append(words.report.words("page.effects", **values))
    return said


def _standing(case: Case, statements: Statements, facts: list[Fact]) -> list[str]:
    """Stock, competitor, announcing a cut, the last report, what was decided."""
    values, words, entry = _values(case, statements, facts), statements.words, case.entry
    said = []
    if "cover" in values and case.standing.stock:
        said.append(words("page.stock", **values))
    elif case.standing.stock is not None:
        said.append(words("page.stock_plain", **values))
    if case.standing.stock_old:
        said.append(words("page.stock_old", **values))
    if "price_gap" in values and "competitor_date" in values:
        key = "stale" if case.standing.competitor_stale else str(case.standing.position)
        said.append(words(f"page.rival_{key}", **values))
    if entry.reference is not None and case.move == "cut" and case.counts:
        blocked = entry.reference.blocked
        if blocked is None:
            said.append(words("page.announce", **values))
        else:
            reason = str(labels(statements.language)["reference"][f"blocked.{blocked}"])
            said.append(words("page.announce_not", reason=reason))
    if entry.earlier is not None:
        said.append(words("page.earlier_none" if entry.earlier.abstained else "page.earlier", **values))
    if entry.foretold:
        inside = "inside" if entry.foretold[-1].inside else "outside"
        said.append(words(f"page.foretold_{inside}", **values))
    if case.status in ("approved", "edited"):
        key = "approved_from" if "effective_from" in values else "approved"
        said.append(words(f"page.{key}", **values))
    return said


def _values(case: Case, statements: Statements, facts: list[Fact]) -> dict[str, str]:
    period = str(labels(statements.language)["period"][case.it.period])
    return {fact.key: fact.value for fact in facts} | {"name": case.name, "period": period}


# Markdown as plain sentences

_MARKS = re.compile(r"\\([\\`*\[\]<>|])|\*\*")


def plain(markdown: str) -> list[str]:
    """Paragraphs as sentences without marks; a list under a heading is one sentence, others one an item."""
    found: list[str] = []
    heading, items = "", list[str]()
    for line in [*markdown.splitlines(), ""]:
        text = _MARKS.sub(lambda mark: mark[1] or "", line.removeprefix("- ")).strip()
        if re.fullmatch(r"\*\*[^*]+\*\*", line.strip()):
            heading = text
        elif heading and line.startswith("- "):
            items.append(text)
        elif text or items:
            found += [_listed(heading, items)] if items else []
            found += [text] if text else []
            heading, items = "", []
    return found


def _listed(heading: str, items: list[str]) -> str:
    colon, semicolon, stop = (": ", "; ", ".") if heading.isascii() else ("：", "；", "。")
    return f"{heading}{colon}{semicolon.join(items)}{stop}"


# Pages on the spool


def packed(page: Page) -> dict[str, Any]:
    """Plain JSON types."""
    parts = {
        name: None if part is None else vars(part)
        for name, part in (("sales", page.sales), ("curve", page.curve))
    }
    return vars(page) | parts | {"facts": [vars(fact) for fact in page.facts]}


def unpacked(values: dict[str, Any]) -> Page:
    """The inverse of `packed`."""
    curve = values["curve"]
    return Page(
        **values
        | {
            "sentences": tuple(values["sentences"]),
            "facts": tuple(Fact(**fact) for fact in values["facts"]),
            "sales": Sales(**{name: tuple(column) for name, column in values["sales"].items()}),
            "curve": curve and Curve(**{name: tuple(column) for name, column in curve.items()}),
        }
    )
