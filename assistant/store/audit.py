"""Reading the audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store.records import AuditEntry
from assistant.store.schema import AuditRow


def read_audit(
    session: Session, limit: int, *, about: str | None, until: dt.date | None, without: Sequence[str]
) -> list[AuditEntry]:
    """The newest entries, newest first (see `Store.audit`)."""
    query = sa.select(AuditRow).where(AuditRow.action.not_in(without))
    if about is not None:
        query = query.where(sa.or_(AuditRow.subject == about, AuditRow.action == "import"))
    if until is not None:
        end = dt.datetime.combine(until + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
        query = query.where(AuditRow.at < end)
    return [
        AuditEntry(
            id=row.id,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
        )
        for row in session.scalars(query.order_by(AuditRow.id.desc()).limit(limit))
    ]
