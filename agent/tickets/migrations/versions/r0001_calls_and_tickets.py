"""Calls, tickets, blocks of numbers: the form before there were revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "call",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("dialled", sa.String, nullable=False),
        sa.Column("caller", sa.LargeBinary),
        sa.Column("caller_hash", sa.String(64)),
        sa.Column("intent", sa.String),
        sa.Column("category", sa.String),
        sa.Column("priority", sa.String),
        sa.Column("constituency_no", sa.Integer),
        sa.Column("candidates", JSON, nullable=False),
        sa.Column("locality_en", sa.String),
        sa.Column("locality_ta", sa.String),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("consent", sa.Boolean),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_started_at", "call", ["started_at"])
    op.create_index("ix_call_caller_hash", "call", ["caller_hash"])
    op.create_table(
        "ticket",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(9), nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("issue_index", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("linked_to", sa.String(9)),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("intent", sa.String, nullable=False),
        sa.Column("category", sa.String),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("constituency_no", sa.Integer),
        sa.Column("candidates", JSON, nullable=False),
        sa.Column("locality_en", sa.String),
        sa.Column("locality_ta", sa.String),
        sa.Column("place", sa.LargeBinary),
        sa.Column("landmark", sa.LargeBinary),
        sa.Column("name", sa.LargeBinary),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("phone_hash", sa.String(64)),
        sa.Column("description", sa.LargeBinary),
        sa.Column("reasons", sa.LargeBinary),
        sa.Column("decisions", JSON, nullable=False),
        sa.Column("days_since", sa.Integer),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("partial", sa.Boolean, nullable=False),
        sa.Column("confidential", sa.Boolean, nullable=False),
        sa.Column("consent", sa.Boolean),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
        sa.UniqueConstraint("number", name="uq_ticket_number"),
        sa.UniqueConstraint("idempotency_key", name="uq_ticket_idempotency_key"),
    )
    op.create_index("ix_ticket_call_id", "ticket", ["call_id"])
    op.create_index("ix_ticket_phone_hash", "ticket", ["phone_hash"])
    op.create_index("ix_ticket_created_at", "ticket", ["created_at"])
    op.create_index(
        "ix_ticket_constituency_no_created_at", "ticket", ["constituency_no", "created_at"]
    )
    op.create_table(
        "number_block",
        sa.Column("first", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("leased_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("first", name="pk_number_block"),
    )
    op.create_index("ix_number_block_last", "number_block", ["last"])


def downgrade() -> None:
    """Take them away."""
    for table in ("number_block", "ticket", "call"):
        op.drop_table(table)
