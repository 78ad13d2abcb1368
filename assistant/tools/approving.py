"""What the merchant makes of suggestions: approve them, name another price, or reject them with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from babel.numbers import get_currency_precision
from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Decision, DeskError
from assistant.facts import Fact, Sheet, facts_for, labels, money, what_if_facts
from assistant.tools.converting import Converted, converted
from assistant.tools.pricing import names_of, products_of
from assistant.tools.result import Result, Runtime, Turn
from assistant.tools.writing import Row, Staged, Undo, Write, carry_out, words_of
from assistant.wording import safe

if TYPE_CHECKING:
    from policy.decision.outcomes import WhatIf
    from policy.decision.recommendation import Recommendation

MOST = 30
"""Most suggestions of one approval."""

Ids = Annotated[
    list[Annotated[str, Field(max_length=20)]],
    Field(
        description="`decision_id` of each suggestion, as recommend gives it.", min_length=1, max_length=MOST
    ),
]
Reason = Annotated[
    str | None,
    Field(
        description="Why, in the merchant's words, for the record; never made up. A price of their own needs "
        "it where it is below cost or breaks a rule.",
        max_length=500,
    ),
]


@tool(response_format="content_and_artifact")
def approve(
    decision_ids: Ids,
    runtime: Runtime,
    price: Annotated[float | None, Field(description="The merchant's own price instead.")] = None,
    percent: Annotated[
        float | None, Field(description="Or a change of the price now, -10 is 10 % down.")
    ] = None,
    amount: Annotated[float | None, Field(description="Or a change in money: -2 is 2 off.")] = None,
    reason: Reason = None,
    currency: Annotated[
        str | None,
        Field(
            description="ISO 4217 code of the price or amount, where the merchant names another currency.",
            pattern="^[A-Z]{3}$",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        Field(
            description="The merchant's rate for that: how much of the shop's currency one of it is.", gt=0
        ),
    ] = None,
    start: Annotated[
        str | None,
        Field(description="Day from which it holds, ISO 8601, where the merchant names one."),
    ] = None,
) -> Result:
    """Approve suggestions, or the merchant's own price for one product, for the record of this shop.

    The merchant is shown the change and asked before anything is done: call this at once, do not ask
    first. Nothing is sent to the shop. Give none of price, percent and amount for the suggested price; for an
    own price get the product's `decision_id` from recommend. Say what `done` says. Never convert a price:
    give `currency`, and `rate` only as the merchant said it.
    Example: {"status": "ok", "language": "en", "done": "Approved: **Lavender Candle 200 g** at $16.20 from
    Nov 23, 2026.", "rows": [{"label": "Price", "before": "$18.00", "after": "$16.20"}], "notes": []}
    """
    own = {"price": price, "percent": percent, "amount": amount}
    named: dict[str, Any] = {"currency": currency, "rate": rate, "start": start}
    return carry_out(
        runtime, "approve", stage_approval, decision_ids=decision_ids, reason=reason, **own, **named
    )


@tool(response_format="content_and_artifact")
def reject(decision_ids: Ids, runtime: Runtime, reason: Reason = None) -> Result:
    """Note that the merchant does not follow suggestions, and why. They are asked before it is noted.

    Example: {"status": "ok", "language": "en", "done": "Noted as rejected: ...", "rows": [], "notes": []}
    """
    return carry_out(runtime, "reject", stage_rejection, decision_ids=decision_ids, reason=reason)


def stage_approval(
    turn: Turn,
    *,
    decision_ids: list[str],
    price: float | None = None,
    percent: float | None = None,
    amount: float | None = None,
    reason: str | None = None,
    currency: str | None = None,
    rate: float | None = None,
    start: str | None = None,
) -> Staged:
    """Prices entered in the ledger, from `start` on where it is given. Raises `DeskError`."""
    decisions = [turn.desk.current(id) for id in dict.fromkeys(decision_ids)]
    since = None if start is None else _start(start, decisions, turn)
    own = {"price": price, "percent": percent, "amount": amount}
    if any(value is not None for value in own.values()):
        if len(decisions) > 1:
            raise DeskError("one_own_price")
        return _own_price(turn, decisions[0], reason=reason, currency=currency, rate=rate, since=since, **own)
    if nothing := [it for it in decisions if it.recommendation.abstained]:
        raise DeskError("nothing_to_approve", name=_name(nothing[0].recommendation))
    facts = {it.id: facts_for(it.recommendation, turn.language) for it in decisions}
    if len(decisions) == 1:
        it, own_facts = decisions[0].recommendation, facts[decisions[0].id]
        return _staged(
            turn, decisions, "approve", rows=_rows(turn, it, own_facts), facts=own_facts,
            notes=_cautions(turn, it.cautions), reason=reason, since=since,
        )  # fmt: skip
    rows = [
        Row(_name(it.recommendation), _named(facts[it.id], "current_price"), _named(facts[it.id], "price"))
        for it in decisions
    ]
    sheet = Sheet("approval", turn.language)
    sheet.add("count", f"{len(decisions)}", len(decisions), "count", words_of(turn)("rows.count"))
    every = [*sheet.facts, *(fact for own in facts.values() for fact in own)]
    return _staged(
        turn, decisions, "approve_all", rows=rows, facts=every, notes=[], reason=reason, since=since
    )


def _start(start: str, decisions: list[Decision], turn: Turn) -> date:
    """The day from which prices hold, none before the period that was priced. Raises `DeskError`."""
    try:
        day = date.fromisoformat(start)
    except ValueError:
        raise DeskError("bad_start", start=start) from None
    first = max(it.recommendation.date for it in decisions)
    if day.isoformat() < first[:10]:
        sheet = Sheet("approval", turn.language)
        sheet.day("from", first, label=words_of(turn)("rows.from"))
        raise DeskError("start_before", date=sheet.facts[0].value)
    return day


def _own_price(
    turn: Turn,
    decision: Decision,
    *,
    reason: str | None,
    currency: str | None,
    rate: float | None,
    price: float | None,
    percent: float | None,
    amount: float | None,
    since: date | None,
) -> Staged:
    """The merchant's own price, with what it would do and which of their rules it breaks."""
    it = decision.recommendation
    told: Converted | None = None
    named = price if price is not None else amount
    if currency is not None and it.currency not in (None, currency) and named is not None:
        told = converted(turn, named, said=currency, rate=rate, own=str(it.currency))
        price, amount = (told.value, None) if price is not None else (None, told.value)
    what_if = turn.desk.what_if(it.sku, store=it.store, price=price, percent=percent, amount=amount)
    decimals = 2 if it.currency is None else get_currency_precision(it.currency)
    if (price := round(what_if.at.price, decimals)) != what_if.at.price:  # judged is what will be written
        what_if = turn.desk.what_if(it.sku, store=it.store, price=price)
    if what_if.unit_cost is not None and price < what_if.unit_cost and not reason:
        raise DeskError("reason_below_cost", name=_name(it))
    broken = _broken_rules(turn, what_if)
    if broken and not reason:
        raise DeskError("reason_breaks_rules", name=_name(it), rules=broken)
    facts = what_if_facts(what_if, turn.language)
    suggested = [] if it.abstained else [_named(facts_for(it, turn.language), "price")]
    cautions = tuple(code for code in what_if.cautions if not code.startswith("breaks_"))
    notes = [words_of(turn)("notes.breaks_rules", rules=broken)] if broken else []
    notes += _cautions(turn, cautions)
    if told is not None:
        facts, notes = [*facts, *told.facts], [told.note, *notes]
    return _staged(
        turn, [decision], "own_price", rows=_rows(turn, what_if, facts),
        facts=[*facts, *filter(None, suggested)], notes=notes, reason=reason, price=price,
        since=since,
    )  # fmt: skip


def _staged(
    turn: Turn,
    decisions: list[Decision],
    key: str,
    *,
    rows: list[Row],
    facts: list[Fact],
    notes: list[str],
    reason: str | None,
    price: float | None = None,
    since: date | None = None,
) -> Staged:
    words, first = words_of(turn), decisions[0].recommendation
    ids = [it.id for it in decisions]
    prices = {fact.key: fact.value for fact in facts if fact.key in ("price", "current_price", "date")}
    if price is not None:
        prices["price"] = money(price, first.currency, turn.language)
    sheet = Sheet(f"{first.sku}.approval", turn.language)
    sheet.day("from", first.date if since is None else since.isoformat(), label=words("rows.from"))
    if since is not None:
        rows = [*rows, Row(words("rows.from"), None, sheet.facts[0])]
    values = prices | {"name": safe(_name(first)), "date": sheet.facts[0].value, "count": f"{len(ids)}"}
    if reason:
        notes = [*notes, words("notes.reason", reason=safe(reason))]

    def commit() -> Undo:
        turn.desk.store.approve_decision(
            *ids, effective_from=since, actor=turn.user, price=price, reason=reason
        )
        return {"decision_ids": ids}

    return Staged(
        summary=words(f"summary.{key}", **values),
        done=words(f"done.{key}", **values),
        commit=commit,
        rows=rows,
        notes=[*notes, words("notes.not_sent")],
        facts=[*sheet.facts, *facts],
        names=names_of(it.recommendation for it in decisions),
        products=products_of(it.recommendation for it in decisions),
        skus=[it.recommendation.sku for it in decisions],
        decision_ids=ids,
    )


def stage_rejection(turn: Turn, *, decision_ids: list[str], reason: str | None = None) -> Staged:
    """Suggestions noted as not followed. Raises `DeskError`."""
    words = words_of(turn)
    decisions = [turn.desk.current(id) for id in dict.fromkeys(decision_ids)]
    ids = [it.id for it in decisions]
    for it in decisions:
        if (verdict := turn.desk.store.verdict(it.id)) is not None and verdict.verdict == "approved":
            raise DeskError("approved_already", name=_name(it.recommendation))
    names = labels(turn.language)["answer"]["and"].join(safe(_name(it.recommendation)) for it in decisions)

    def commit() -> Undo:
        turn.desk.store.reject_decision(*ids, actor=turn.user, reason=reason)
        return {"decision_ids": ids}

    facts = [fact for it in decisions for fact in facts_for(it.recommendation, turn.language)]
    rows = (
        [] if decisions[0].recommendation.abstained else _rows(turn, decisions[0].recommendation, facts)[:1]
    )
    return Staged(
        summary=words("summary.reject", names=names),
        done=words("done.reject", names=names),
        commit=commit,
        rows=rows if len(decisions) == 1 else [],
        notes=[words("notes.reason", reason=safe(reason))] if reason else [],
        facts=facts,
        names=names_of(it.recommendation for it in decisions),
        products=products_of(it.recommendation for it in decisions),
        skus=[it.recommendation.sku for it in decisions],
        decision_ids=ids,
    )


def take_back_verdict(turn: Turn, undo: Mapping[str, Any]) -> Staged:
    """An approval or rejection withdrawn; the price in force before holds again."""
    words, store = words_of(turn), turn.desk.store
    # Of several decided at once some may have been taken back already, each by itself.
    standing = {id: store.verdict(id) for id in map(str, undo["decision_ids"])}
    verdicts = {id: verdict for id, verdict in standing.items() if verdict is not None}
    if not verdicts:
        raise DeskError("nothing_to_undo")
    ids = list(verdicts)
    rows, facts = [], []
    names, skus = [], []
    for id, verdict in verdicts.items():
        record = store.decision(id).record
        names.append(str(record["name"] or record["sku"]))
        skus.append(str(record["sku"]))
        if verdict.verdict == "approved":
            sheet = Sheet(f"{record['sku']}.{id}", turn.language, currency=record["currency"])
            sheet.price("approved", verdict.price, label=words("rows.approved"))
            rows.append(Row(names[-1], sheet.facts[0], None))
            facts += sheet.facts
    listed = labels(turn.language)["answer"]["and"].join(map(safe, names))

    def commit() -> Undo:
        store.withdraw_verdict(*ids, actor=turn.user)
        return None

    return Staged(
        summary=words("summary.withdraw", names=listed),
        done=words("done.withdraw", names=listed),
        commit=commit,
        rows=rows,
        notes=[words("notes.not_sent")] if rows else [],
        facts=facts,
        names=[*names, *skus],
        products=dict(zip(skus, names, strict=True)),
        skus=skus,
        decision_ids=ids,
    )


APPROVE = Write(approve, stage_approval, take_back_verdict)
REJECT = Write(reject, stage_rejection, take_back_verdict)


def _rows(turn: Turn, it: Recommendation | WhatIf, facts: list[Fact]) -> list[Row]:
    """Price, margin, units and money, at the price now and then."""
    words, money_key = words_of(turn), "profit" if it.objective == "profit" else "revenue"
    pairs = (("price", "current_price", "price"), *(
        (key, f"{key}_keep", f"{key}_take") for key in ("margin", "units", money_key)
    ))  # fmt: skip
    period = labels(turn.language)["period"][it.period]
    rows = [
        Row(words(f"rows.{key}", period=period), _named(facts, before), _named(facts, after))
        for key, before, after in pairs
    ]
    return [row for row in rows if row.after is not None]


def _broken_rules(turn: Turn, what_if: WhatIf) -> str:
    """Which of the shop's rules a price of the merchant's own breaks, as they read; empty for none."""
    from policy.decision.limits import violated

    said = labels(turn.language)
    return str(said["answer"]["and"]).join(
        str(said["rules"].get(rule, rule)) for rule in violated(what_if.verdicts)
    )


def _cautions(turn: Turn, codes: tuple[str, ...]) -> list[str]:
    cautions = labels(turn.language)["cautions"]
    return [words_of(turn)("notes.caution", caution=cautions.get(code, code)) for code in codes]


def _name(it: Recommendation | WhatIf) -> str:
    return f"{it.name or it.sku} ({it.store})" if it.store else it.name or it.sku


def _named(facts: list[Fact], key: str) -> Fact | None:
    return next((fact for fact in facts if fact.key == key), None)
