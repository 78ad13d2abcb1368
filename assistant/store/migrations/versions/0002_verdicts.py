"""Verdicts on recommendations, approvals that can be withdrawn and given again, and the store's identity."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_verdicts_decision_id"),
    )
    op.create_index("ix_verdicts_decision_id", "verdicts", ["decision_id"])
    op.create_table(
        "identity",
        sa.Column("id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
    )
    op.execute(f"INSERT INTO identity (id) VALUES ('{uuid4().hex}')")
    with op.batch_alter_table("price_ledger") as ledger:
        ledger.drop_constraint("uq_price_ledger_decision_id", type_="unique")
    # What was approved before there were verdicts.
    op.execute(
        "INSERT INTO verdicts (decision_id, verdict, price, effective_from, actor, at) "
        "SELECT decision_id, 'approved', price, effective_from, 'merchant', recorded_at "
        "FROM price_ledger WHERE decision_id IS NOT NULL"
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in ("verdicts", "price_ledger"):  # rebuilding the ledger's table removed its triggers
            _protect_sqlite(table)
    else:
        op.execute(
            "CREATE TRIGGER verdicts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON verdicts "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _protect_sqlite(table: str) -> None:
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only: add a new row instead');"
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} BEGIN {refusal} END")
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) BEGIN {refusal} END"
    )
