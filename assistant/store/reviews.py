"""A report's review in the store: many verdicts taken at once, and the approved prices that are in force."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from assistant.store import decisions
from assistant.store.database import Database, StoreError
from assistant.store.ledger import decision_name
from assistant.store.records import Verdict
from assistant.store.sales import SAME
from assistant.store.schema import AuditRow, ImportRow, LedgerRow, ProductRow, SaleRow

REVIEWED = "report_review"
"""The audit log's action."""


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """What a merchant makes of one recommendation, and what was decided of it when they did."""

    decision_id: str
    ruling: Literal["approved", "rejected"]
    price: float | None
    """The approved price, store currency; None for the recommended one, and where it is rejected."""
    reason: str | None
    before: Verdict | None


@dataclass(frozen=True, kw_only=True)
class ApprovedPrice:
    """A price that a merchant approved for one product in one outlet."""

    decision_id: str
    sku: str
    store: str | None
    name: str | None
    currency: str | None
    price: float
    """Store currency."""
    effective_from: dt.date


@dataclass(frozen=True, kw_only=True)
class Superseded:
    """The newest approval of a product that was sold at another price since."""

    approved: ApprovedPrice
    sold_at: float
    """Store currency."""
    since: dt.date


class DecidedMeanwhile(StoreError):
    """A recommendation has another verdict than the one that was decided upon."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"Decision {decision_id} was decided otherwise meanwhile. Nothing was changed.")
        self.decision_id = decision_id


class Reviews:
    """The part of a store that reviews of reports write and read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, ruled: Sequence[Ruled], *, actor: str, detail: Mapping[str, Any]) -> None:
        """Approve and reject, all or none, each from the start of the period that was priced.

        A rejection takes an approval of the same recommendation back first. The audit log says with `detail`
        that it was a review. Raises `DecidedMeanwhile`, and `StoreError` as `Store.approve_decision` does.
        """
        with self._database.write() as session:
            for it in ruled:
                if decisions.verdict(session, it.decision_id) != it.before:
                    raise DecidedMeanwhile(it.decision_id)
                if it.ruling == "approved":
                    start = str(decisions.find(session, it.decision_id).record["date"])[:10]
                    decisions.approve(
                        session,
                        it.decision_id,
                        effective_from=dt.date.fromisoformat(start),
                        actor=actor,
                        price=it.price,
                        reason=it.reason,
                    )
                    continue
                if it.before is not None and it.before.verdict == "approved":
                    decisions.withdraw(session, it.decision_id, actor=actor)
                decisions.reject(session, it.decision_id, actor=actor, reason=it.reason)
            now = dt.datetime.now(dt.UTC)
            session.add(AuditRow(at=now, actor=actor, action=REVIEWED, subject=None, detail=dict(detail)))

    def sales_written_since(self, decision_id: str) -> bool:
        """Whether sales of a recommendation's product came in or were corrected after it was given."""
        with self._database.read() as session:
            row = decisions.find(session, decision_id)
            query = (
                sa.select(SaleRow.product_id)
                .join(ProductRow, ProductRow.id == SaleRow.product_id)
                .join(ImportRow, ImportRow.id == SaleRow.import_id)
                .where(ProductRow.sku == row.sku, ProductRow.store == row.store)
                .where(ImportRow.created_at > row.created_at)
            )
            return session.scalars(query.limit(1)).first() is not None

    def approved_prices(
        self, on: dt.date
    ) -> tuple[list[ApprovedPrice], list[ApprovedPrice], list[Superseded]]:
        """The approved prices in force on a day, those that hold from a later one, and those that sales at
        another price have superseded by that day.

        A product has one in force where the ledger's price for that day comes from an approval that was not
        taken back. All in order of outlet and SKU.
        """
        approved = sa.select(LedgerRow.product_id).where(LedgerRow.source == "decision")
        query = (
            sa.select(ProductRow, LedgerRow)
            .join(ProductRow, ProductRow.id == LedgerRow.product_id)
            .where(LedgerRow.product_id.in_(approved))
            .order_by(ProductRow.store, ProductRow.sku, LedgerRow.id)
        )
        standing: dict[int, tuple[ProductRow, dict[dt.date, list[LedgerRow]]]] = {}
        with self._database.read() as session:
            for product, row in session.execute(query):
                days = standing.setdefault(product.id, (product, {}))[1]
                if row.source == "withdrawal":  # with the approval that it takes back
                    for there in days.values():
                        there[:] = [it for it in there if it.decision_id != row.decision_id]
                else:
                    days.setdefault(row.effective_from, []).append(row)
            in_force, later, superseded = [], [], []
            for product, days in standing.values():
                rows = [row for day in sorted(days) for row in days[day]]
                later += [
                    _approved(product, days[day][-1])
                    for day in sorted(days)
                    if day > on and days[day] and days[day][-1].source == "decision"
                ]
                past = [row for row in rows if row.effective_from <= on]
                approvals = [row for row in past if row.source == "decision"]
                if not approvals:
                    continue
                now, newest = past[-1], _approved(product, approvals[-1])
                if now.source == "decision":
                    in_force.append(newest)
                elif not math.isclose(now.price, newest.price, rel_tol=SAME):
                    superseded.append(
                        Superseded(approved=newest, sold_at=now.price, since=now.effective_from)
                    )
        return in_force, later, superseded


def _approved(product: ProductRow, row: LedgerRow) -> ApprovedPrice:
    assert row.decision_id is not None  # its source is a decision
    return ApprovedPrice(
        decision_id=decision_name(row.decision_id),
        sku=product.sku,
        store=product.store or None,
        name=product.name,
        currency=product.currency,
        price=row.price,
        effective_from=row.effective_from,
    )
