"""Versioned rules of the store, its categories and its products, and what a change of them would do.

Each scope keeps the rules that were set there, by name; the nearest scope that names a rule decides it
(`Rules.layered`). Rules kept before scopes could leave any out name five of them, and so still decide those.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store.database import StoreError
from assistant.store.records import RuleChange, RulesProposal, RulesVersion, Scope
from assistant.store.schema import AuditRow, ProductRow, RulesRow
from policy.decision.clauses import RuleError
from policy.decision.rules import Rules

_SCOPES: tuple[Scope, ...] = ("store", "category", "product")

_NEAR_ONLY: Mapping[str, tuple[Scope, ...]] = {
    "pack_of": ("product",),
    "price_group": ("category", "product"),
    "below_cost_exception": ("category", "product"),
}
"""Rules that make no sense for a whole shop, and where they may be set."""


def set_rules(
    session: Session, rules: Rules | Mapping[str, Any] | None, *, scope: Scope, key: str | None, actor: str
) -> int:
    """Add a version, unless the rules in force are the same; returns the version in force."""
    body = _body(rules, scope)
    _require_known(session, scope, key)
    last = _newest(session, scope, key)
    if last is not None and last.body == body:
        return last.version
    version = last.version + 1 if last else 1
    now = dt.datetime.now(dt.UTC)
    shared: dict[str, Any] = {"scope": scope, "version": version}
    digest = "" if body is None else Rules.from_dict(body).digest
    session.add(
        RulesRow(**shared, key=key or "", body=body, digest=digest, actor=actor, created_at=now),
    )
    old = last.body if last else None
    changes = [asdict(change) for change in _changes(old or {}, body or {}, scope, key)]
    detail = shared | {"old": old, "new": body, "changes": changes}
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
            fields=row.body,
            actor=row.actor,
            created_at=row.created_at,
        )
        for scope in _SCOPES
        for (row_scope, key), row in sorted(rows.items())
        if row_scope == scope and row.body is not None
    ]


def rules_for(
    session: Session, skus: Iterable[str] | None, *, proposal: RulesProposal | None = None
) -> dict[str, Rules]:
    """The rules of each article, or of all where None, as they are or as a proposal would make them."""
    found = {(r.scope, r.key): r.fields for r in rules_in_force(session)}
    if proposal is not None:
        found[proposal.scope, proposal.key] = proposal.after or {}
    query = sa.select(ProductRow.sku, ProductRow.category).order_by(ProductRow.store.desc())
    category: dict[str, str | None] = {}
    for sku, name in session.execute(query):
        category[sku] = name or category.get(sku)
    shared: dict[str | None, Rules] = {}  # by category: articles without rules of their own are most
    rules = {}
    for sku in category if skus is None else skus:
        of = category.get(sku)
        wider = found.get(("store", None), {}), found.get(("category", of), {})
        own = found.get(("product", sku))
        if own is None and of not in shared:
            shared[of] = Rules.layered(wider)
        rules[sku] = shared[of] if own is None else Rules.layered([*wider, own])
    return rules


def propose_rules(
    session: Session, fields: Mapping[str, Any], *, unset: Iterable[str], scope: Scope, key: str | None
) -> RulesProposal:
    """What a scope's rules would become, and what that changes where; nothing is written."""
    _require_known(session, scope, key)
    last = _newest(session, scope, key)
    before = None if last is None else last.body
    after = {name: value for name, value in (before or {}).items() if name not in set(unset)}
    try:
        after |= _body(fields, scope) or {}
    except ValueError as error:
        raise StoreError(str(error)) from error
    draft = RulesProposal(
        scope=scope,
        key=key,
        base_version=last.version if last else 0,
        before=before,
        after=after or None,
        changes=tuple(_changes(before or {}, after, scope, key)),
    )
    now, then = rules_for(session, None), rules_for(session, None, proposal=draft)
    effects = [
        change
        for sku in sorted(now)
        if now[sku] != then[sku]
        for change in _changes(now[sku].to_dict(), then[sku].to_dict(), "product", sku)
    ]
    return replace(draft, effects=tuple(effects))


def confirm_rules(session: Session, proposal: RulesProposal, *, actor: str) -> int:
    """Put a proposal in force; returns the version. Raises `StoreError` where it is out of date."""
    last = _newest(session, proposal.scope, proposal.key)
    if (last.version if last else 0) != proposal.base_version:
        where = proposal.scope if proposal.key is None else f"{proposal.scope} '{proposal.key}'"
        raise StoreError(
            f"The rules of {where} were changed after this change was proposed, so nothing was set. "
            "Propose it again, and look at the difference."
        )
    return set_rules(session, proposal.after, scope=proposal.scope, key=proposal.key, actor=actor)


def _body(rules: Rules | Mapping[str, Any] | None, scope: Scope) -> dict[str, Any] | None:
    """Rules by name in JSON types, checked; None where there are none."""
    if rules is None:
        return None
    given = rules.to_dict() if isinstance(rules, Rules) else dict(rules)
    for name, scopes in _NEAR_ONLY.items():
        if given.get(name) is not None and scope not in scopes:
            raise RuleError(
                f"`{name}` is set for a {' or a '.join(scopes)}, not for a whole {scope}.",
                code="too_wide",
                name=name,
            )
    if isinstance(rules, Rules):
        return given
    whole = Rules.from_dict(rules).to_dict()
    return {name: whole[name] for name in rules}


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], scope: Scope, key: str | None
) -> list[RuleChange]:
    return [
        RuleChange(
            scope=scope,
            key=key,
            field=name,
            was_set=name in before,
            old=before.get(name),
            is_set=name in after,
            new=after.get(name),
        )
        for name in Rules().to_dict()
        if (name in before) != (name in after) or before.get(name) != after.get(name)
    ]


def _newest(session: Session, scope: Scope, key: str | None) -> RulesRow | None:
    query = sa.select(RulesRow).where(RulesRow.scope == scope, RulesRow.key == (key or ""))
    return session.scalars(query.order_by(RulesRow.version.desc()).limit(1)).first()


def _require_known(session: Session, scope: Scope, key: str | None) -> None:
    if scope not in _SCOPES or (scope == "store") != (key is None):
        raise ValueError(f"`key` is a category or SKU, and None for the store; got {scope!r} with {key!r}.")
    if scope == "store":
        return
    column = ProductRow.sku if scope == "product" else ProductRow.category
    if session.scalars(sa.select(column).where(column == key)).first() is None:
        raise StoreError(
            f"There is no {scope} '{key}' in this store, so it cannot have rules. "
            "Check how it is written, or import its sales first."
        )
