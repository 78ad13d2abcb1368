"""The price ledger: append-only, read as the price in force from a day on."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Mapping
from itertools import groupby

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from assistant.store.sales import SAME, chunks, date_of, product_of, read_sales, sort_key
from assistant.store.schema import LedgerRow, ProductRow, SaleRow
from policy.decision.reference_price import Note, PriceSpan
from policy.history.periods import Period, detected_period

COARSE: Mapping[Period, tuple[Note, ...]] = {
    "day": (),
    "week": ("prices_by_week",),
    "month": ("prices_by_month",),
}
"""What to say of prices that are known by period only."""


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


def price_spans(
    session: Session, product: ProductRow, *, until: dt.date, newest: dt.date | None = None
) -> tuple[list[PriceSpan], Period]:
    """The price of a product in one outlet on every day that is known, up to a day.

    A day is known where a period with a row of sales covers it; it has the price that the ledger gives it.
    After the newest sales of the shop, as far as this product's reach them, the ledger's price is carried on
    and called assumed. The second is the length of the periods: prices are no finer than that.

    Parameters
    ----------
    newest
        First day of the shop's newest sales, where the caller knows it: it takes a look at all of them.
    """
    sales = read_sales(session, np.array([product.id], dtype=np.int64))
    period = _period(sales.day)
    last_sale = newest or session.scalar(sa.select(sa.func.max(SaleRow.date)))
    sold = {}
    for day, units in zip(sales.day.tolist(), sales.numbers["units"].tolist(), strict=True):
        first = date_of(day)
        for step in range((following(first, period) - first).days):
            sold[first + dt.timedelta(days=step)] = None if np.isnan(units) else units > 0
    if not sold or last_sale is None:
        return [], period
    last, assumed = max(sold), set()
    if last >= last_sale:  # up to date, so that nothing else than its price is known to hold now
        ahead = range(1, (until - last).days + 1)
        assumed = {last + dt.timedelta(days=step) for step in ahead}
    query = sa.select(LedgerRow.effective_from, LedgerRow.price).where(LedgerRow.product_id == product.id)
    holds: dict[dt.date, float] = {}
    for day, price in session.execute(query.order_by(LedgerRow.id)):
        holds[day] = price  # of rows that name one day, the last recorded
    changes = sorted(holds)

    def told(numbered: tuple[int, dt.date]) -> tuple[int, float, bool | None, bool, dt.date]:
        """The same for days in a row of which the same is known."""
        place, date = numbered
        since = changes[bisect.bisect_right(changes, date) - 1]  # the ledger knows every day of a sale
        return date.toordinal() - place, holds[since], sold.get(date), date in assumed, since

    spans = []
    days = sorted({date for date in sold if date <= until} | assumed)
    for (_, price, has_sold, is_assumed, since), run in groupby(enumerate(days), key=told):
        held = [date for _, date in run]
        spans.append(
            PriceSpan(
                first=held[0], last=held[-1], price=price, sold=has_sold, assumed=is_assumed, since=since
            )
        )
    return spans, period


def sales_end(session: Session) -> tuple[dt.date, Period] | None:
    """The last day that the newest sales cover, and the length of their periods; None without sales."""
    newest = sa.func.max(SaleRow.date)
    query = sa.select(SaleRow.product_id, newest).group_by(SaleRow.product_id)
    row = session.execute(query.order_by(newest.desc(), sa.func.count().desc()).limit(1)).first()
    if row is None:
        return None
    period = _period(read_sales(session, np.array([row[0]], dtype=np.int64)).day)
    return following(row[1], period) - dt.timedelta(days=1), period


def _period(days: NDArray[np.int64]) -> Period:
    """The step between the dates of one product's sales; a day where there is one date only."""
    table = pd.DataFrame({"series": 0, "date": pd.to_datetime(days, unit="D")})
    return detected_period(table) or "day" if len(np.unique(days)) > 1 else "day"


def following(day: dt.date, period: Period) -> dt.date:
    """The first day of the next period."""
    if period == "month":
        return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return day + dt.timedelta(days=7 if period == "week" else 1)


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
