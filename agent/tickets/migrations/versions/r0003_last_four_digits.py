"""Look-up by the last four digits of a phone number; calls say when they were erased.

Rows from before get their hashes from the upkeep of a worker or from ``kural tickets rotate-key``:
the key is not known here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("call", sa.Column("caller_last4_hash", sa.String(64)))
    op.add_column("call", sa.Column("erased_at", sa.DateTime(timezone=True)))
    op.add_column("ticket", sa.Column("phone_last4_hash", sa.String(64)))
    op.create_index("ix_call_caller_last4_hash", "call", ["caller_last4_hash"])
    op.create_index("ix_ticket_phone_last4_hash", "ticket", ["phone_last4_hash"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_ticket_phone_last4_hash", "ticket")
    op.drop_index("ix_call_caller_last4_hash", "call")
    op.drop_column("ticket", "phone_last4_hash")
    op.drop_column("call", "erased_at")
    op.drop_column("call", "caller_last4_hash")
