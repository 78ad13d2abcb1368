"""Takes a canonical table into the store: new rows are added, rows that differ are corrected."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from assistant.store.database import StoreError
from assistant.store.importing import Imported, ImportReport, combined
from assistant.store.ledger import record_prices
from assistant.store.sales import (
    SAME,
    Sales,
    add_sales,
    chunks,
    correct_sales,
    date_of,
    read_sales,
    sales_of,
)
from assistant.store.schema import AuditRow, ImportRow, ProductRow
from policy.history.checks import COLUMNS, NUMBERS, REQUIRED, WORDS


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What an import did to the store."""

    import_id: int
    products: int
    """Products in the table."""
    products_added: int = 0
    rows_added: int = 0
    rows_changed: int = 0
    """Rows that were known with other values: the newer file's hold, the audit log keeps the old ones."""
    rows_unchanged: int = 0
    prices_changed: int = 0
    """Of the rows changed, those whose price was another."""
    prices_recorded: int = 0
    """Rows added to the price ledger."""
    already_imported: bool = False
    """The same file was imported before, read the same way: nothing was done."""


@dataclass(frozen=True)
class _Author:
    actor: str
    now: dt.datetime

    def audit(self, action: str, subject: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {"at": self.now, "actor": self.actor, "action": action, "subject": subject, "detail": detail}


def take_in(
    session: Session,
    frame: pd.DataFrame,
    *,
    source: str,
    content_hash: str,
    actor: str,
    report: Mapping[str, Any],
    keep: bool = True,
) -> ImportResult:
    """Bring the store up to date with a canonical table, inside the caller's transaction.

    A value that the table lacks (NaN, or no such column) does not erase one that is known. Without `keep`
    the store is left as it was, and the result says what would have been done.
    Raises ValueError where the table is not canonical: a required column is missing, or a row repeats.
    """
    author = _Author(actor, dt.datetime.now(dt.UTC))
    attempt = session.begin_nested()
    result = _taken_in(session, frame, source, content_hash, author, report)
    _note(session, author, source, content_hash, result)
    if keep:
        attempt.commit()
    else:
        attempt.rollback()
    return result


def _taken_in(
    session: Session,
    frame: pd.DataFrame,
    source: str,
    content_hash: str,
    author: _Author,
    report: Mapping[str, Any],
) -> ImportResult:
    frame = _checked(frame)
    table_hash = _table_hash(frame)
    same = (ImportRow.content_hash == content_hash, ImportRow.table_hash == table_hash)
    earlier = session.scalars(sa.select(ImportRow.id).where(*same)).first()
    if earlier is not None:
        products = len(frame[["store", "sku"]].drop_duplicates())
        return ImportResult(
            import_id=earlier, products=products, rows_unchanged=len(frame), already_imported=True
        )

    product, added, audit = _products(session, frame, author)
    incoming = sales_of(frame, product)
    touched = np.unique(product)
    stored = read_sales(session, np.setdiff1d(touched, added))
    _refuse_other_currency(stored, incoming, source)
    row, found = _match(stored, incoming)
    differs = _differences(stored, incoming, row, found)
    changed = np.any(list(differs.values()), axis=0)
    entry = ImportRow(
        content_hash=content_hash,
        table_hash=table_hash,
        source=source,
        actor=author.actor,
        created_at=author.now,
        rows_added=int((~found).sum()),
        rows_changed=int(changed.sum()),
        rows_unchanged=int((found & ~changed).sum()),
        report=dict(report),
    )
    session.add(entry)
    session.flush()

    add_sales(session, incoming, np.flatnonzero(~found), import_id=entry.id)
    audit += _correct(session, stored, incoming, row, differs, entry.id, author)
    moved = np.unique(incoming.product[~found | differs["price"]])
    result = ImportResult(
        import_id=entry.id,
        products=len(touched),
        products_added=len(added),
        rows_added=entry.rows_added,
        rows_changed=entry.rows_changed,
        rows_unchanged=entry.rows_unchanged,
        prices_changed=int(differs["price"].sum()),
        prices_recorded=record_prices(session, moved, import_id=entry.id, now=author.now),
    )
    if audit:
        session.connection().execute(sa.insert(AuditRow), audit)
    return result


def _note(session: Session, author: _Author, source: str, content_hash: str, result: ImportResult) -> None:
    """Write a file's import to the audit log, where it was one."""
    if not result.already_imported:
        detail = asdict(result) | {"content_hash": content_hash}
        session.connection().execute(sa.insert(AuditRow), [author.audit("import", source, detail)])


def take_in_parts(
    session: Session, parts: Iterable[Imported], *, actor: str
) -> tuple[ImportReport, ImportResult]:
    """`take_in` the parts of one file as one import: what was understood and what it did, put together.

    The table of imports has a row for each part, the audit log one entry for the file.
    """
    author, reports, results = _Author(actor, dt.datetime.now(dt.UTC)), [], []
    for part in parts:
        report = part.report
        done = _taken_in(session, part.frame, report.file, report.sha256, author, report.to_dict())
        session.flush()
        session.expire_all()  # the products of a part are not looked at again
        reports.append(report)
        results.append(done)
    counts = [it.name for it in fields(ImportResult) if it.name not in ("import_id", "already_imported")]
    whole = replace(
        results[-1],
        **{name: sum(getattr(it, name) for it in results) for name in counts},
        already_imported=all(it.already_imported for it in results),
    )
    report = combined(reports)
    _note(session, author, report.file, report.sha256, whole)
    return report, whole


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an outlet in every row, the empty string where it names none."""
    if missing := [c for c in REQUIRED if c not in frame.columns]:
        raise ValueError(
            f"The table is not canonical, it lacks {missing}: pass it through canonical_history."
        )
    store = frame["store"].astype(object).where(frame["store"].notna(), "") if "store" in frame else ""
    frame = frame.assign(store=store)
    if repeated := int(frame.duplicated(["store", "sku", "date"]).sum()):
        raise ValueError(
            f"The table is not canonical, {repeated} of {len(frame)} rows repeat a product and date: "
            "pass it through canonical_history."
        )
    return frame


def _table_hash(frame: pd.DataFrame) -> str:
    columns = [c for c in COLUMNS if c in frame.columns]
    digest = hashlib.sha256(" ".join(columns).encode())
    digest.update(pd.util.hash_pandas_object(frame[columns], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _products(
    session: Session, frame: pd.DataFrame, author: _Author
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[dict[str, Any]]]:
    """Each row's product id (N,), ids of new products, and audit rows of words that changed."""
    words = [c for c in WORDS if c in frame.columns]
    latest = frame.sort_values("date").groupby(["store", "sku"])[["date", *words]].last()
    skus = sorted(set(latest.index.get_level_values("sku")))
    held = (sa.select(ProductRow).where(ProductRow.sku.in_(chunk)) for chunk in chunks(skus))
    known = {(p.store, p.sku): p for query in held for p in session.scalars(query)}
    fresh, ids, audit = [], {}, []
    for (store, sku), row in zip(latest.index, latest[words].to_dict("records"), strict=True):
        given = {c: str(row[c]) for c in words if pd.notna(row[c])}
        product = known.get((store, sku))
        if product is None:
            fresh.append({"store": store, "sku": sku} | dict.fromkeys(WORDS) | given)
            continue
        ids[store, sku] = product.id
        if old := {c: getattr(product, c) for c, value in given.items() if getattr(product, c) != value}:
            new = {c: given[c] for c in old}
            for column, value in new.items():
                setattr(product, column, value)
            audit.append(
                author.audit("product_changed", sku, {"store": store or None, "old": old, "new": new})
            )
    added: list[int] = []
    if fresh:
        insert = sa.insert(ProductRow).returning(ProductRow.id, sort_by_parameter_order=True)
        added = list(session.scalars(insert, fresh))
        ids |= {(p["store"], p["sku"]): number for p, number in zip(fresh, added, strict=True)}
    codes, keys = pd.MultiIndex.from_frame(frame[["store", "sku"]]).factorize()
    by_code = np.array([ids[key] for key in keys], dtype=np.int64)
    return by_code[codes], np.array(added, dtype=np.int64), audit


def _match(stored: Sales, incoming: Sales) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each incoming row its place among the stored ones, and whether it is there, shapes (N,)."""
    if not len(stored):
        return np.zeros(len(incoming), dtype=np.int64), np.zeros(len(incoming), dtype=bool)
    row = np.minimum(np.searchsorted(stored.key, incoming.key), len(stored) - 1)
    return row, stored.key[row] == incoming.key


def _refuse_other_currency(stored: Sales, incoming: Sales, source: str) -> None:
    """Prices in two currencies make no history.

    Raises
    ------
    StoreError
        The table prices products in another currency than their sales in the store.
    """
    known = pd.Series(stored.currency, index=stored.product).dropna()
    known = known[~known.index.duplicated(keep="last")]
    before = known.reindex(incoming.product).to_numpy(dtype=object)
    named = pd.notna(before) & pd.notna(incoming.currency)
    other = named & (before != incoming.currency)
    if other.any():
        first = int(other.argmax())
        now, earlier = incoming.currency[first], before[first]
        raise StoreError(
            f"{int(other.sum()):,} of {len(incoming):,} rows of {source} are in {now}, "
            f"but the shop's sales of the same products are in {earlier}. Nothing was imported; "
            "convert the file, or import it into another folder by --data-dir."
        )


def _differences(
    stored: Sales, incoming: Sales, row: NDArray[np.int64], found: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Per column, the incoming rows that carry a value other than the stored one, shapes (N,)."""
    differs = {c: np.zeros(len(found), dtype=bool) for c in (*NUMBERS, "currency")}
    if not found.any():
        return differs
    for column in NUMBERS:
        new, old = incoming.numbers[column], stored.numbers[column][row]
        differs[column] = found & ~np.isnan(new) & ~np.isclose(new, old, rtol=SAME, atol=0.0)
    known = np.array([word is not None for word in incoming.currency])
    differs["currency"] = found & known & (incoming.currency != stored.currency[row])
    return differs


def _correct(
    session: Session,
    stored: Sales,
    incoming: Sales,
    row: NDArray[np.int64],
    differs: dict[str, NDArray[np.bool_]],
    import_id: int,
    author: _Author,
) -> list[dict[str, Any]]:
    """Write the rows that differ; returns one audit row per product with the old and the new values."""
    corrections = []
    details: dict[int, list[dict[str, Any]]] = {}
    for i in np.flatnonzero(np.any(list(differs.values()), axis=0)):
        columns = [c for c in differs if differs[c][i]]
        old = {c: stored.cell(c, int(row[i])) for c in columns}
        new = {c: incoming.cell(c, int(i)) for c in columns}
        product, date = int(incoming.product[i]), date_of(incoming.day[i])
        corrections.append((product, date, new))
        details.setdefault(product, []).append({"date": date.isoformat(), "old": old, "new": new})
    correct_sales(session, corrections, import_id=import_id)

    audit = []
    for chunk in chunks(list(details)):
        for named in session.scalars(sa.select(ProductRow).where(ProductRow.id.in_(chunk))):
            detail = {"store": named.store or None, "import_id": import_id, "rows": details[named.id]}
            audit.append(author.audit("sales_changed", named.sku, detail))
    return audit
