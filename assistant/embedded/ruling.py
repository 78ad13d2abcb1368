"""Rules asked for in the chat: which scopes they are for, and what they say of products."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.embedded.conversation import Call, Payload, Product, product_of
from assistant.embedded.mentions import Mention
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import MOST_PRODUCTS, Reply
from assistant.embedded.rule_words import GROUP, PACK, RuleChange, amended, merged
from assistant.embedded.understanding import Request, RuleClause

Scoped = tuple[str, str | None]
_OF_SEVERAL = frozenset({GROUP, "freezes"})
"""Rules that words for several products are meant to hold for all of."""


def list_rules(request: Request, state: State, ask: Ask) -> Reply:
    """The rules in force, or those that concern the products named."""
    skus = None
    if request.mentions:
        found = _scopes(request, request.mentions, state, ask)
        if isinstance(found, Reply):
            return found
        skus = [str(key) for scope, key in found if scope == "product"]
    elif "follow_up" in request.flags:
        skus = [product.sku for product in state.focus]
    payload = ask([Call.of("show_rules", skus=skus or None)])[0]
    failed = payload.get("status") == "error"
    return Reply(kind="error" if failed else "rules", request=request, payloads=(payload,))


def correction(request: Request, state: State) -> Request | None:
    """The rule asked for just before with another number: "make that 12"."""
    before = state.request
    if before is None or before.topic != "rules" or len(before.clauses) != 1:
        return None
    if request.topic not in (None, "action", "rules") or request.clauses:
        return None
    if any(mention.marked or len(mention.text) > 1 for mention in request.mentions):
        return None
    amounts, (clause,) = request.amounts, before.clauses
    numbers = [*amounts.prices, *(abs(x) for x in (amounts.percent, amounts.amount) if x is not None)]
    changes = [amended(change, number) for number in numbers for change in clause.changes]
    if len(changes) != 1 or changes[0] is None:
        return None
    return replace(before, clauses=(replace(clause, changes=(changes[0],)),), text=request.text)


def change_rules(request: Request, state: State, ask: Ask) -> Reply | None:
    """The limits named, each for what it is said of: the shop, a category or a product."""
    once = "once" in request.flags
    excepted = any(it.field == "below_cost_exception" for c in request.clauses for it in c.changes)
    if not request.clauses and request.unread:
        return Reply(kind="lacking", request=request)
    if once and not excepted:
        return Reply(kind="once", request=request)
    if not request.clauses:
        return None
    scoped: list[tuple[Scoped, tuple[RuleChange, ...]]] = []
    for clause in request.clauses:
        found = _of_clause(request, clause, state, ask)
        if isinstance(found, Reply):
            return found
        scoped += found
    calls = [
        Call.of("set_rules", scope=scope, key=key, changes=changes)
        for (scope, key), changes in merged(scoped).items()
    ]
    return Reply(kind="decided", request=request, payloads=tuple(ask(calls)))


def _of_clause(
    request: Request, clause: RuleClause, state: State, ask: Ask
) -> list[tuple[Scoped, tuple[RuleChange, ...]]] | Reply:
    """The scopes of one clause with its changes for each."""
    fields = {change.field for change in clause.changes}
    if any(change.field == PACK and change.value for change in clause.changes):
        return _pack(request, clause, state, ask)
    if not clause.mentions:
        keys = [product.sku for product in state.focus] if "follow_up" in request.flags else []
        scopes: list[Scoped] = [("product", key) for key in keys] or [("store", None)]
    else:
        found = _scopes(request, clause.mentions, state, ask, several=bool(fields & _OF_SEVERAL))
        if isinstance(found, Reply):
            return found
        said = request.text.lower()
        lost = tuple(it.text for it in clause.mentions if said.startswith(it.text.lower()))
        if not found and lost and "every" not in request.flags:
            # What opens the sentence names something: a rule meant for it must not hold for the whole shop.
            return Reply(kind="not_found", request=request, resolved=Resolved(missing=lost))
        scopes = found or [("store", None)]
    if GROUP not in fields:
        return [(scope, clause.changes) for scope in scopes]
    keys = sorted({str(key) for _, key in scopes if key})
    if not keys or (len(keys) == 1 and scopes[0][0] == "product"):
        return Reply(kind="which", request=request)
    told = tuple(
        replace(change, value="+".join(keys)) if change.field == GROUP and change.value == "" else change
        for change in clause.changes
    )
    return [(scope, told) for scope in scopes]


def _pack(
    request: Request, clause: RuleClause, state: State, ask: Ask
) -> list[tuple[Scoped, tuple[RuleChange, ...]]] | Reply:
    """A pack and what it is a pack of: the pack is the product whose name says how many."""
    change = next(it for it in clause.changes if it.field == PACK)
    assert isinstance(change.value, dict)
    units = change.value["units"]
    said = dict.fromkeys(mention.text for mention in clause.mentions)
    found: dict[str, Product] = {}
    for payload in ask([Call.of("find_products", query=text) for text in said]):
        found |= {product.sku: product for product in _matches(payload)}
    in_name = re.compile(rf"(?<![\d.]){units}(?![\d.]| ?(?:g|ml|l|kg|cm|mm|w)\b)", re.IGNORECASE)
    packs = [product for product in found.values() if in_name.search(product.name)]
    singles = [product for product in found.values() if product not in packs]
    chosen = _answer_to_which(request, clause.mentions, state, ask)
    singles = [product for product in singles if product in chosen] or singles
    if len(packs) == 1 and len(singles) == 1:
        value = {"sku": singles[0].sku, "units": units}
        others = tuple(it for it in clause.changes if it is not change)
        return [(("product", packs[0].sku), (*others, RuleChange(PACK, value)))]
    candidates = tuple(singles if len(packs) == 1 else packs)
    if not candidates:
        return Reply(kind="which", request=request)
    return Reply(kind="clarify", request=request, resolved=Resolved(candidates=candidates))


def _scopes(
    request: Request, mentions: Sequence[Mention], state: State, ask: Ask, *, several: bool = False
) -> list[Scoped] | Reply:
    """What the words of a clause name: categories and products, or a reply that asks back."""
    scopes: list[Scoped] = []
    answered = _answer_to_which(request, mentions, state, ask)
    for mention in mentions:
        if mention.sku is not None:
            scopes.append(("product", mention.sku))
            continue
        payload = ask([Call.of("find_products", query=mention.text)])[0]
        matches = _matches(payload)
        whole = bool(request.flags & {"category", "every"})
        if payload.get("category") and (payload.get("status") == "category" or whole):
            scopes.append(("category", str(payload["category"])))
        elif chosen := [product for product in matches if product in answered]:
            scopes += [("product", product.sku) for product in chosen]
        elif payload.get("status") == "ambiguous" and several and 1 < len(matches) <= MOST_PRODUCTS:
            scopes += [("product", product.sku) for product in matches]
        elif payload.get("status") in ("ok", "ambiguous"):
            found = resolve(replace(request, intent="what_if", mentions=(mention,)), state, ask)
            if not found.products:
                return Reply(kind="clarify", request=request, resolved=found)
            scopes += [("product", product.sku) for product in found.products]
        elif mention.marked:
            return Reply(kind="not_found", request=request, resolved=Resolved(missing=(mention.text,)))
    return list(dict.fromkeys(scopes))


def _answer_to_which(
    request: Request, mentions: Sequence[Mention], state: State, ask: Ask
) -> tuple[Product, ...]:
    """The products that the merchant chose where a clause's own words fit several."""
    chooses = request.selection is not None or (
        bool(request.mentions) and set(request.mentions).isdisjoint(mentions)
    )
    if state.asked != "which" or not chooses:
        return ()
    return resolve(replace(request, intent="what_if"), state, ask).products


def _matches(payload: Payload) -> list[Product]:
    return [product_of(row) for row in payload.get("matches", [])]
