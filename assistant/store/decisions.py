"""Recommendations as they were given, and what the merchant made of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store.database import StoreError
from assistant.store.ledger import decision_name
from assistant.store.records import Decision, Ruling, Verdict
from assistant.store.schema import AuditRow, DecisionRow, LedgerRow, ProductRow, VerdictRow

if TYPE_CHECKING:
    from policy.decision.recommendation import Recommendation


def save(session: Session, recommendations: Sequence[Recommendation], *, actor: str) -> list[str]:
    """Keep recommendations as they were given; returns their ids in order."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "sku": r.sku,
            "store": r.store or "",
            "created_at": now,
            "actor": actor,
            "price": r.price,
            "current_price": r.current_price,
            "abstained": r.abstained,
            "model_hash": r.model_hash,
            "adapter_hash": r.adapter_hash,
            "rules_hash": r.rules_hash,
            "history_hash": r.history_hash,
            "record": r.to_dict(),
        }
        for r in recommendations
    ]
    insert = sa.insert(DecisionRow).returning(DecisionRow.id, sort_by_parameter_order=True)
    ids = [decision_name(number) for number in session.scalars(insert, rows)]
    _note(session, actor, "decisions_saved", None, {"first": ids[0], "last": ids[-1]})
    return ids


def find(session: Session, decision_id: str) -> DecisionRow:
    """The row of a decision. Raises `StoreError`."""
    number = decision_id.removeprefix("D")
    row = session.get(DecisionRow, int(number)) if number.isascii() and number.isdigit() else None
    if row is None:
        raise StoreError(f"There is no decision '{decision_id}' in this store. Ids look like D12.")
    return row


def listed(
    session: Session, sku: str | None, *, until: dt.date | None, limit: int | None
) -> list[DecisionRow]:
    """The newest recommendations, oldest first (see `Store.decisions`)."""
    query = sa.select(DecisionRow).order_by(DecisionRow.id.desc()).limit(limit)
    if sku is not None:
        query = query.where(DecisionRow.sku == sku)
    if until is not None:
        end = dt.datetime.combine(until + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
        query = query.where(DecisionRow.created_at < end)
    return list(session.scalars(query))[::-1]


def given(row: DecisionRow) -> Decision:
    """A row as what the store hands out."""
    return Decision(id=decision_name(row.id), created_at=row.created_at, actor=row.actor, record=row.record)


def verdict(session: Session, decision_id: str) -> Verdict | None:
    """What holds of a decision now; None where nobody decided, or it was withdrawn. Raises `StoreError`."""
    row = _last_verdict(session, find(session, decision_id))
    return None if row is None or row.verdict == "withdrawn" else ruling(row)


def ruling(row: VerdictRow) -> Verdict:
    """A row as what the store hands out."""
    return Verdict(
        decision_id=decision_name(row.decision_id),
        verdict=cast(Ruling, row.verdict),
        price=row.price,
        effective_from=row.effective_from,
        reason=row.reason,
        actor=row.actor,
        at=row.at,
    )


def approve(
    session: Session,
    decision_id: str,
    *,
    effective_from: dt.date,
    actor: str,
    price: float | None = None,
    reason: str | None = None,
) -> None:
    """Enter a price in the ledger from a day on: the recommended one, or the merchant's own.

    Approving twice is approving once. Raises `StoreError` where the recommendation was to abstain and no
    price of the merchant's own is given, or its product is not in the store.
    """
    row = find(session, decision_id)
    if row.abstained is not None and price is None:
        raise StoreError(
            f"Decision {decision_id} recommends no price for '{row.sku}' ({row.abstained}): there is "
            "nothing to approve."
        )
    product = _product(session, row)
    price = row.price if price is None else price
    last = _last_verdict(session, row)
    if last and (last.verdict, last.price, last.effective_from) == ("approved", price, effective_from):
        return
    _enter(session, product, row, price, effective_from, source="decision")
    _rule(session, row, "approved", actor, price=price, effective_from=effective_from, reason=reason)
    detail = {
        "decision_id": decision_id,
        "effective_from": effective_from.isoformat(),
        "old": row.current_price,
        "new": price,
        "suggested": None if row.abstained else row.price,
        "reason": reason,
    }
    _note(session, actor, "decision_approved", row.sku, detail)


def reject(session: Session, decision_id: str, *, actor: str, reason: str | None) -> None:
    """Note that a recommendation is not followed, and why. An approval must be withdrawn first."""
    row = find(session, decision_id)
    last = _last_verdict(session, row)
    if last is not None and last.verdict == "approved":
        raise StoreError(f"Decision {decision_id} is approved: withdraw that first.")
    if last is not None and (last.verdict, last.reason) == ("rejected", reason):
        return
    _rule(session, row, "rejected", actor, reason=reason)
    _note(session, actor, "decision_rejected", row.sku, {"decision_id": decision_id, "reason": reason})


def withdraw(session: Session, decision_id: str, *, actor: str) -> None:
    """Take an approval or rejection back; the price in force before an approval holds again."""
    row = find(session, decision_id)
    last = _last_verdict(session, row)
    if last is None or last.verdict == "withdrawn":
        raise StoreError(f"Decision {decision_id} is neither approved nor rejected.")
    detail: dict[str, Any] = {"decision_id": decision_id, "was": last.verdict}
    if last.verdict == "approved" and last.effective_from is not None:
        product = _product(session, row)
        before = _price_before(session, product, row, last.effective_from)
        _enter(session, product, row, before, last.effective_from, source="withdrawal")
        detail |= {"old": last.price, "new": before, "effective_from": last.effective_from.isoformat()}
    _rule(session, row, "withdrawn", actor)
    _note(session, actor, "decision_withdrawn", row.sku, detail)


def _last_verdict(session: Session, row: DecisionRow) -> VerdictRow | None:
    query = sa.select(VerdictRow).where(VerdictRow.decision_id == row.id).order_by(VerdictRow.id.desc())
    return session.scalars(query.limit(1)).first()


def _product(session: Session, row: DecisionRow) -> ProductRow:
    where = (ProductRow.sku == row.sku, ProductRow.store == row.store)
    product = session.scalars(sa.select(ProductRow).where(*where)).first()
    if product is None:
        raise StoreError(
            f"There is no product '{row.sku}' in this store. Import its sales first, or check the SKU."
        )
    return product


def _enter(
    session: Session, product: ProductRow, row: DecisionRow, price: float, day: dt.date, *, source: str
) -> None:
    session.add(
        LedgerRow(
            product_id=product.id,
            effective_from=day,
            price=price,
            source=source,
            decision_id=row.id,
            recorded_at=dt.datetime.now(dt.UTC),
        )
    )
    session.flush()


def _price_before(session: Session, product: ProductRow, row: DecisionRow, day: dt.date) -> float:
    """The price that the ledger had in force on a day before this decision's newest approval."""
    own = sa.select(sa.func.max(LedgerRow.id)).where(
        LedgerRow.decision_id == row.id, LedgerRow.source == "decision"
    )
    earlier = (
        sa.select(LedgerRow.price)
        .where(
            LedgerRow.product_id == product.id,
            LedgerRow.effective_from <= day,
            LedgerRow.id < own.scalar_subquery(),
        )
        .order_by(LedgerRow.effective_from.desc(), LedgerRow.id.desc())
    )
    price = session.scalars(earlier.limit(1)).first()
    return row.current_price if price is None else price


def _rule(
    session: Session,
    row: DecisionRow,
    ruling: Ruling,
    actor: str,
    *,
    price: float | None = None,
    effective_from: dt.date | None = None,
    reason: str | None = None,
) -> None:
    session.add(
        VerdictRow(
            decision_id=row.id,
            verdict=ruling,
            price=price,
            effective_from=effective_from,
            reason=reason,
            actor=actor,
            at=dt.datetime.now(dt.UTC),
        )
    )


def _note(session: Session, actor: str, action: str, subject: str | None, detail: dict[str, Any]) -> None:
    session.add(
        AuditRow(at=dt.datetime.now(dt.UTC), actor=actor, action=action, subject=subject, detail=detail)
    )
