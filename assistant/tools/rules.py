"""The merchant's rules: those in force, and changes to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import Field

from assistant.desk import Desk, DeskError
from assistant.facts import Fact, Sheet, labels, moment
from assistant.store.database import StoreError
from assistant.store.records import RulesProposal, RulesVersion, Scope
from assistant.tools.result import Report, Result, Runtime, Turn, run
from assistant.tools.rule_fields import RuleChanges
from assistant.tools.rule_values import PART, add_rule, as_shown, rule_label
from assistant.tools.writing import WORDS, Row, Staged, Undo, Write, carry_out, words_of
from assistant.wording import Language, safe, wording
from policy.decision.rules import Rules

MOST_NAMES = 6
"""Most products named in a note; the count beside them is of all."""
_ADDED = ("freezes", "minimum_by_market")
"""Rules that are lists: what is said is added to what the scope has."""


@tool(response_format="content_and_artifact")
def show_rules(
    runtime: Runtime,
    skus: Annotated[
        list[str] | None, Field(description="Only rules that concern these products; null for all.")
    ] = None,
) -> Result:
    """The rules in force: of the store, categories and products; who set them and since when.

    Of each rule, what a product's own say holds, else its category's, else the store's.
    Example: {"status": "ok", "language": "en", "scopes": [{"scope": "store", "key": null, "name": "the whole
    store", "version": 2, "actor": "merchant", "since": "Nov 3, 2026", "rules": [{"field": "max_change",
    "label": "largest change in one step", "value": "10%"}, ...]}]}
    """

    def report(desk: Desk, language: Language) -> Report:
        in_force = desk.store.rules_in_force()
        if not any(version.scope == "store" for version in in_force):
            in_force = [_defaults(), *in_force]
        if skus:
            in_force = [version for version in in_force if _concerns(version, desk, skus)]
        scopes, every = [], []
        for version in in_force:
            facts = _facts(version, desk, language)
            every += facts
            told = [
                {"field": fact.key, "label": fact.label, "value": fact.value}
                for fact in facts
                if fact.key not in ("since", "version") and PART not in fact.key
            ]
            values = {fact.key: fact.value for fact in facts}
            if told:
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
    changes: Annotated[RuleChanges, Field(description="New values of the rules that change.")],
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


def stage_rules(
    turn: Turn, *, scope: Scope, changes: RuleChanges | Mapping[str, Any], key: str | None = None
) -> Staged:
    """New rules for one scope. Raises `DeskError`."""
    told = (changes if isinstance(changes, RuleChanges) else RuleChanges(**changes)).told
    if (margin := told.get("min_margin")) is not None and margin >= 1:
        raise DeskError("margin_too_high")
    told = as_shown(told, _currency(turn.desk))
    key = _known(turn.desk, scope, key)
    own = _own(turn.desk, scope, key) or {}
    if told.get("below_cost_exception"):
        told["below_cost_exception"]["granted_by"] = turn.user
    for name in _ADDED:
        if name in told:
            more = told[name] or []
            markets = {it.get("market", "").casefold() for it in more}
            kept = [it for it in own.get(name, []) if it not in more]
            kept = [it for it in kept if name == "freezes" or it["market"].casefold() not in markets]
            told[name] = [*kept, *more] if more else []
    proposal = _proposed(turn.desk, told, (), scope, key)
    before, after = (_holding(turn.desk, scope, key, body) for body in (own, proposal.after))
    if before == after:
        raise DeskError("same_rules", **_as_it_is(turn, scope, key, before, told))
    return _staged(
        turn,
        proposal,
        undo={"scope": scope, "key": key, "before": proposal.before, "after": proposal.after},
    )


def take_back_rules(turn: Turn, undo: Mapping[str, Any]) -> Staged:
    """The rules that a change set as they were before it; those set since, by anyone, stay."""
    scope, key, before, after = undo["scope"], undo["key"], undo["before"] or {}, undo["after"] or {}
    changed = {
        it for it in {*before, *after} if it not in before or it not in after or before[it] != after[it]
    }
    told = {name: before[name] for name in changed if name in before}
    return _staged(turn, _proposed(turn.desk, told, changed - set(before), scope, key), undo=None)


SET_RULES = Write(set_rules, stage_rules, take_back_rules)


def _proposed(
    desk: Desk, told: Mapping[str, Any], unset: Iterable[str], scope: Scope, key: str | None
) -> RulesProposal:
    try:
        return desk.store.propose_rules(told, unset=unset, scope=scope, key=key)
    except StoreError as error:
        raise DeskError("bad_rules", error=str(error)) from (error.__cause__ or error)


def _staged(turn: Turn, proposal: RulesProposal, *, undo: Undo) -> Staged:
    """From the rules that hold now to those proposed."""
    desk, words, scope, key = turn.desk, words_of(turn), proposal.scope, proposal.key
    name = _scope_name(desk, scope, key, turn.language)
    sides = {
        side: _holding(desk, scope, key, body)
        for side, body in (("before", proposal.before), ("after", proposal.after))
    }
    changed = [field for field in sides["after"] if sides["before"][field] != sides["after"][field]]
    found = {}
    for side, rules in sides.items():
        facts = _valued(f"rules.{scope}.{key or ''}.{side}", desk, turn.language, rules, changed)
        found[side] = {fact.key: fact for fact in facts}
    parts = [fact for side in found.values() for fact in side.values() if PART in fact.key]
    facts, notes = _notes(turn, proposal)
    if "minimum_by_market" in changed and (rules := sides["after"])["minimum_by_market"]:
        note = "other_markets" if rules["market"] else "no_market"
        notes = [words(f"notes.{note}", market=safe(str(rules["market"]))), *notes]

    def commit() -> Undo:
        desk.store.confirm_rules(proposal, actor=turn.user)
        return undo

    return Staged(
        summary=words("summary.rules", scope=safe(name)),
        done=words("done.rules", scope=safe(name)),
        commit=commit,
        rows=[
            Row(rule_label(it, turn.language), found["before"].get(it), found["after"].get(it))
            for it in changed
        ],
        notes=notes,
        facts=[*parts, *facts],
        names=[name, *([key] if key else [])],
    )


def _notes(turn: Turn, proposal: RulesProposal) -> tuple[list[Fact], list[str]]:
    """Products that no price would suit, the rules in conflict there, and products left as they are."""
    desk, words = turn.desk, words_of(turn)
    pipeline = desk.pipeline  # waited for first: two threads that import its libraries at once break both
    from policy.decision.feasible import conflicts

    names_of = {product.sku: product.name or product.sku for product in desk.store.products()}
    then = desk.store.rules_for(None, proposal=proposal)
    now = pipeline.circumstances(desk.history(), rules=then)
    decided = [decision.recommendation for decision in desk.overview()]
    excluded = conflicts(now, then, {(it.store, it.sku): it.abstained for it in decided})
    excluded = {key: rules for key, rules in excluded.items() if key[1] in proposal.skus}
    stuck = [names_of[sku] for _, sku in excluded]
    against = dict.fromkeys(rule for rules in excluded.values() for rule in rules)
    scope, key = proposal.scope, proposal.key
    beyond = [
        product.name or product.sku
        for product in desk.store.products()
        if product.sku not in proposal.skus and (scope == "store" or product.category == key)
    ]
    facts: list[Fact] = []
    notes: list[str] = []
    for note, names in (("infeasible", stuck), ("beyond", beyond if proposal.skus else [])):
        if not names:
            continue
        names = list(dict.fromkeys(names))
        sheet = Sheet(f"rules.{note}", turn.language)
        sheet.add("count", f"{len(names)}", len(names), "count", words("rows.count"))
        facts += sheet.facts
        listed = labels(turn.language)["answer"]["comma"].join(map(safe, names[:MOST_NAMES]))
        notes.append(words(f"notes.{note}", count=len(names), names=listed))
    if against:
        called: Mapping[str, str] = labels(turn.language)["rules"]
        listed = labels(turn.language)["answer"]["comma"].join(called.get(it, it) for it in against)
        notes.insert(1, words("notes.conflict", rules=listed))
    pack, before = ((side or {}).get("pack_of") for side in (proposal.after, proposal.before))
    if pack and pack != before and key is not None and not against:
        said, note = _pack_now(turn, key, pack)
        facts += said
        notes.append(note)
    return facts, notes


def _pack_now(turn: Turn, sku: str, pack: Mapping[str, Any]) -> tuple[list[Fact], str]:
    """What a pack and as many single ones cost now."""
    words, desk = words_of(turn), turn.desk
    whole, single = desk.product(sku), desk.product(str(pack["sku"]))
    sheet = Sheet(f"{sku}.pack", turn.language, currency=whole.currency)
    sheet.price("pack", whole.price, label=words("rows.price"))
    sheet.price("singles", pack["units"] * single.price, label=words("rows.price"))
    sheet.add("units", f"{pack['units']}", pack["units"], "units", words("rows.count"))
    return sheet.facts, words("notes.pack", **{fact.key: fact.value for fact in sheet.facts})


def _own(desk: Desk, scope: Scope, key: str | None) -> dict[str, Any] | None:
    """The rules that a scope has of its own, by name."""
    return {(it.scope, it.key): it.fields for it in desk.store.rules_in_force()}.get((scope, key))


def _holding(desk: Desk, scope: Scope, key: str | None, own: Mapping[str, Any] | None) -> dict[str, Any]:
    """What holds for a scope with these rules of its own, wider scopes taken in, by name."""
    wider: list[Mapping[str, Any]] = []
    if scope != "store":
        wider.append(_own(desk, "store", None) or {})
    if scope == "product" and (category := desk.product(str(key)).category):
        wider.append(_own(desk, "category", category) or {})
    return Rules.layered([*wider, own or {}]).to_dict()


def _as_it_is(
    turn: Turn, scope: Scope, key: str | None, rules: Mapping[str, Any], told: Iterable[str]
) -> dict[str, str]:
    """What holds already, in words."""
    facts = _valued("rules.now", turn.desk, turn.language, rules, told)
    told_of = [f"{it.label}: {it.value}" for it in facts if PART not in it.key]
    listed = labels(turn.language)["answer"]["comma"].join(told_of)
    name = _scope_name(turn.desk, scope, key, turn.language)
    return {"scope": safe(name), "rules": f"({safe(listed)})"}


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


def _concerns(version: RulesVersion, desk: Desk, skus: Iterable[str]) -> bool:
    if version.scope == "store":
        return True
    products = [desk.product(sku) for sku in skus]
    keys = {it.sku for it in products} if version.scope == "product" else {it.category for it in products}
    return version.key in keys


def _facts(version: RulesVersion, desk: Desk, language: Language) -> list[Fact]:
    """A scope's rules that are in force, with their version and day; the store's with what is built in."""
    words, subject = wording(language, WORDS), f"rules.{version.scope}.{version.key or ''}"
    if version.scope == "store":
        rules = version.rules.to_dict()
        told = [name for name, value in rules.items() if _is_on(value) or name == "allow_below_cost"]
    else:  # what is off is worth saying where it lifts a wider rule
        rules, wider = version.fields, _holding(desk, version.scope, version.key, None)
        told = [name for name, value in rules.items() if _is_on(value) or value != wider[name]]
    facts = _valued(subject, desk, language, rules, told)
    sheet = Sheet(subject, language)
    if version.version:
        sheet.add("version", f"{version.version}", version.version, "count", words("rows.version"))
        sheet.add("since", moment(version.created_at, language), None, "date", words("rows.since"))
    return facts + sheet.facts


def _is_on(value: Any) -> bool:
    return value is not None and value is not False and value != []


def _valued(
    subject: str, desk: Desk, language: Language, rules: Mapping[str, Any], told: Iterable[str]
) -> list[Fact]:
    currency = _currency(desk)
    sheet = Sheet(subject, language, currency=currency)
    names = {product.sku: product.name or product.sku for product in desk.store.products()}
    for name in told:
        add_rule(sheet, name, rules.get(name), names=names, currency=currency)
    return sheet.facts


def _currency(desk: Desk) -> str | None:
    """The shop's currency, where it has one only."""
    found = {product.currency for product in desk.store.products()}
    return found.pop() if len(found) == 1 else None
