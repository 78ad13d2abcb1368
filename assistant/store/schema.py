"""The tables of the store, as mapped classes. The migrations build them; a test keeps the two equal."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

APPEND_ONLY = ("price_ledger", "decisions", "verdicts", "rules", "imports", "audit_log")
"""Tables whose rows triggers protect from change and removal."""


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC: with its zone on PostgreSQL, without one in SQLite's file, aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.astimezone(dt.UTC) if dialect.name != "sqlite" else _naive_utc(value)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _naive_utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {float: sa.Double, dt.datetime: UtcDateTime, dict[str, Any]: sa.JSON}


class ProductRow(Base):
    """One article in one outlet. Its name, category and currency are those of the newest import."""

    __tablename__ = "products"
    __table_args__ = (sa.UniqueConstraint("store", "sku"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    store: Mapped[str]
    """Outlet as in the data; the empty string where the data names none."""
    sku: Mapped[str] = mapped_column(index=True)
    name: Mapped[str | None]
    category: Mapped[str | None] = mapped_column(index=True)
    currency: Mapped[str | None]


class AliasRow(Base):
    """Another name of an article, in any language."""

    __tablename__ = "aliases"

    sku: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)


class ImportRow(Base):
    """One file that was taken in whole."""

    __tablename__ = "imports"
    __table_args__ = (sa.UniqueConstraint("content_hash", "table_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[str]
    """Hash of the file's bytes."""
    table_hash: Mapped[str]
    """Hash of the canonical table read from it: the same file read with other options is another import."""
    source: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[dt.datetime]
    rows_added: Mapped[int]
    rows_changed: Mapped[int]
    rows_unchanged: Mapped[int]
    report: Mapped[dict[str, Any]]


class SaleRow(Base):
    """One product in one period: the canonical table's row. Money per unit in `currency`."""

    __tablename__ = "sales"
    __table_args__ = (
        sa.CheckConstraint("price > 0", "price_positive"),
        sa.CheckConstraint("units >= 0", "units_not_negative"),
        {"sqlite_with_rowid": False},  # clustered by product and date, as histories are read
    )

    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    price: Mapped[float]
    units: Mapped[float | None]
    cost: Mapped[float | None]
    stock: Mapped[float | None]
    competitor_price: Mapped[float | None]
    promo: Mapped[float | None]
    views: Mapped[float | None]
    rating: Mapped[float | None]
    currency: Mapped[str | None]
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("imports.id"))
    """The import that wrote this row last."""


class DecisionRow(Base):
    """One recommendation as it was given: the whole record, and the columns it is searched by."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(index=True)
    store: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
    actor: Mapped[str]
    price: Mapped[float]
    current_price: Mapped[float]
    abstained: Mapped[str | None] = mapped_column(index=True)
    model_hash: Mapped[str]
    adapter_hash: Mapped[str | None]
    rules_hash: Mapped[str]
    history_hash: Mapped[str]
    record: Mapped[dict[str, Any]]


class VerdictRow(Base):
    """What a merchant made of a recommendation; of a decision's verdicts the last holds."""

    __tablename__ = "verdicts"

    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    verdict: Mapped[str]
    """`approved`, `rejected`, or `withdrawn`: as if nothing had been decided."""
    price: Mapped[float | None]
    """The approved price: the recommended one, or the merchant's own."""
    effective_from: Mapped[dt.date | None]
    reason: Mapped[str | None]
    actor: Mapped[str]
    at: Mapped[dt.datetime]


class LedgerRow(Base):
    """A price and the day it holds from; where two rows name one day, the later recorded holds."""

    __tablename__ = "price_ledger"
    __table_args__ = (
        sa.Index(None, "product_id", "effective_from"),
        sa.CheckConstraint("price > 0", "price_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    effective_from: Mapped[dt.date]
    price: Mapped[float]
    source: Mapped[str]
    """`import`, `decision`, or `withdrawal` of a decision's approval."""
    import_id: Mapped[int | None] = mapped_column(sa.ForeignKey("imports.id"))
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"))
    recorded_at: Mapped[dt.datetime]


class RulesRow(Base):
    """One version of the rules of one scope. The highest version is in force."""

    __tablename__ = "rules"
    __table_args__ = (sa.UniqueConstraint("scope", "key", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[str]
    """`store`, `category` or `product`."""
    key: Mapped[str]
    """Category or SKU; the empty string for the store."""
    version: Mapped[int]
    body: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """The rules; None where they were withdrawn and the next wider scope holds."""
    digest: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[dt.datetime]


class IdentityRow(Base):
    """What tells this store from every other, wherever it is moved: one row."""

    __tablename__ = "identity"

    id: Mapped[str] = mapped_column(primary_key=True)


class AuditRow(Base):
    """Who did what, when, to what, and what stood there before."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
