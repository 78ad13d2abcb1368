"""What price reports keep in the shop and read of it: their recommendations, when they were made, by what."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store import decisions, ledger
from assistant.store.database import Database
from assistant.store.records import Decision, Verdict
from assistant.store.sales import chunks
from assistant.store.schema import (
    AuditRow,
    DecisionRow,
    ImportRow,
    LedgerRow,
    ProductRow,
    RulesRow,
    SaleRow,
    VerdictRow,
)
from policy.decision.recommendation import Recommendation
from policy.decision.reference_price import Profile, ReferenceCheck, reference_price

ACTOR = "report"
"""Who wrote a report's recommendations, in the store's records."""

MADE = "report_made"
"""The audit log's action."""

Key = tuple[str, str | None]
"""SKU and outlet of a product."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A suggested reduction whose announcement is to be checked."""

    sku: str
    store: str | None
    start: dt.date
    price: float
    """Store currency."""


@dataclass(frozen=True, kw_only=True)
class LastRuling:
    """The last thing that merchants decided of a product, and of which recommendation."""

    verdict: Verdict
    suggested: float | None
    """Store currency; None where there was no suggestion."""
    current_price: float
    """Charged when it was given, store currency."""


@dataclass(frozen=True, kw_only=True)
class RowsSetAside:
    """Rows of a file that could not be read when it was imported, and are not among the sales."""

    file: str
    count: int
    rows: Sequence[Mapping[str, Any]]
    """The first of them, in each part of a large file: fields of `SetAside`."""


SET_ASIDE = ("bad_rows_skipped", "rows_ragged_skipped")
"""Notes of an import that count such rows."""


class Reports:
    """The reports of one shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> dict[str, int]:
        """Numbers that change with whatever a report rests on: sales, prices approved, rules, and the last
        report, with which it is compared."""
        newest = {
            name: sa.select(sa.func.max(id))
            for name, id in {"import": ImportRow.id, "ledger": LedgerRow.id, "rules": RulesRow.id}.items()
        }
        newest["report"] = sa.select(sa.func.max(AuditRow.id)).where(AuditRow.action == MADE)
        with self._database.read() as session:
            return {name: session.scalar(query) or 0 for name, query in newest.items()}

    def inputs(self) -> list[dict[str, Any]]:
        """The files that the shop's sales came from, oldest first: name, SHA-256, when it was imported."""
        query = sa.select(ImportRow.source, ImportRow.content_hash, ImportRow.created_at)
        with self._database.read() as session:
            rows = session.execute(query.order_by(ImportRow.id)).all()
        files = {
            hash: {"file": name, "sha256": hash, "imported_at": at.isoformat()} for name, hash, at in rows
        }
        return list(files.values())

    def set_aside(self, *, after: int) -> tuple[list[RowsSetAside], int]:
        """What the imports since the one of this id left out, file by file, and the id of the newest import.

        A large file has an import for each of its parts, all of one moment. One that is read again in another
        way, with another period perhaps, counts once.
        """
        told_of = (ImportRow.source, ImportRow.content_hash, ImportRow.created_at, ImportRow.report)
        query = sa.select(ImportRow.id, *told_of).where(ImportRow.id > after).order_by(ImportRow.id)
        files: dict[str, str] = {}
        counts: defaultdict[str, Counter[dt.datetime]] = defaultdict(Counter)
        rows: defaultdict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        newest = after
        with self._database.read() as session:
            for newest, source, hash, at, report in session.execute(query):  # noqa: B007 - told at the end
                files[hash] = source
                notes = report.get("notes", ())
                counts[hash][at] += sum(note["count"] for note in notes if note["code"] in SET_ASIDE)
                rows[hash] |= {row["row"]: row for row in report.get("set_aside", ())}
        told = [
            RowsSetAside(file=source, count=number, rows=[rows[hash][row] for row in sorted(rows[hash])])
            for hash, source in files.items()
            if (number := max(counts[hash].values()))
        ]
        return told, newest

    def made(self, limit: int) -> list[dict[str, Any]]:
        """What was noted of the last reports, newest first; each has `made_at`, ISO 8601."""
        query = sa.select(AuditRow.detail).where(AuditRow.action == MADE).order_by(AuditRow.id.desc())
        with self._database.read() as session:
            return list(session.scalars(query.limit(limit)))

    def note(self, detail: Mapping[str, Any]) -> None:
        """Say in the audit log that a report was made."""
        now = dt.datetime.now(dt.UTC)
        with self._database.write() as session:
            session.add(AuditRow(at=now, actor=ACTOR, action=MADE, subject=None, detail=dict(detail)))

    def earlier(self, skus: Sequence[str]) -> dict[Key, Decision]:
        """What the last report said of these articles, by outlet, as far as it was made: not what a run
        recorded that ended before its report could be read."""
        last = sa.select(sa.func.max(AuditRow.at)).where(AuditRow.action == MADE)
        with self._database.read() as session:
            until = session.scalar(last)
            return {} if until is None else _newest(session, skus, until=until)

    def since(self, skus: Sequence[str], moment: dt.datetime) -> list[Decision]:
        """What reports recommended for these articles from a moment on, oldest first."""
        found: list[Decision] = []
        with self._database.read() as session:
            for chunk in chunks(skus):
                query = sa.select(DecisionRow).where(
                    DecisionRow.sku.in_(chunk), DecisionRow.actor == ACTOR, DecisionRow.created_at >= moment
                )
                rows = session.scalars(query.order_by(DecisionRow.id))
                found += [decisions.given(row) for row in rows]
        return found

    def record(self, said: Sequence[Recommendation]) -> list[str]:
        """Keep recommendations, and give each its id. One that repeats what the last report said of its
        product is that decision, with what was decided of it: so a report that was stopped while it was
        recorded gets the same ids when it goes on."""
        with self._database.write() as session:
            known = _newest(session, [it.sku for it in said])
            found = [known.get((it.sku, it.store or None)) for it in said]
            ids = [
                row.id if row is not None and it.repeats(Recommendation.from_dict(row.record)) else None
                for it, row in zip(said, found, strict=True)
            ]
            fresh = [it for it, id in zip(said, ids, strict=True) if id is None]
            new = iter(decisions.save(session, fresh, actor=ACTOR) if fresh else ())
            return [next(new) if id is None else id for id in ids]

    def verdicts(self) -> dict[str, Verdict]:
        """What merchants made of all that reports recommended, by id of the decision."""
        last = sa.select(sa.func.max(VerdictRow.id)).group_by(VerdictRow.decision_id)
        query = (
            sa.select(VerdictRow)
            .join(DecisionRow, DecisionRow.id == VerdictRow.decision_id)
            .where(VerdictRow.id.in_(last), VerdictRow.verdict != "withdrawn", DecisionRow.actor == ACTOR)
        )
        with self._database.read() as session:
            found = [decisions.ruling(row) for row in session.scalars(query)]
        return {it.decision_id: it for it in found}

    def rulings(self) -> dict[Key, LastRuling]:
        """What was decided last of each product: of a report's recommendations as of the chat's."""
        last = sa.select(sa.func.max(VerdictRow.id)).group_by(VerdictRow.decision_id)
        newest = (
            sa.select(sa.func.max(VerdictRow.id))
            .join(DecisionRow, DecisionRow.id == VerdictRow.decision_id)
            .where(VerdictRow.id.in_(last), VerdictRow.verdict != "withdrawn")
            .group_by(DecisionRow.sku, DecisionRow.store)
        )
        told = (DecisionRow.sku, DecisionRow.store, DecisionRow.price, DecisionRow.current_price)
        query = (
            sa.select(VerdictRow, *told, DecisionRow.abstained)
            .join(DecisionRow, DecisionRow.id == VerdictRow.decision_id)
            .where(VerdictRow.id.in_(newest))
        )
        with self._database.read() as session:
            return {
                (sku, store or None): LastRuling(
                    verdict=decisions.ruling(row),
                    suggested=price if abstained is None else None,
                    current_price=current_price,
                )
                for row, sku, store, price, current_price, abstained in session.execute(query)
            }

    def gone(self, present: Collection[Key]) -> list[Decision]:
        """What reports up to the last one said last of the shop's products that are not among these, in order
        of outlet and SKU."""
        # A product's name stays when its sales are deleted; decisions are too many to look for others.
        with self._database.read() as session:
            every = session.execute(sa.select(ProductRow.sku, ProductRow.store))
            lost = {(sku, store or None) for sku, store in every} - set(present)
        found = self.earlier([sku for sku, _ in lost])
        return [found[key] for key in sorted(lost & found.keys(), key=lambda it: (it[1] or "", it[0]))]

    def reference_prices(self, cuts: Sequence[Cut], *, profile: Profile) -> list[ReferenceCheck]:
        """`Store.reference_price` of many products at once, in their order."""
        found = []
        with self._database.read() as session:
            newest = session.scalar(sa.select(sa.func.max(SaleRow.date)))
            rows: dict[Key, ProductRow] = {}
            for chunk in chunks(sorted({cut.sku for cut in cuts})):
                for row in session.scalars(sa.select(ProductRow).where(ProductRow.sku.in_(chunk))):
                    rows[row.sku, row.store or None] = row
            for cut in cuts:
                spans, period = ledger.price_spans(
                    session, rows[cut.sku, cut.store], until=cut.start - dt.timedelta(days=1), newest=newest
                )
                found.append(
                    reference_price(
                        spans,
                        start=cut.start,
                        profile=profile,
                        planned_price=cut.price,
                        notes=ledger.COARSE[period],
                    )
                )
        return found


def _newest(
    session: Session, skus: Sequence[str], *, until: dt.datetime | None = None
) -> dict[Key, Decision]:
    given = [] if until is None else [DecisionRow.created_at <= until]
    found: dict[Key, Decision] = {}
    for chunk in chunks(sorted(set(skus))):
        last = (
            sa.select(sa.func.max(DecisionRow.id))
            .where(DecisionRow.sku.in_(chunk), DecisionRow.actor == ACTOR, *given)
            .group_by(DecisionRow.sku, DecisionRow.store)
        )
        for row in session.scalars(sa.select(DecisionRow).where(DecisionRow.id.in_(last))):
            found[row.sku, row.store or None] = decisions.given(row)
    return found
