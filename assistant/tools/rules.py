"""The merchant's rules: those in force, and changes to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from babel.dates import format_date
from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk, DeskError
from assistant.facts import LOCALES, Fact, Sheet, labels
from assistant.store.records import RulesVersion, Scope
from assistant.tools.result import Report, Result, Runtime, Turn, run
from assistant.tools.writing import WORDS, Row, Staged, Undo, Write, carry_out, words_of
from assistant.wording import Language, safe, wording
from policy.decision.rules import Rules, RulesInfeasible

MOST_NAMES = 6
"""Most products named in a note; the count beside them is of all."""

FRACTIONS = ("max_change", "min_margin")
MONEY = ("minimum_advertised_price",)
ENDING = "price_ending"
"""How fields of `Rules` are shown; any other is a switch, a number, or JSON."""


@tool(response_format="content_and_artifact")
def show_rules(runtime: Runtime) -> Result:
    """The rules in force: of the store, categories and products; who set them and since when.

    A product's own rules hold instead of its category's, and those instead of the store's.
    Example: {"status": "ok", "language": "en", "scopes": [{"scope": "store", "key": null, "name": "the whole
    store", "version": 2, "actor": "merchant", "since": "Nov 3, 2026", "rules": [{"field": "max_change",
    "label": "largest change in one step", "value": "10%"}, ...]}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        in_force = desk.store.rules_in_force()
        if not any(version.scope == "store" for version in in_force):
            in_force = [_defaults(), *in_force]
        currency = _currency(desk)
        scopes, every = [], []
        for version in in_force:
            facts = _facts(version, currency, language)
            every += facts
            told = [
                {"field": fact.key, "label": fact.label, "value": fact.value}
                for fact in facts
                if fact.key not in ("since", "version")
            ]
            values = {fact.key: fact.value for fact in facts}
            scopes.append(
                {
                    "scope": version.scope,
                    "key": version.key,
                    "name": _scope_name(desk, version.scope, version.key, language),
                    "version": version.version,
                    "actor": version.actor if version.version else None,
                    "since": values.get("since"),
                    "rules": told,
                }
            )
        names = [str(text) for it in scopes for text in (it["key"], it["name"]) if text]
        return Report({"status": "ok", "scopes": scopes}, every, names=names)

    return run(runtime, report)


@tool(response_format="content_and_artifact")
def set_rules(
    scope: Annotated[Literal["store", "category", "product"], Field(description="What they hold for.")],
    changes: Annotated[
        dict[str, Any],
        Field(
            description="New values by field: max_change and min_margin are fractions (0.1 is 10 %); "
            "price_ending is 0.99 for 4.99, 9 for 19 and 139; minimum_advertised_price is money; "
            "allow_below_cost is true or false. null switches a rule off. Fields left out stay as they are.",
            min_length=1,
        ),
    ],
    runtime: Runtime,
    key: Annotated[
        str | None, Field(description="The category's name or the product's SKU; null for the store.")
    ] = None,
) -> Result:
    """Change rules that every suggested price must keep, for the store, a category or a product.

    The merchant is shown the difference and asked before anything is done: call this at once, do not ask
    first. Say what `done` says.
    Example: {"status": "ok", "language": "en", "done": "Set for the whole store.", "rows": [{"label":
    "largest change in one step", "before": "20%", "after": "10%"}], "notes": []}
    """
    return carry_out(runtime, "set_rules", stage_rules, scope=scope, key=key, changes=changes)


def stage_rules(turn: Turn, *, scope: Scope, changes: Mapping[str, Any], key: str | None = None) -> Staged:
    """New rules for one scope. Raises `DeskError`."""
    key = _known(turn.desk, scope, key)
    before, own = _held(turn.desk, scope, key)
    try:
        after = Rules.from_dict({**before.to_dict(), **changes})
    except (TypeError, ValueError) as error:
        raise DeskError("bad_rules", error=str(error)) from error
    if after == before:
        raise DeskError("same_rules")
    undo = {"scope": scope, "key": key, "before": before.to_dict() if own else None}
    return _staged(turn, scope, key, before, after, new=after, undo=undo)


def take_back_rules(turn: Turn, undo: Mapping[str, Any]) -> Staged:
    """The rules of a scope as they were before a change; none of its own where it had none."""
    scope, key = undo["scope"], undo["key"]
    now, _ = _held(turn.desk, scope, key)
    if undo["before"] is None:
        wider: tuple[Scope, str | None] = ("store", None)
        if scope == "product" and (category := turn.desk.product(str(key)).category):
            wider = "category", category
        before = Rules() if scope == "store" else _held(turn.desk, *wider)[0]
    else:
        before = Rules.from_dict(undo["before"])
    new = None if undo["before"] is None else before
    return _staged(turn, scope, key, now, before, new=new, undo=None)


SET_RULES = Write(set_rules, stage_rules, take_back_rules)


def _staged(
    turn: Turn, scope: Scope, key: str | None, before: Rules, after: Rules, *, new: Rules | None, undo: Undo
) -> Staged:
    """From the rules that hold now to others; `new` is what is put in force, None to withdraw."""
    desk, words = turn.desk, words_of(turn)
    name, currency = _scope_name(desk, scope, key, turn.language), _currency(desk)
    changed = [
        field.name for field in fields(Rules) if getattr(before, field.name) != getattr(after, field.name)
    ]
    sheets = {}
    for side, rules in (("before", before), ("after", after)):
        sheet = Sheet(f"rules.{scope}.{key or ''}.{side}", turn.language, currency=currency)
        for field in changed:
            _add(sheet, field, getattr(rules, field))
        sheets[side] = {fact.key: fact for fact in sheet.facts}
    label = {field: _label(field, turn.language) for field in changed}
    facts, notes = _infeasible(turn, scope, key, after)

    def commit() -> Undo:
        desk.store.set_rules(new, scope=scope, key=key, actor=turn.user)
        return undo

    return Staged(
        summary=words("summary.rules", scope=safe(name)),
        done=words("done.rules", scope=safe(name)),
        commit=commit,
        rows=[Row(label[it], sheets["before"].get(it), sheets["after"].get(it)) for it in changed],
        notes=notes,
        facts=facts,
        names=[name, *([key] if key else [])],
    )


def _infeasible(turn: Turn, scope: Scope, key: str | None, after: Rules) -> tuple[list[Fact], list[str]]:
    """Which products of the scope no price would suit under the new rules."""
    desk, words = turn.desk, words_of(turn)
    products = {product.sku: product for product in desk.store.products()}
    nearer = {
        (version.scope, version.key) for version in desk.store.rules_in_force() if version.scope != "store"
    }
    stuck = []
    for decision in desk.overview():
        it = decision.recommendation
        category = products[it.sku].category
        if (scope == "product" and it.sku != key) or (scope == "category" and category != key):
            continue
        if scope != "product" and ("product", it.sku) in nearer:
            continue
        if scope == "store" and ("category", category) in nearer:
            continue
        try:
            after.apply(
                it.model_price or it.current_price, current_price=it.current_price, unit_cost=it.unit_cost
            )
        except RulesInfeasible:
            stuck.append(it.name or it.sku)
    if not stuck:
        return [], []
    sheet = Sheet("rules.infeasible", turn.language)
    sheet.add("count", f"{len(stuck)}", len(stuck), "count", words("rows.count"))
    listed = labels(turn.language)["answer"]["comma"].join(map(safe, stuck[:MOST_NAMES]))
    return sheet.facts, [words("notes.infeasible", count=len(stuck), names=listed)]


def _held(desk: Desk, scope: Scope, key: str | None) -> tuple[Rules, bool]:
    """The rules that hold for a scope now, and whether they are its own."""
    found = {(it.scope, it.key): it.rules for it in desk.store.rules_in_force()}
    if (scope, key) in found:
        return found[scope, key], True
    if scope == "product":
        return desk.store.rules_for([str(key)])[str(key)], False
    return found.get(("store", None), Rules()), False


def _known(desk: Desk, scope: Scope, key: str | None) -> str | None:
    """The scope's key as the store spells it. Raises `DeskError`."""
    if scope == "store":
        return None
    if scope == "product":
        return desk.product(key or "").sku
    categories = {it.category.casefold(): it.category for it in desk.store.products() if it.category}
    if (found := categories.get((key or "").strip().casefold())) is None:
        raise DeskError("unknown_category", category=key or "")
    return found


def _scope_name(desk: Desk, scope: Scope, key: str | None, language: Language) -> str:
    words = wording(language, WORDS)
    if scope == "product" and key:
        name = next((it.name for it in desk.store.products() if it.sku == key), None)
        return words("scopes.product", name=name or key)
    return words("scopes.category", name=key or "") if scope == "category" else words("scopes.store")


def _defaults() -> RulesVersion:
    """What holds where a store never set rules."""
    import datetime as dt

    return RulesVersion(
        scope="store",
        key=None,
        version=0,
        fields=Rules().to_dict(),
        actor="",
        created_at=dt.datetime.now(dt.UTC),
    )


def _facts(version: RulesVersion, currency: str | None, language: Language) -> list[Fact]:
    words = wording(language, WORDS)
    sheet = Sheet(f"rules.{version.scope}.{version.key or ''}", language, currency=currency)
    for field in fields(Rules):
        _add(sheet, field.name, getattr(version.rules, field.name))
    if version.version:
        sheet.add("version", f"{version.version}", version.version, "count", words("rows.version"))
        day = format_date(version.created_at.date(), "medium", locale=LOCALES[language])
        sheet.add("since", day, None, "date", words("rows.since"))
    return sheet.facts


def _add(sheet: Sheet, field: str, value: Any) -> None:
    """One field of the rules as a fact; off where it is None."""
    words, label = wording(sheet.language, WORDS), _label(field, sheet.language)
    if value is None:
        sheet.add(field, words("values.off"), None, "text", label)
    elif isinstance(value, bool):
        sheet.add(field, words("values.yes" if value else "values.no"), None, "text", label)
    elif field in FRACTIONS:
        sheet.percent(field, value, label=label)
    elif field in MONEY:
        sheet.price(field, value, label=label)
    elif isinstance(value, int | float):
        text = f"{value:.2f}".lstrip("0") if field == ENDING and 0 < value < 1 else f"{value:g}"
        sheet.add(field, text, float(value), "money", label)
    else:
        sheet.add(field, json.dumps(value, ensure_ascii=False, default=str), None, "text", label)


def _label(field: str, language: Language) -> str:
    names: Mapping[str, str] = labels(language)["rule_fields"]
    return names.get(field, field.replace("_", " "))


def _currency(desk: Desk) -> str | None:
    """The shop's currency, where it has one only."""
    found = {product.currency for product in desk.store.products()}
    return found.pop() if len(found) == 1 else None
