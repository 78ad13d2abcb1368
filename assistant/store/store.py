"""The store: one shop's products, sales, prices, rules, decisions and audit log in one database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from assistant.store import decisions, ledger, rulebook
from assistant.store.audit import read_audit
from assistant.store.database import Database, data_home, database_url, has_store
from assistant.store.importing import Imported, ImportReport
from assistant.store.ingest import ImportResult, take_in, take_in_parts
from assistant.store.products import one_outlet, read_products, require_skus
from assistant.store.records import (
    AuditEntry,
    Decision,
    Product,
    RulesProposal,
    RulesVersion,
    Scope,
    Verdict,
)
from assistant.store.reports import Reports
from assistant.store.reviews import Reviews
from assistant.store.sales import read_history
from assistant.store.schema import AliasRow, AuditRow, IdentityRow
from policy.decision.reference_price import Profile, ReferenceCheck, reference_price
from policy.history import Period

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
    def home(self) -> Path:
        """The folder on this machine of what is kept beside the database."""
        return self._home

    @property
    def adapters(self) -> Path:
        """The shelf of the adapters fine-tuned to this shop; made with the first of them."""
        return self._home / "adapters"

    @property
    def lock(self) -> Path:
        """What whoever makes a report of this shop on this machine holds."""
        return self._home / "report.lock"

    @property
    def reports(self) -> Reports:
        """What price reports keep in this shop."""
        return Reports(self._database)

    # Products and sales

    def import_history(
        self,
        frame: pd.DataFrame,
        *,
        source: str,
        content_hash: str,
        actor: str = "merchant",
        report: Mapping[str, Any] | None = None,
        keep: bool = True,
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
        keep
            False only tells what the import would do.
        """
        given: dict[str, Any] = {"source": source, "content_hash": content_hash, "actor": actor}
        with self._database.write() as session:
            return take_in(session, frame, **given, report=report or {}, keep=keep)

    def import_parts(
        self, parts: Iterable[Imported], *, actor: str = "merchant"
    ) -> tuple[ImportReport, ImportResult]:
        """Take in the parts of one file (`importing.read_parts`), all or none; what was understood and what
        it did, put together. Raises what reading them raises."""
        first = next(read := iter(parts))  # before other writers have to wait
        with self._database.write() as session:
            return take_in_parts(session, chain([first], read), actor=actor)

    def products(self) -> list[Product]:
        """All products, in order of outlet and SKU."""
        with self._database.read() as session:
            return read_products(session)

    def add_aliases(self, aliases: Mapping[str, Iterable[str]], *, actor: str) -> None:
        """Give articles more names, by SKU; names that they have already are left."""
        with self._database.write() as session:
            require_skus(session, aliases)
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
        with self._database.read() as session:
            return read_history(session, skus)

    def price_ledger(self, sku: str) -> pd.DataFrame:
        """Every price ever recorded for an article: store, effective_from, price, source, decision_id,
        recorded_at. Oldest day first; where rows share a day, the last one holds."""
        with self._database.read() as session:
            require_skus(session, [sku])
            return ledger.read_ledger(session, sku)

    def sales_end(self) -> tuple[dt.date, Period] | None:
        """The last day that the newest sales cover, and the length of their periods; None without sales."""
        with self._database.read() as session:
            return ledger.sales_end(session)

    def reference_price(
        self,
        sku: str,
        *,
        start: dt.date,
        profile: Profile,
        planned_price: float | None = None,
        was_price: float | None = None,
        cut_since: dt.date | None = None,
        store: str | None = None,
    ) -> ReferenceCheck:
        """Which earlier price and percentage a cut of an article may be announced with, by its ledger.

        See `policy.decision.reference_price`. Prices known by week or month only are said to be (a shorter
        cut inside would not show), and so is a price that is only assumed to hold until the cut.

        Raises
        ------
        StoreError
            The article is not known, or sold in several outlets and `store` names none of them.
        """
        with self._database.read() as session:
            product = one_outlet(session, sku, store)
            spans, period = ledger.price_spans(session, product, until=start - dt.timedelta(days=1))
        return reference_price(
            spans,
            start=start,
            profile=profile,
            planned_price=planned_price,
            was_price=was_price,
            cut_since=cut_since,
            notes=ledger.COARSE[period],
        )

    # Rules

    def set_rules(
        self, rules: Rules | Mapping[str, Any] | None, *, scope: Scope, key: str | None = None, actor: str
    ) -> int:
        """Put rules in force for the store, a category or a product; returns their version.

        A mapping sets the rules that it names, as `Rules.to_dict` names them, and leaves the others to wider
        scopes; `Rules` sets every one; None withdraws them all. They take the place of the scope's rules so
        far, whose versions are kept. Raises `StoreError` for a category or SKU that the store does not know,
        ValueError for rules that cannot be.
        """
        with self._database.write() as session:
            return rulebook.set_rules(session, rules, scope=scope, key=key, actor=actor)

    def propose_rules(
        self,
        fields: Mapping[str, Any],
        *,
        unset: Iterable[str] = (),
        scope: Scope,
        key: str | None = None,
    ) -> RulesProposal:
        """What changing some rules of a scope would change, in the scope and product by product.

        Nothing is written; `confirm_rules` puts it in force.

        Parameters
        ----------
        fields
            New values by name, as in `Rules.to_dict`; None switches a rule off.
        unset
            Names that the scope shall not decide any more, so that the next wider one does.

        Raises `StoreError` where the category or SKU is not known, or the rules cannot be.
        """
        with self._database.read() as session:
            return rulebook.propose_rules(session, fields, unset=unset, scope=scope, key=key)

    def confirm_rules(self, proposal: RulesProposal, *, actor: str) -> int:
        """Put proposed rules in force, with the difference in the audit log; returns their version.

        Raises `StoreError` where the scope's rules were changed since they were proposed.
        """
        with self._database.write() as session:
            return rulebook.confirm_rules(session, proposal, actor=actor)

    def rules_in_force(self) -> list[RulesVersion]:
        """The newest rules of every scope that has some: the store's, then categories', then products'."""
        with self._database.read() as session:
            return rulebook.rules_in_force(session)

    def rules_for(
        self, skus: Iterable[str] | None = None, *, proposal: RulesProposal | None = None
    ) -> dict[str, Rules]:
        """What holds for each article, or for all: of each rule what the nearest scope that names it says.

        With a proposal, what would hold if it were confirmed.
        """
        with self._database.read() as session:
            return rulebook.rules_for(session, skus, proposal=proposal)

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

        Raises `StoreError` for an abstention without an own price, and a product that is not in the store.
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

    @property
    def reviews(self) -> Reviews:
        """Many verdicts at once, and the approved prices in force."""
        return Reviews(self._database)

    # Audit

    def together(self) -> AbstractContextManager[object]:
        """What this thread writes inside is kept as one, or dropped as one on any error."""
        return self._database.write()

    def note(self, action: str, detail: Mapping[str, Any], *, actor: str) -> int:
        """Write to the audit log what was done to the shop outside its database; returns the entry's id."""
        with self._database.write() as session:
            session.add(entry := _audit(actor, action, None, dict(detail)))
            session.flush()
            return entry.id

    def audit(
        self,
        limit: int = 100,
        *,
        about: str | None = None,
        until: dt.date | None = None,
        without: Sequence[str] = (),
    ) -> list[AuditEntry]:
        """The newest entries of the audit log, newest first.

        Parameters
        ----------
        about
            A SKU: its entries and the imports, which may concern it.
        until
            Last day, UTC.
        without
            Actions to leave out.
        """
        with self._database.read() as session:
            return read_audit(session, limit, about=about, until=until, without=without)


def _audit(actor: str, action: str, subject: str | None, detail: dict[str, Any]) -> AuditRow:
    return AuditRow(at=dt.datetime.now(dt.UTC), actor=actor, action=action, subject=subject, detail=detail)
