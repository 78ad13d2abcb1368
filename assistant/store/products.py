"""The articles of the store: which there are, in which outlets, and what is said of one that is not there."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from assistant.store.database import StoreError
from assistant.store.records import Product
from assistant.store.schema import AliasRow, ProductRow, SaleRow


def read_products(session: Session) -> list[Product]:
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


def require_skus(session: Session, skus: Iterable[str]) -> None:
    """Raise `StoreError` for the first SKU that the store does not know."""
    known = set(session.scalars(sa.select(ProductRow.sku)))
    for sku in skus:
        if sku not in known:
            raise unknown_sku(sku)


def one_outlet(session: Session, sku: str, store: str | None) -> ProductRow:
    """An article in one outlet; `store` may be None where one sells it. Raises `StoreError`."""
    require_skus(session, [sku])
    query = sa.select(ProductRow).where(ProductRow.sku == sku).order_by(ProductRow.store)
    outlets = session.scalars(query).all()
    found = [row for row in outlets if store is None or row.store == store]
    if len(found) != 1:
        names = ", ".join(f"'{row.store}'" for row in outlets)
        raise StoreError(f"Product '{sku}' is sold in {len(outlets)} outlets ({names}): say in which one.")
    return found[0]


def unknown_sku(sku: str) -> StoreError:
    """The error for a SKU that the store does not know."""
    return StoreError(f"There is no product '{sku}' in this store. Import its sales first, or check the SKU.")
