"""What the store hands out, detached from the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
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
    fields: dict[str, Any]
    """The rules set here, by name, in JSON types; what is not named is left to wider scopes."""
    actor: str
    created_at: dt.datetime

    @property
    def rules(self) -> Rules:
        """As if this scope stood alone: what it does not name has its default."""
        return Rules.from_dict(self.fields)


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """One rule of one scope, before and after. Values in JSON types."""

    scope: Scope
    key: str | None
    """Category or SKU; None for the store."""
    field: str
    """Name of the rule in `Rules`."""
    was_set: bool
    """Whether the scope itself named it; otherwise the next wider scope decided."""
    old: Any
    is_set: bool
    new: Any


@dataclass(frozen=True, kw_only=True)
class RulesProposal:
    """A change of rules that nobody has confirmed. Plain data, so that it can wait anywhere."""

    scope: Scope
    key: str | None
    base_version: int
    """Version of the scope's rules that it starts from, 0 where it has none."""
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    """The scope's rules by name; None where it has none."""
    changes: tuple[RuleChange, ...]
    """In the scope itself."""
    effects: tuple[RuleChange, ...] = ()
    """In what holds for each product, all scopes taken together."""

    @property
    def skus(self) -> tuple[str, ...]:
        """The products for which other rules would hold."""
        return tuple(dict.fromkeys(str(change.key) for change in self.effects))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        changes = {name: [asdict(it) for it in getattr(self, name)] for name in ("changes", "effects")}
        return {field.name: getattr(self, field.name) for field in fields(self)} | changes

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RulesProposal:
        """The inverse of `to_dict`."""
        changes = {n: tuple(RuleChange(**it) for it in values[n]) for n in ("changes", "effects")}
        return cls(**(dict(values) | changes))


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
