"""Versioned rules of the store, its categories and its products; the nearest to a product holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store.database import StoreError
from assistant.store.records import RulesVersion, Scope
from assistant.store.schema import AuditRow, ProductRow, RulesRow
from policy.decision.rules import Rules

_SCOPES: tuple[Scope, ...] = ("store", "category", "product")


def set_rules(session: Session, rules: Rules | None, *, scope: Scope, key: str | None, actor: str) -> int:
    """Add a version, unless the rules in force are the same; returns the version in force."""
    if (scope == "store") != (key is None):
        raise ValueError(f"`key` is a category or SKU, and None for the store; got {scope!r} with {key!r}.")
    _require_known(session, scope, key)
    body, digest = (rules.to_dict(), rules.digest) if rules else (None, "")
    query = sa.select(RulesRow).where(RulesRow.scope == scope, RulesRow.key == (key or ""))
    last = session.scalars(query.order_by(RulesRow.version.desc())).first()
    if last is not None and last.digest == digest:
        return last.version
    version = last.version + 1 if last else 1
    now = dt.datetime.now(dt.UTC)
    shared: dict[str, Any] = {"scope": scope, "version": version}
    session.add(
        RulesRow(**shared, key=key or "", body=body, digest=digest, actor=actor, created_at=now),
    )
    detail = shared | {"old": last.body if last else None, "new": body}
    session.add(AuditRow(at=now, actor=actor, action="rules_set", subject=key, detail=detail))
    return version


def rules_in_force(session: Session) -> list[RulesVersion]:
    """The newest rules of every scope that has some: the store's, then categories', then products'."""
    newest = (
        sa.select(RulesRow.scope, RulesRow.key, sa.func.max(RulesRow.version).label("version"))
        .group_by(RulesRow.scope, RulesRow.key)
        .subquery()
    )
    columns = ("scope", "key", "version")
    same = sa.and_(*(getattr(RulesRow, c) == newest.c[c] for c in columns))
    rows = {(row.scope, row.key): row for row in session.scalars(sa.select(RulesRow).join(newest, same))}
    return [
        RulesVersion(
            scope=scope,
            key=key or None,
            version=row.version,
            rules=Rules.from_dict(row.body),
            actor=row.actor,
            created_at=row.created_at,
        )
        for scope in _SCOPES
        for (row_scope, key), row in sorted(rows.items())
        if row_scope == scope and row.body is not None
    ]


def rules_for(session: Session, skus: Iterable[str]) -> dict[str, Rules]:
    """The rules of each article: its own, else its category's, else the store's, else the defaults."""
    found = {(r.scope, r.key): r.rules for r in rules_in_force(session)}
    widest = found.get(("store", None), Rules())
    query = sa.select(ProductRow.sku, ProductRow.category).order_by(ProductRow.store.desc())
    category = {sku: name for sku, name in session.execute(query) if name}
    return {
        sku: found.get(("product", sku)) or found.get(("category", category.get(sku))) or widest
        for sku in skus
    }


def _require_known(session: Session, scope: Scope, key: str | None) -> None:
    if scope == "store":
        return
    column = ProductRow.sku if scope == "product" else ProductRow.category
    if session.scalars(sa.select(column).where(column == key)).first() is None:
        raise StoreError(
            f"There is no {scope} '{key}' in this store, so it cannot have rules. "
            "Check how it is written, or import its sales first."
        )
