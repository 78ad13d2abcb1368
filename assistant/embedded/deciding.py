"""What a merchant decides: suggestions approved or rejected, prices and rules of their own, undo.

These plans end in tools that write. The agent shows what such a call would do and carries it out only after
the merchant's yes, so that here nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assistant.embedded.conversation import Call, Payload, items_of
from assistant.embedded.products import Ask, Resolved, State, resolve
from assistant.embedded.replies import MOST_PRODUCTS, Kind, Reply, other_currency
from assistant.embedded.rule_words import merged
from assistant.embedded.understanding import Request

VERDICTS = ("approve", "action", "reject")


def decide(request: Request, state: State, ask: Ask) -> Reply | None:
    """The reply to a decision; None where the message decides nothing that can be kept."""
    if request.topic == "undo":
        return _outcome(request, ask([Call.of("undo")]))
    if request.topic == "rules_list":
        payload = ask([Call.of("show_rules")])[0]
        return Reply(kind="error" if _failed(payload) else "rules", request=request, payloads=(payload,))
    if request.topic == "rules":
        return _rules(request, state, ask)
    if request.topic == "training" and "start_tuning" in request.flags:
        return _outcome(request, ask([Call.of("start_fine_tuning")]))
    if request.topic in VERDICTS:
        return _verdict(request, state, ask)
    return None


def _verdict(request: Request, state: State, ask: Ask) -> Reply | None:
    """Suggestions approved or rejected, or a price of the merchant's own for them."""
    if request.topic == "action" and not request.has_number:
        return None
    if "every" in request.flags and not request.mentions and not state.focus:
        return None if request.topic == "reject" or request.has_number else _everything(request, ask)
    # The product at hand is meant where its name alone would be ambiguous.
    found = resolve(replace(request, intent="what_if"), state, ask)
    reply = Reply(kind="which", request=request, resolved=found)
    if found.failed is not None:
        return replace(reply, kind="error", payloads=(found.failed,))
    if not found.products:
        kind: Kind = "clarify" if found.candidates else "not_found" if found.missing else "which"
        return replace(reply, kind=kind)
    if request.has_number and other_currency(request.amounts.currency, found.products):
        return replace(reply, kind="currency")
    if not request.amounts.signed:
        return replace(reply, kind="which_direction")
    skus = [product.sku for product in found.products]
    payload = ask([Call.of("recommend", skus=skus, objective=request.objective)])[0]
    if _failed(payload) or not items_of(payload):
        return replace(reply, kind="error", payloads=(payload,))
    ids = [str(item["decision_id"]) for item in items_of(payload)]
    reason = request.reason or None
    if request.topic == "reject":
        return _outcome(request, ask([Call.of("reject", decision_ids=ids, reason=reason)]), found)
    own = _own_price(request, state, found)
    if own is None:
        return _outcome(request, ask([Call.of("approve", decision_ids=ids, reason=reason)]), found)
    each = [Call.of("approve", decision_ids=[id], reason=reason, **own) for id in ids[:MOST_PRODUCTS]]
    return _outcome(request, ask(each), found)


def _own_price(request: Request, state: State, found: Resolved) -> dict[str, Any] | None:
    """The price or change named now, or the last one tried where it is agreed to ("what if 17?" "do it")."""
    amounts = request.amounts
    if amounts.prices:
        return {"price": amounts.prices[0]}
    if amounts.percent is not None:
        return {"percent": amounts.percent}
    if amounts.amount is not None:
        return {"amount": amounts.amount}
    if state.tried and not request.mentions and "suggested" not in request.flags:
        tried = state.tried[-1].args
        if [product.sku for product in found.products] == [tried["sku"]]:
            return {key: tried[key] for key in ("price", "percent", "amount") if key in tried}
    return None


def _everything(request: Request, ask: Ask) -> Reply:
    """Every change that the overview suggests, approved together."""
    payload = ask([Call.of("catalogue_overview")])[0]
    ids = [str(row["decision_id"]) for row in payload.get("rows", [])]
    if _failed(payload) or not ids:
        return Reply(kind="error" if _failed(payload) else "overview", request=request, payloads=(payload,))
    return _outcome(request, ask([Call.of("approve", decision_ids=ids)]))


def _rules(request: Request, state: State, ask: Ask) -> Reply | None:
    """The limits named, each for what it is said of: the shop, a category or a product."""
    if not request.clauses or "once" in request.flags:
        return None
    scoped = []
    for clause in request.clauses:
        if not clause.mentions:
            keys = [product.sku for product in state.focus] if "follow_up" in request.flags else []
            scopes: list[tuple[str, str | None]] = [("product", key) for key in keys] or [("store", None)]
        else:
            found = _scopes(request, clause.mentions, state, ask)
            if isinstance(found, Reply):
                return found
            scopes = found or [("store", None)]
        scoped += [(scope, clause.changes) for scope in scopes]
    calls = [
        Call.of("set_rules", scope=scope, key=key, changes=changes)
        for (scope, key), changes in merged(scoped).items()
    ]
    return _outcome(request, ask(calls))


def _scopes(
    request: Request, mentions: Sequence[Any], state: State, ask: Ask
) -> list[tuple[str, str | None]] | Reply:
    """What the words of a clause name: categories and products, or a reply that asks back."""
    scopes: list[tuple[str, str | None]] = []
    for mention in mentions:
        if mention.sku is not None:
            scopes.append(("product", mention.sku))
            continue
        payload = ask([Call.of("find_products", query=mention.text)])[0]
        if payload.get("status") == "category":
            scopes.append(("category", str(payload["category"])))
        elif payload.get("status") in ("ok", "ambiguous"):
            found = resolve(replace(request, intent="what_if", mentions=(mention,)), state, ask)
            if not found.products:
                return Reply(kind="clarify", request=request, resolved=found)
            scopes += [("product", product.sku) for product in found.products]
        elif mention.marked:
            return Reply(kind="not_found", request=request, resolved=Resolved(missing=(mention.text,)))
    return scopes


def _outcome(request: Request, payloads: Sequence[Payload], found: Resolved | None = None) -> Reply:
    """What became of the writes, each by its own words."""
    return Reply(kind="decided", request=request, payloads=tuple(payloads), resolved=found or Resolved())


def _failed(payload: Payload) -> bool:
    return payload.get("status") == "error"
