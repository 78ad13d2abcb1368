"""The price ledger: append-only, read as the price in force from a day on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from assistant.store.sales import SAME, chunks, date_of, product_of, read_sales, sort_key
from assistant.store.schema import LedgerRow, ProductRow


def record_prices(session: Session, products: NDArray[np.int64], *, import_id: int, now: dt.datetime) -> int:
    """Add what the ledger needs to give, at every date of these products' sales, the price charged.

    Returns the number of rows added: one per price change of a product that the ledger did not know;
    after a correction also the rows that set the price right from there on.
    """
    sales = read_sales(session, products)
    if not len(sales):
        return 0
    price, key = sales.numbers["price"], sales.key
    first = np.r_[True, sales.product[1:] != sales.product[:-1]]
    expected = np.where(first, np.nan, np.r_[np.nan, price[:-1]])
    ledger_key, ledger_price = _in_force(session, products)
    if len(ledger_key):
        # The last ledger row up to this date speaks, where it is newer than the sale before.
        place = np.searchsorted(ledger_key, key, side="right") - 1
        speaks = (place >= 0) & (product_of(ledger_key[place]) == sales.product)
        speaks &= first | (ledger_key[place] > np.r_[0, key[:-1]])
        expected = np.where(speaks, ledger_price[place], expected)
    rows = [
        {
            "product_id": int(sales.product[i]),
            "effective_from": date_of(sales.day[i]),
            "price": float(price[i]),
            "source": "import",
            "import_id": import_id,
            "decision_id": None,
            "recorded_at": now,
        }
        for i in np.flatnonzero(~np.isclose(price, expected, rtol=SAME, atol=0.0))
    ]
    if rows:
        session.connection().execute(sa.insert(LedgerRow), rows)
    return len(rows)


def read_ledger(session: Session, sku: str) -> pd.DataFrame:
    """Every price ever recorded for an article, outlet by outlet, in the order in which they count."""
    query = (
        sa.select(ProductRow.store, LedgerRow)
        .join(ProductRow, ProductRow.id == LedgerRow.product_id)
        .where(ProductRow.sku == sku)
        .order_by(ProductRow.store, LedgerRow.effective_from, LedgerRow.id)
    )
    rows = [
        {
            "store": store or None,
            "effective_from": pd.Timestamp(row.effective_from),
            "price": row.price,
            "source": row.source,
            "decision_id": None if row.decision_id is None else decision_name(row.decision_id),
            "recorded_at": row.recorded_at,
        }
        for store, row in session.execute(query)
    ]
    columns = ["store", "effective_from", "price", "source", "decision_id", "recorded_at"]
    return pd.DataFrame(rows, columns=columns)


def decision_name(number: int) -> str:
    """The id under which people know a decision."""
    return f"D{number}"


def _in_force(session: Session, products: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sort keys and prices of the ledger, ascending, shapes (L,); of rows for one day the last recorded."""
    prices: dict[tuple[int, dt.date], float] = {}
    columns = (LedgerRow.product_id, LedgerRow.effective_from, LedgerRow.price)
    for chunk in chunks(products.tolist()):
        query = sa.select(*columns).where(LedgerRow.product_id.in_(chunk)).order_by(LedgerRow.id)
        prices.update({(product, day): price for product, day, price in session.execute(query)})
    product = np.array([p for p, _ in prices], dtype=np.int64)
    day = np.array([d for _, d in prices], dtype="datetime64[D]").astype(np.int64)
    key = sort_key(product, day)
    order = np.argsort(key)
    return key[order], np.array(list(prices.values()), dtype=np.float64)[order]
