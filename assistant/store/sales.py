"""Sales as arrays: how rows of the sales table are read, written and compared in bulk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from assistant.store.schema import ProductRow, SaleRow
from policy.history.checks import NUMBERS, REQUIRED

SAME = 1e-9
"""Relative difference below which two numbers are one: another file format's noise, not another value."""

_BATCH = 10_000
_MANY = 5_000  # identifiers in one IN (...): SQLite and PostgreSQL both cap the number of parameters
_DAY_BITS, _DAY_ZERO = 24, 1_000_000  # a product and a day as one sortable integer

_Rows = TypeVar("_Rows", bound=Sequence | NDArray)


@dataclass(frozen=True)
class Sales:
    """N rows of sales, sorted by product and day. NaN means unknown."""

    product: NDArray[np.int64]
    """Product ids, shape (N,)."""
    day: NDArray[np.int64]
    """First day of the period, days since 1970-01-01, shape (N,)."""
    numbers: dict[str, NDArray[np.float64]]
    """Per numeric column of the canonical table, shape (N,)."""
    currency: NDArray[np.object_]
    """None where unknown, shape (N,)."""

    def __len__(self) -> int:
        return len(self.day)

    @property
    def key(self) -> NDArray[np.int64]:
        """Product and day as one integer, ascending, shape (N,)."""
        return sort_key(self.product, self.day)

    def cell(self, column: str, i: int) -> float | str | None:
        """One value, None where unknown."""
        if column == "currency":
            return self.currency[i]
        value = float(self.numbers[column][i])
        return None if np.isnan(value) else value


def sort_key(product: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Product and day as one integer that sorts like the pair, shape (N,)."""
    return (product << _DAY_BITS) + day + _DAY_ZERO


def product_of(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """The product in a sort key, shape (N,)."""
    return key >> _DAY_BITS


def date_of(day: np.int64 | int) -> dt.date:
    """The date of a day since 1970-01-01."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(day))


def sales_of(frame: pd.DataFrame, product: NDArray[np.int64]) -> Sales:
    """A canonical table's rows, given each row's product id (N,); columns that it lacks are unknown."""
    day = frame["date"].to_numpy("datetime64[D]").astype(np.int64)
    order = np.lexsort((day, product))
    unknown = np.full(len(frame), np.nan)
    numbers = {c: frame[c].to_numpy(np.float64, na_value=np.nan) if c in frame else unknown for c in NUMBERS}
    currency = np.full(len(frame), None, dtype=object)
    if "currency" in frame:
        currency = frame["currency"].astype(object).where(frame["currency"].notna(), None).to_numpy()
    return Sales(
        product=product[order],
        day=day[order],
        numbers={c: v[order] for c, v in numbers.items()},
        currency=currency[order],
    )


def read_sales(session: Session, products: NDArray[np.int64] | None = None) -> Sales:
    """Stored sales of these products, or of all where None."""
    columns = ("product_id", "date", *NUMBERS, "currency")
    query = sa.select(*(getattr(SaleRow, c) for c in columns)).order_by(SaleRow.product_id, SaleRow.date)
    rows: list[Any] = []
    if products is None:
        rows += session.execute(query).all()
    else:
        for chunk in chunks(np.sort(products).tolist()):
            rows += session.execute(query.where(SaleRow.product_id.in_(chunk))).all()
    column = dict(zip(columns, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(columns, ())
    return Sales(
        product=np.array(column["product_id"], dtype=np.int64),
        day=np.array(column["date"], dtype="datetime64[D]").astype(np.int64),
        numbers={c: np.array(column[c], dtype=np.float64) for c in NUMBERS},
        currency=np.array(column["currency"], dtype=object),
    )


def read_history(session: Session, skus: Sequence[str] | None) -> pd.DataFrame:
    """Canonical history of these articles in all outlets, or of all articles where None."""
    query = sa.select(ProductRow).order_by(ProductRow.store, ProductRow.sku)
    if skus is not None:
        query = query.where(ProductRow.sku.in_(skus))
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


def add_sales(session: Session, sales: Sales, rows: NDArray[np.int64], *, import_id: int) -> None:
    """Insert the rows at these places."""
    names = ("product_id", "date", *NUMBERS, "currency", "import_id")
    insert = sa.insert(SaleRow)
    for chunk in chunks(rows, _BATCH):
        numbers = [_nullable(sales.numbers[c][chunk]) for c in NUMBERS]
        days = sales.day[chunk].astype("datetime64[D]").tolist()
        words = (sales.currency[chunk].tolist(), [import_id] * len(chunk))
        table = zip(sales.product[chunk].tolist(), days, *numbers, *words, strict=True)
        session.connection().execute(insert, [dict(zip(names, row, strict=True)) for row in table])


def correct_sales(
    session: Session, corrections: Sequence[tuple[int, dt.date, dict[str, Any]]], *, import_id: int
) -> None:
    """Overwrite values of rows given as (product id, date, new values by column)."""
    where = (SaleRow.product_id == sa.bindparam("of_product"), SaleRow.date == sa.bindparam("on_date"))
    for columns in sorted({tuple(new) for _, _, new in corrections}):
        values: dict[str, Any] = {c: sa.bindparam(f"new_{c}") for c in columns}
        rows = [
            {"of_product": product, "on_date": date} | {f"new_{c}": v for c, v in new.items()}
            for product, date, new in corrections
            if tuple(new) == columns
        ]
        update = sa.update(SaleRow).where(*where).values(**values, import_id=import_id)
        session.connection().execute(update, rows)


def chunks(rows: _Rows, size: int = _MANY) -> Iterator[_Rows]:
    """Consecutive pieces of at most `size`."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]  # type: ignore[misc]


def _nullable(values: NDArray[np.float64]) -> list[float | None]:
    objects = values.astype(object)
    objects[np.isnan(values)] = None
    return list(objects)
