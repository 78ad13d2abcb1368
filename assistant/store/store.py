"""The store: one shop's products, sales, prices, rules, decisions and audit log in one database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store import decisions, rulebook
from assistant.store.database import Database, StoreError, data_home, database_url, has_store
from assistant.store.ingest import ImportResult, take_in
from assistant.store.records import AuditEntry, Decision, Product, RulesVersion, Scope, Verdict
from assistant.store.sales import read_sales
from assistant.store.schema import AliasRow, AuditRow, IdentityRow, LedgerRow, ProductRow, SaleRow
from policy.history.checks import NUMBERS, REQUIRED

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation
    from policy.decision.rules import Rules


class Store:
    """One shop's data. Safe to share between threads: each call is one short transaction of its own."""

    def __init__(self, database: Database, home: Path) -> None:
        self._database = database
        self._home = home

    @classmethod
    def open(cls, url: str | None = None, home: str | Path | None = None) -> Store:
        """Open the store, making it or bringing its schema up to date where needed.

        Parameters
        ----------
        url
            Address of a PostgreSQL or SQLite database.
        home
            Folder of an SQLite store. Without `url` and `home`: PRICING_ASSISTANT_DATABASE_URL, else a store
            in PRICING_ASSISTANT_HOME, else one in the platform's data folder.

        Raises
        ------
        StoreError
            Where the store cannot be reached, read or written, or a newer program made it.
        """
        database = Database(database_url(url, home))
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return cls(database, data_home(home))

    @classmethod
    def existing(cls, home: str | Path | None = None) -> Store | None:
        """Open the store where there is one; None, and nothing made, where there is not."""
        return cls.open(home=home) if has_store(home) else None

    def close(self) -> None:
        """Let go of the database's connections."""
        self._database.close()

    @property
    def place(self) -> str:
        """The database's file or address, without its password."""
        return self._database.place

    @cached_property
    def identity(self) -> str:
        """What tells this store from every other, wherever it is moved."""
        with self._database.read() as session:
            return session.scalars(sa.select(IdentityRow.id)).one()

    @property
    def adapters(self) -> Path:
        """The shelf of the adapters fine-tuned to this shop, on this machine wherever the database is; made
        with the first of them."""
        return self._home / "adapters"

    # Products and sales

    def import_history(
        self,
        frame: pd.DataFrame,
        *,
        source: str,
        content_hash: str,
        actor: str = "merchant",
        report: Mapping[str, Any] | None = None,
    ) -> ImportResult:
        """Take a canonical table in, whole or not at all; what is known already is left as it is.

        Where a product's period is known with other values the table's hold, and the audit log keeps the
        old ones. A value that the table lacks does not erase one that is known.

        Parameters
        ----------
        frame
            Canonical history, as `policy.canonical_history` returns it.
        source
            Where it comes from, for people: a file's name.
        content_hash
            Hash of the file's bytes.
        report
            JSON to keep with the import: how the file was understood.
        """
        with self._database.write() as session:
            return take_in(
                session, frame, source=source, content_hash=content_hash, actor=actor, report=report or {}
            )

    def products(self) -> list[Product]:
        """All products, in order of outlet and SKU."""
        span = (
            sa.select(
                SaleRow.product_id,
                sa.func.count().label("periods"),
                sa.func.min(SaleRow.date).label("first"),
                sa.func.max(SaleRow.date).label("last"),
            )
            .group_by(SaleRow.product_id)
            .subquery()
        )
        query = (
            sa.select(ProductRow, span.c.periods, span.c.first, span.c.last, SaleRow.price)
            .join(span, span.c.product_id == ProductRow.id)
            .join(SaleRow, (SaleRow.product_id == ProductRow.id) & (SaleRow.date == span.c.last))
            .order_by(ProductRow.store, ProductRow.sku)
        )
        with self._database.read() as session:
            aliases: dict[str, list[str]] = {}
            for alias in session.scalars(sa.select(AliasRow).order_by(AliasRow.alias)):
                aliases.setdefault(alias.sku, []).append(alias.alias)
            return [
                Product(
                    id=row.id,
                    sku=row.sku,
                    store=row.store or None,
                    name=row.name,
                    category=row.category,
                    currency=row.currency,
                    aliases=tuple(aliases.get(row.sku, ())),
                    periods=periods,
                    first_date=first,
                    last_date=last,
                    price=price,
                )
                for row, periods, first, last, price in session.execute(query)
            ]

    def add_aliases(self, aliases: Mapping[str, Iterable[str]], *, actor: str) -> None:
        """Give articles more names, by SKU; names that they have already are left."""
        with self._database.write() as session:
            _require_skus(session, aliases)
            known = {(a.sku, a.alias) for a in session.scalars(sa.select(AliasRow))}
            wanted = {(sku, alias) for sku, names in aliases.items() for alias in names}
            for sku, alias in sorted(wanted - known):
                session.add(AliasRow(sku=sku, alias=alias))
            if added := len(wanted - known):
                session.add(_audit(actor, "aliases_added", None, {"count": added, "skus": sorted(aliases)}))

    def history(self, skus: Sequence[str] | None = None) -> pd.DataFrame:
        """Canonical history of these articles in all outlets, or of all articles where None.

        Sorted by outlet, SKU and date. Optional columns that hold nothing are left out.
        """
        query = sa.select(ProductRow).order_by(ProductRow.store, ProductRow.sku)
        if skus is not None:
            query = query.where(ProductRow.sku.in_(skus))
        with self._database.read() as session:
            products = session.scalars(query).all()
            ids = np.array([p.id for p in products], dtype=np.int64)
            sales = read_sales(session, None if skus is None else ids)
        by_id = np.argsort(ids)
        place = by_id[np.searchsorted(ids, sales.product, sorter=by_id)] if len(sales) else sales.product
        order = np.argsort(place, kind="stable")
        place = place[order]
        columns: dict[str, Any] = {
            "store": pd.Index([p.store or None for p in products], dtype="str")[place],
            "sku": pd.Index([p.sku for p in products], dtype="str")[place],
            "date": sales.day[order].astype("datetime64[D]").astype("datetime64[us]"),
            **{c: sales.numbers[c][order] for c in NUMBERS},
            "category": pd.Index([p.category for p in products], dtype="str")[place],
            "name": pd.Index([p.name for p in products], dtype="str")[place],
            "currency": pd.array(sales.currency[order], dtype="str"),
        }
        frame = pd.DataFrame(columns)
        empty = frame.columns[frame.isna().all()].difference(list(REQUIRED))
        return frame.drop(columns=empty)

    def price_ledger(self, sku: str) -> pd.DataFrame:
        """Every price ever recorded for an article: store, effective_from, price, source, decision_id,
        recorded_at. Oldest day first; where rows share a day, the last one holds."""
        query = (
            sa.select(ProductRow.store, LedgerRow)
            .join(ProductRow, ProductRow.id == LedgerRow.product_id)
            .where(ProductRow.sku == sku)
            .order_by(ProductRow.store, LedgerRow.effective_from, LedgerRow.id)
        )
        with self._database.read() as session:
            _require_skus(session, [sku])
            rows = [
                {
                    "store": store or None,
                    "effective_from": pd.Timestamp(row.effective_from),
                    "price": row.price,
                    "source": row.source,
                    "decision_id": None if row.decision_id is None else decisions.public_id(row.decision_id),
                    "recorded_at": row.recorded_at,
                }
                for store, row in session.execute(query)
            ]
        return pd.DataFrame(
            rows, columns=["store", "effective_from", "price", "source", "decision_id", "recorded_at"]
        )

    # Rules

    def set_rules(self, rules: Rules | None, *, scope: Scope, key: str | None = None, actor: str) -> int:
        """Put rules in force for the store, a category or a product; returns their version.

        None withdraws them, so that the next wider scope holds. Earlier versions are kept.
        Raises `StoreError` for a category or SKU that the store does not know.
        """
        with self._database.write() as session:
            return rulebook.set_rules(session, rules, scope=scope, key=key, actor=actor)

    def rules_in_force(self) -> list[RulesVersion]:
        """The newest rules of every scope that has some: the store's, then categories', then products'."""
        with self._database.read() as session:
            return rulebook.rules_in_force(session)

    def rules_for(self, skus: Iterable[str]) -> dict[str, Rules]:
        """The rules of each article: its own, else its category's, else the store's, else the defaults."""
        with self._database.read() as session:
            return rulebook.rules_for(session, skus)

    # Decisions

    def save_decisions(self, recommendations: Sequence[Recommendation], *, actor: str) -> list[str]:
        """Keep recommendations as they were given, in one transaction; returns their ids in order."""
        if not recommendations:
            return []
        with self._database.write() as session:
            return decisions.save(session, recommendations, actor=actor)

    def decision(self, decision_id: str) -> Decision:
        """One kept recommendation; raises `StoreError` where there is none of this id."""
        with self._database.read() as session:
            return decisions.given(decisions.find(session, decision_id))

    def decisions(
        self, sku: str | None = None, *, until: dt.date | None = None, limit: int | None = None
    ) -> list[Decision]:
        """Kept recommendations, oldest first: of one article or of all, the newest `limit` given by the end
        of the day `until` (UTC)."""
        with self._database.read() as session:
            return [decisions.given(row) for row in decisions.listed(session, sku, until=until, limit=limit)]

    def latest_decision(self, sku: str) -> Decision | None:
        """The newest recommendation for an article, in any outlet."""
        with self._database.read() as session:
            row = decisions.latest(session, sku)
            return None if row is None else decisions.given(row)

    def verdict(self, decision_id: str) -> Verdict | None:
        """What the merchant made of a recommendation; None where nothing, or it was withdrawn."""
        with self._database.read() as session:
            return decisions.verdict(session, decision_id)

    def approve_decision(
        self,
        *decision_ids: str,
        effective_from: dt.date | None = None,
        actor: str,
        price: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Enter recommended prices in the ledger, all or none. Approving twice is approving once.

        Parameters
        ----------
        effective_from
            The day from which the price holds; None for the start of the period that was priced.
        price
            The merchant's own price instead of the recommended one, in store currency.

        Raises
        ------
        StoreError
            Where the recommendation was to abstain and no own price is given, or its product is not in the
            store.
        """
        with self._database.write() as session:
            for id in decision_ids:
                day = effective_from or dt.date.fromisoformat(
                    str(decisions.find(session, id).record["date"])[:10]
                )
                decisions.approve(session, id, effective_from=day, actor=actor, price=price, reason=reason)

    def reject_decision(self, *decision_ids: str, actor: str, reason: str | None = None) -> None:
        """Note that recommendations are not followed, and why; all or none. Raises `StoreError`."""
        with self._database.write() as session:
            for id in decision_ids:
                decisions.reject(session, id, actor=actor, reason=reason)

    def withdraw_verdict(self, *decision_ids: str, actor: str) -> None:
        """Take approvals or rejections back, all or none; a price approved before holds again.

        Raises `StoreError` where there is nothing to take back.
        """
        with self._database.write() as session:
            for id in decision_ids:
                decisions.withdraw(session, id, actor=actor)

    # Audit

    def note(self, action: str, detail: Mapping[str, Any], *, actor: str) -> None:
        """Write to the audit log what was done to the shop outside its database."""
        with self._database.write() as session:
            session.add(_audit(actor, action, None, dict(detail)))

    def audit(self, limit: int = 100) -> list[AuditEntry]:
        """The newest entries of the audit log, newest first."""
        with self._database.read() as session:
            return [
                AuditEntry(
                    id=row.id,
                    at=row.at,
                    actor=row.actor,
                    action=row.action,
                    subject=row.subject,
                    detail=row.detail,
                )
                for row in session.scalars(sa.select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
            ]


def _audit(actor: str, action: str, subject: str | None, detail: dict[str, Any]) -> AuditRow:
    return AuditRow(at=dt.datetime.now(dt.UTC), actor=actor, action=action, subject=subject, detail=detail)


def _require_skus(session: Session, skus: Iterable[str]) -> None:
    known = set(session.scalars(sa.select(ProductRow.sku)))
    for sku in skus:
        if sku not in known:
            raise _unknown_sku(sku)


def _unknown_sku(sku: str) -> StoreError:
    return StoreError(f"There is no product '{sku}' in this store. Import its sales first, or check the SKU.")
