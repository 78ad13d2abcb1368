"""What a plan ends in: the kind of answer, and the tool results that it words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.embedded.conversation import Call, Payload, Product
from assistant.embedded.products import Resolved
from assistant.embedded.understanding import Request

DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD"})
MOST_PRODUCTS = 6
"""Products of one what-if question."""

Kind = Literal[
    "price", "table", "explain", "brief", "confidence", "elasticity", "facts", "what_if", "overview",
    "list", "clarify", "which", "at_which_price", "which_direction", "currency", "rate", "not_found",
    "forecast", "cover", "break_even", "clearance", "no_stock", "promotion", "target", "reference",
    "unit_price", "assumed", "cannot", "promo_choice", "cost_asked", "price_test",
    "below_cost_now", "idle", "earners", "kept", "unpriced", "upside", "endings", "competitors",
    "sensitivity", "data", "compared", "none_priced", "track", "readiness", "place", "imports", "span",
    "range_meaning",
    "audit", "cost_told", "error", "decided", "rules", "once", "lacking",
    "topic", "help", "greeting", "thanks", "unknown",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to say: a kind of answer and the tool results it words."""

    kind: Kind
    request: Request
    payloads: tuple[Payload, ...] = ()
    resolved: Resolved = field(default_factory=Resolved)
    calls: tuple[Call, ...] = ()

    @property
    def language(self) -> str:
        """The language the tools formatted their facts in; without any, the question's."""
        return next((str(p["language"]) for p in self.payloads if p.get("language")), self.request.language)


def asks_back(request: Request, found: Resolved) -> Reply | None:
    """The reply where the products are not settled, or the price is named in another currency; else None."""
    kind: Kind
    if found.failed is not None:
        return Reply(kind="error", request=request, payloads=(found.failed,), resolved=found)
    if not found.products:
        kind = "clarify" if found.candidates else "not_found" if found.missing else "which"
    elif request.has_number and other_currency(request.amounts.currency, found.products):
        kind = "currency"
    else:
        return None
    return Reply(kind=kind, request=request, resolved=found)


def other_currency(said: str | None, products: Sequence[Product]) -> bool:
    """Whether a price was named in a currency that is not the shop's."""
    known = {product.currency for product in products if product.currency}
    if said is None or not known:
        return False
    return not (known & DOLLARS) if said == "USD" else said not in known
