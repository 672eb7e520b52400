"""Tickets that need listening, and tickets that more than one call told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    listening = sa.Column("needs_listening", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("ticket", listening)
    op.create_table(
        "telling",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("issue_index", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_telling"),
        sa.UniqueConstraint("call_id", "issue_index", name="uq_telling_call_id_issue_index"),
    )
    op.create_index("ix_telling_key", "telling", ["key"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("telling")
    op.drop_column("ticket", "needs_listening")
