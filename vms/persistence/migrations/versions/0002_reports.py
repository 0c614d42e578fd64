"""Notices, positions, tree nodes; profiles and measured clocks of devices; overrides of channels.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
EMPTY = sa.text("'{}'")


def _position_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("device_key", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("captured_at", UTC_TIME, nullable=False),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("longitude", sa.Double, nullable=False),
        sa.Column("latitude", sa.Double, nullable=False),
        sa.Column("speed_kmh", sa.Double, nullable=True),
        sa.Column("direction_deg", sa.Double, nullable=True),
        sa.Column("altitude_m", sa.Double, nullable=True),
        sa.Column("height_m", sa.Double, nullable=True),
    ]


def _of_a_device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["device_key"], ["devices.key"], name=op.f(f"fk_{table}_device_key")
    )


def upgrade() -> None:
    """Forward only."""
    # ALTER TABLE ADD COLUMN on both: nothing is copied, however large the tables are.
    op.add_column("devices", sa.Column("profile_override", sa.Text(), nullable=True))
    op.add_column(
        "devices", sa.Column("profile_fields", JSON, nullable=False, server_default=EMPTY)
    )
    op.add_column("devices", sa.Column("edition_override", sa.Text(), nullable=True))
    op.add_column("devices", sa.Column("clock_offset_s", sa.Double, nullable=True))
    op.add_column("channels", sa.Column("overrides", JSON, nullable=False, server_default=EMPTY))
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("device_key", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("cmd_type", sa.Text(), nullable=False),
        sa.Column("sn", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", UTC_TIME, nullable=True),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("is_known", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        _of_a_device("notices"),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "device_key", "fingerprint", name=op.f("uq_notices_device_key_fingerprint")
        ),
    )
    op.create_index("ix_notices_device_id", "notices", ["device_id", "notice_id"])
    op.create_index("ix_notices_kept", "notices", ["device_key", "is_known", "notice_id"])
    op.create_table(
        "positions",
        sa.Column("position_key", SERIAL, nullable=False),
        *_position_columns(),
        _of_a_device("positions"),
        sa.PrimaryKeyConstraint("position_key", name=op.f("pk_positions")),
        sa.UniqueConstraint(
            "device_key",
            "source_id",
            "captured_at",
            name=op.f("uq_positions_device_key_source_id_captured_at"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_positions_kept", "positions", ["device_key", "position_key"])
    op.create_table(
        "latest_positions",
        *_position_columns(),
        _of_a_device("latest_positions"),
        sa.PrimaryKeyConstraint("device_key", "source_id", name=op.f("pk_latest_positions")),
    )
    op.create_table(
        "tree_nodes",
        sa.Column("device_key", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("business_group_id", sa.Text(), nullable=False),
        _of_a_device("tree_nodes"),
        sa.PrimaryKeyConstraint("device_key", "node_id", name=op.f("pk_tree_nodes")),
    )
