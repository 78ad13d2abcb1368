"""Questions about the shop as a whole, its data and records, and the assistant itself: which tools to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.embedded.conversation import Call, Payload, Product, items_of, product_of
from assistant.embedded.products import Ask, Resolved, State, resolve, siblings
from assistant.embedded.replies import MOST_PRODUCTS, Kind, Reply, asks_back
from assistant.embedded.understanding import Request

PORTFOLIO = frozenset(
    {"overview", "below_cost_now", "idle", "earners", "kept", "unpriced", "upside", "endings"}
)
"""Parts of the one look at the whole shop."""
OF_SHOP = PORTFOLIO | {
    "competitors",
    "sensitivity",
    "elasticity",
    "data",
    "gaps",
    "priced_between",
    "compare",
}
RECORDS = (
    "track", "readiness", "place", "range_meaning", "imports", "span", "audit", "cost_told", "endings",
    "data", "compared", "competitors", "sensitivity", "below_cost_now", "idle", "earners", "kept", "unpriced",
    "upside",
)  # fmt: skip
"""Kinds of answer of these plans that say all there is to say."""
SOFT = frozenset({"report", "report_read", "clearance", "below_cost", "endings", "live", "law"})
"""Topics that words of a question about the shop may touch; the question itself is answered."""
MOST_COMPARED = 12


def about_records(request: Request, state: State, ask: Ask) -> Reply | None:
    """The reply to a question about records or the assistant; None where it is about neither."""
    topic = request.topic
    if topic == "cross":
        return _compared(replace(request, topic="cross_compared"), state, ask)
    if topic == "made_up" and state.focus and not request.mentions:
        return None  # about the suggestion at hand: how sure
    if topic in ("track", "trust", "baseline"):
        skus = [product.sku for product in _named(request, state, ask).products]
        return _told("track", request, ask([Call.of("track_record", skus=skus or None)]))
    if topic in ("readiness", "training"):
        return _told("readiness", request, ask([Call.of("fine_tuning_readiness")]))
    if topic in ("place", "privacy"):
        return _told("place", request, ask([Call.of("about_assistant")]))
    if topic == "range_meaning":
        return _told("range_meaning", request, ask([Call.of("about_assistant")]))
    if topic == "imports":
        return _told("imports", request, ask([Call.of("audit")]))
    if topic == "span":
        return _told("span", request, ask([Call.of("data_quality")]))
    if topic == "audit":
        found = _named(request, state, ask)
        if len(found.candidates) > 1 and not found.products:
            return Reply(kind="clarify", request=request, resolved=found)
        sku = found.products[0].sku if found.products else None
        return _told("audit", request, ask([Call.of("audit", sku=sku)]), found)
    if topic == "cost_told":
        return _cost_told(request, state, ask)
    if topic == "endings":
        return _told("endings", request, ask([Call.of("catalogue_overview")]))
    return None


def about_shop(request: Request, state: State, ask: Ask) -> Reply | None:
    """The reply to a question about the whole shop, or some of its products side by side; None for others."""
    of_report = request.topic if request.topic in ("report", "report_read") else None
    if of_report and request.intent not in OF_SHOP:
        request = replace(request, intent="overview")
    soft = SOFT | {"promo", "bundle"} if request.intent == "compare" else SOFT
    if request.intent not in OF_SHOP or (request.topic is not None and request.topic not in soft):
        return None
    request = replace(request, topic=of_report)
    if request.intent == "priced_between":
        return _priced_between(request, ask)
    if request.intent == "compare":
        return _compared(request, state, ask)
    found = _named(request, state, ask)
    if found.failed is not None:
        return Reply(kind="error", request=request, payloads=(found.failed,), resolved=found)
    if found.missing and not found.products and of_report is None:
        return Reply(kind="not_found", request=request, resolved=found)
    if found.candidates and not found.products:
        return Reply(kind="clarify", request=request, resolved=found)
    skus = [product.sku for product in found.products]
    if request.intent in PORTFOLIO:
        if skus:
            return None  # "is the kettle overpriced?" is a question about the kettle
        return _told(request.intent, request, ask([Call.of("catalogue_overview")]))
    if request.intent in ("sensitivity", "elasticity"):
        if request.intent == "elasticity" and not skus and "whole" not in request.flags:
            return None  # which product is meant has to be asked
        return _told("sensitivity", request, ask([Call.of("elasticity", skus=skus or None)]), found)
    if request.intent == "competitors":
        if not skus and _points_at_one(request, state):
            return None
        return _told("competitors", request, ask([Call.of("competitors", skus=skus or None)]), found)
    return _told("data", request, ask([Call.of("data_quality", skus=skus or None)]), found)


def matched(request: Request, state: State, ask: Ask) -> Reply | None:
    """What following a competitor to the price named would do; None where no price or product is named."""
    if request.topic != "match" or not request.amounts.prices:
        return None
    found = resolve(replace(request, intent="what_if"), state, ask)
    if (question := asks_back(request, found)) is not None:
        return question
    reply = Reply(kind="what_if", request=request, resolved=found)
    price = request.amounts.prices[0]
    calls = [
        Call.of("what_if", sku=product.sku, price=price, competitor_price=price)
        for product in found.products[:MOST_PRODUCTS]
    ]
    payloads = tuple(payload for payload in ask(calls) if payload.get("status") != "error")
    if not payloads:
        return replace(reply, kind="error", payloads=tuple(ask(calls)))
    return replace(reply, payloads=payloads, calls=tuple(calls))


def _told(kind: str, request: Request, payloads: Sequence[Payload], found: Resolved | None = None) -> Reply:
    failed = all(payload.get("status") == "error" for payload in payloads)
    return Reply(
        kind="error" if failed else kind,  # type: ignore[arg-type]
        request=request,
        payloads=tuple(payloads),
        resolved=found or Resolved(),
    )


def _named(request: Request, state: State, ask: Ask) -> Resolved:
    """The products that a question about the shop names after all; none where it means the whole shop.

    Where a name fits several products ("which kettles ...?") all of them are meant.
    """
    whole = "whole" in request.flags
    several = whole or "several" in request.flags
    pointed = request.selection is not None or "them" in request.flags
    if not request.mentions and not pointed:
        return Resolved(state.focus) if "follow_up" in request.flags and not whole else Resolved()
    found = resolve(request, state, ask)
    if found.products or found.failed:
        return found
    if found.candidates and not several:
        return found  # one is meant, and which has to be asked
    if found.candidates and len(found.candidates) <= MOST_PRODUCTS:
        return Resolved(found.candidates, listing=found.listing)
    surely = [mention.text for mention in request.mentions if mention.marked]
    missing = tuple(text for text in found.missing if text in surely)
    return Resolved(missing=missing) if missing and not whole else Resolved()


def _points_at_one(request: Request, state: State) -> bool:
    """Whether "it" is spoken of with nothing at hand that it could be."""
    return "follow_up" in request.flags and "whole" not in request.flags and not state.focus


def _priced_between(request: Request, ask: Ask) -> Reply:
    """Products within a span of prices."""
    prices = sorted(request.amounts.prices)
    below = "cheaper" in request.flags
    low = prices[0] if prices and (len(prices) > 1 or not below) else None
    high = prices[-1] if prices and (len(prices) > 1 or below) else None
    query = request.mentions[0].text if request.mentions else ""
    call = Call.of("find_products", query=query, min_price=low, max_price=high)
    payload = ask([call])[0]
    if query and payload.get("status") == "not_found":
        call = Call.of("find_products", query="", min_price=low, max_price=high)
        payload = ask([call])[0]
    rows = tuple(product_of(row) for row in payload.get("matches", []))
    kind: Kind = "error" if payload.get("status") == "error" else "list" if rows else "none_priced"
    found = Resolved(candidates=rows, listing=(call,))
    return Reply(kind=kind, request=request, payloads=(payload,), resolved=found)


def _compared(request: Request, state: State, ask: Ask) -> Reply | None:
    """Several products side by side; None where one is left, or prices of it are to be compared."""
    found = resolve(request, state, ask)
    products: tuple[Product, ...] = found.products
    if not products and 2 <= len(found.candidates) <= MOST_PRODUCTS:
        products = found.candidates  # "the two kettles"
    if len(products) == 1 and not request.has_number:
        others = tuple(it for it in state.focus if it.sku != products[0].sku)
        products = (*others, *products) if others else siblings(products[0], ask) or products
    if len(products) < 2 or request.has_number:
        return None
    skus = [product.sku for product in products[:MOST_COMPARED]]
    return _told("compared", request, ask([Call.of("compare", skus=skus)]), replace(found, products=products))


def _cost_told(request: Request, state: State, ask: Ask) -> Reply:
    """A cost that the merchant states: the one on record, or one that cannot be kept from here."""
    found = resolve(replace(request, intent="what_if"), state, ask)
    if len(found.products) == 1 and request.given.unit_cost is not None:
        sku = found.products[0].sku
        floor = ask([Call.of("break_even", sku=sku, unit_cost=request.given.unit_cost)])[0]
        if any(item["cost_on_record"] for item in items_of(floor)):
            payload = ask([Call.of("recommend", skus=[sku], objective=request.objective)])[0]
            known = replace(request, topic="cost_known", intent="price")
            return Reply(kind="price", request=known, payloads=(payload,), resolved=found)
    return Reply(kind="cost_told", request=request, resolved=found)
