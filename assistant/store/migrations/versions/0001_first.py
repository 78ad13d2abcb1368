"""The first schema: products, sales, price ledger, decisions, rules, imports, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY = ("price_ledger", "decisions", "rules", "imports", "audit_log")


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "products",
        _integer("id"),
        _text("store"),
        _text("sku"),
        _text("name", nullable=True),
        _text("category", nullable=True),
        _text("currency", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint("store", "sku", name="uq_products_store_sku"),
    )
    op.create_index("ix_products_sku", "products", ["sku"])
    op.create_index("ix_products_category", "products", ["category"])
    op.create_table(
        "aliases",
        _text("sku"),
        _text("alias"),
        sa.PrimaryKeyConstraint("sku", "alias", name="pk_aliases"),
    )
    op.create_table(
        "imports",
        _integer("id"),
        _text("content_hash"),
        _text("table_hash"),
        _text("source"),
        _text("actor"),
        _moment("created_at"),
        _integer("rows_added"),
        _integer("rows_changed"),
        _integer("rows_unchanged"),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.UniqueConstraint("content_hash", "table_hash", name="uq_imports_content_hash_table_hash"),
    )
    op.create_table(
        "sales",
        _integer("product_id"),
        sa.Column("date", sa.Date(), nullable=False),
        _number("price"),
        _number("units", nullable=True),
        _number("cost", nullable=True),
        _number("stock", nullable=True),
        _number("competitor_price", nullable=True),
        _number("promo", nullable=True),
        _number("views", nullable=True),
        _number("rating", nullable=True),
        _text("currency", nullable=True),
        _integer("import_id"),
        sa.PrimaryKeyConstraint("product_id", "date", name="pk_sales"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_sales_product_id"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_sales_import_id"),
        sa.CheckConstraint("price > 0", name="ck_sales_price_positive"),
        sa.CheckConstraint("units >= 0", name="ck_sales_units_not_negative"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        _integer("id"),
        _text("sku"),
        _text("store"),
        _moment("created_at"),
        _text("actor"),
        _number("price"),
        _number("current_price"),
        _text("abstained", nullable=True),
        _text("model_hash"),
        _text("adapter_hash", nullable=True),
        _text("rules_hash"),
        _text("history_hash"),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    for column in ("sku", "created_at", "abstained"):
        op.create_index(f"ix_decisions_{column}", "decisions", [column])
    op.create_table(
        "price_ledger",
        _integer("id"),
        _integer("product_id"),
        sa.Column("effective_from", sa.Date(), nullable=False),
        _number("price"),
        _text("source"),
        _integer("import_id", nullable=True),
        _integer("decision_id", nullable=True),
        _moment("recorded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_price_ledger"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_price_ledger_product_id"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_price_ledger_import_id"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_price_ledger_decision_id"),
        sa.UniqueConstraint("decision_id", name="uq_price_ledger_decision_id"),
        sa.CheckConstraint("price > 0", name="ck_price_ledger_price_positive"),
    )
    op.create_index(
        "ix_price_ledger_product_id_effective_from", "price_ledger", ["product_id", "effective_from"]
    )
    op.create_table(
        "rules",
        _integer("id"),
        _text("scope"),
        _text("key"),
        _integer("version"),
        sa.Column("body", sa.JSON(), nullable=True),
        _text("digest"),
        _text("actor"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_rules"),
        sa.UniqueConstraint("scope", "key", "version", name="uq_rules_scope_key_version"),
    )
    op.create_table(
        "audit_log",
        _integer("id"),
        _moment("at"),
        _text("actor"),
        _text("action"),
        _text("subject", nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _protect_sqlite()
    else:
        _protect_postgresql()


def _protect_sqlite() -> None:
    for table in _APPEND_ONLY:
        refusal = f"SELECT RAISE(ABORT, '{table} is append-only: add a new row instead');"
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} BEGIN {refusal} END"
            )
        # INSERT OR REPLACE removes the old row without firing a DELETE trigger.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) BEGIN {refusal} END"
        )


def _protect_postgresql() -> None:
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% is append-only: add a new row instead', TG_TABLE_NAME; END $$
        """
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
