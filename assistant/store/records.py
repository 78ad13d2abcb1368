"""What the store hands out, detached from the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from policy.decision.rules import Rules

Scope = Literal["store", "category", "product"]
Ruling = Literal["approved", "rejected", "withdrawn"]


@dataclass(frozen=True, kw_only=True)
class Product:
    """One article in one outlet, as its newest import describes it."""

    id: int
    sku: str
    store: str | None
    name: str | None
    category: str | None
    currency: str | None
    aliases: tuple[str, ...]
    """Other names, in any language."""
    periods: int
    """Rows of sales history."""
    first_date: dt.date
    last_date: dt.date
    price: float
    """Last price charged, in store currency."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A recommendation as it was given and kept."""

    id: str
    created_at: dt.datetime
    actor: str
    record: dict[str, Any]
    """`Recommendation.to_dict()`."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a merchant made of a recommendation."""

    decision_id: str
    verdict: Ruling
    """`withdrawn` is as if nothing had been decided."""
    price: float | None
    """The approved price in store currency: the recommended one, or the merchant's own."""
    effective_from: dt.date | None
    reason: str | None
    actor: str
    at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class RulesVersion:
    """Rules in force for one scope."""

    scope: Scope
    key: str | None
    """Category or SKU; None for the store."""
    version: int
    rules: Rules
    actor: str
    created_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what, when, to what, and what stood there before."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    """`import`, `sales_changed`, `product_changed`, `aliases_added`, `rules_set`, `decisions_saved`,
    `decision_approved`, `decision_rejected`, `decision_withdrawn`, `adapter_promoted`, ..."""
    subject: str | None
    detail: dict[str, Any]
