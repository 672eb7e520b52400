"""The life of a ticket: history, due dates, escalation; consent, call-backs, attachments, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ADDED = (
    "due_at",
    "level",
    "reports",
    "reopened",
    "assigned_to",
    "duplicate_of",
    "updated_at",
    "waiting_since",
    "resolved_at",
    "erased_at",
)
"""Columns of ``ticket``."""
TABLES = (
    "event",
    "consent",
    "callback",
    "attachment",
    "rating",
    "access",
    "outbox",
    "constituency",
    "dialled_number",
)


def upgrade() -> None:
    """Add them; a ticket closed before counts as verified."""
    op.add_column("ticket", sa.Column("due_at", TIME))
    op.add_column("ticket", sa.Column("level", sa.Integer, nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("reports", sa.Integer, nullable=False, server_default="1"))
    op.add_column("ticket", sa.Column("reopened", sa.Integer, nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("assigned_to", sa.String))
    op.add_column("ticket", sa.Column("duplicate_of", sa.String(9)))
    op.add_column("ticket", sa.Column("updated_at", TIME))
    op.add_column("ticket", sa.Column("waiting_since", TIME))
    op.add_column("ticket", sa.Column("resolved_at", TIME))
    op.add_column("ticket", sa.Column("erased_at", TIME))
    op.create_table(
        "event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(9), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("from_status", sa.String),
        sa.Column("to_status", sa.String),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("note", sa.LargeBinary),
        sa.Column("key", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.UniqueConstraint("key", name="uq_event_key"),
    )
    op.create_index("ix_event_at", "event", ["at"])
    op.create_index("ix_event_number_id", "event", ["number", "id"])
    op.create_table(
        "consent",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("granted", sa.Boolean),
        sa.Column("at", TIME, nullable=False),
        sa.Column("withdrawn_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
        sa.UniqueConstraint("call_id", "kind", name="uq_consent_call_id_kind"),
    )
    op.create_table(
        "callback",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("number", sa.String(9)),
        sa.Column("constituency_no", sa.Integer),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("phone_hash", sa.String(64)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("done_at", TIME),
        sa.Column("done_by", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_callback"),
        sa.UniqueConstraint("call_id", "reason", name="uq_callback_call_id_reason"),
    )
    op.create_index("ix_callback_phone_hash", "callback", ["phone_hash"])
    op.create_table(
        "attachment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.UniqueConstraint("file", name="uq_attachment_file"),
    )
    op.create_index("ix_attachment_call_id", "attachment", ["call_id"])
    op.create_table(
        "rating",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("number", sa.String(9)),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rating"),
        sa.UniqueConstraint("call_id", "number", name="uq_rating_call_id_number"),
    )
    op.create_index("ix_rating_number", "rating", ["number"])
    op.create_table(
        "access",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access"),
    )
    op.create_index("ix_access_at", "access", ["at"])
    op.create_table(
        "outbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("next_at", TIME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])
    op.create_table(
        "constituency",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name_en", sa.String, nullable=False),
        sa.Column("name_ta", sa.String, nullable=False),
        sa.Column("district_en", sa.String, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.PrimaryKeyConstraint("id", name="pk_constituency"),
        sa.UniqueConstraint("number", "valid_from", name="uq_constituency_number_valid_from"),
    )
    op.create_table(
        "dialled_number",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("constituency_no", sa.Integer),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.PrimaryKeyConstraint("id", name="pk_dialled_number"),
        sa.UniqueConstraint("number", "valid_from", name="uq_dialled_number_number_valid_from"),
    )
    op.execute("UPDATE ticket SET status = 'VERIFIED_CLOSED' WHERE status = 'CLOSED'")


def downgrade() -> None:
    """Take them away; of the status only what revision 0001 knew is left."""
    op.execute(
        "UPDATE ticket SET status = CASE"
        " WHEN status IN ('NEW', 'TRANSFERRED', 'REOPENED') THEN 'NEW'"
        " WHEN status IN ('ACKNOWLEDGED', 'ASSIGNED', 'IN_PROGRESS', 'WAITING_CITIZEN')"
        " THEN 'IN_PROGRESS' ELSE 'CLOSED' END"
    )
    for table in reversed(TABLES):
        op.drop_table(table)
    for column in reversed(ADDED):
        op.drop_column("ticket", column)
