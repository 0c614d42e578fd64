"""The first schema: inventory, ledger, alarms, accounts, secrets, audit.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ON_FILE = sa.text("NOT removed")


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "audit",
        sa.Column("audit_key", SERIAL, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("audit_key", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "clock_steps",
        sa.Column("step_key", SERIAL, nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.Column("step_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("step_key", name=op.f("pk_clock_steps")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "devices",
        sa.Column("key", SERIAL, autoincrement=False, nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("sip_username", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("name_override", sa.Text(), nullable=True),
        sa.Column("media_transport", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("local_host", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("registered_at", UTC_TIME, nullable=True),
        sa.Column("expires_at", UTC_TIME, nullable=True),
        sa.Column("last_keepalive_at", UTC_TIME, nullable=True),
        sa.Column("last_heard_at", UTC_TIME, nullable=True),
        sa.Column("keepalive_interval_s", sa.Double, nullable=False),
        sa.Column("keepalive_misses", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", UTC_TIME, nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=True),
        sa.Column("tolerances", JSON, nullable=False),
        sa.Column("removed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_devices")),
    )
    op.create_index(
        "uq_devices_on_file",
        "devices",
        ["device_id"],
        unique=True,
        sqlite_where=ON_FILE,
        postgresql_where=ON_FILE,
    )
    op.create_table(
        "ledger",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('device', 'channel')", name=op.f("ck_ledger_kind")),
        sa.CheckConstraint("end_s > start_s", name=op.f("ck_ledger_lasts")),
        sa.PrimaryKeyConstraint("kind", "subject_key", "start_s", name=op.f("pk_ledger")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ledger_end", "ledger", ["kind", "end_s"])
    op.create_index(
        "uq_ledger_open",
        "ledger",
        ["kind", "subject_key"],
        unique=True,
        sqlite_where=sa.text("end_s IS NULL"),
        postgresql_where=sa.text("end_s IS NULL"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("started_s", sa.BigInteger(), nullable=False),
        sa.Column("last_life_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last_life_s >= started_s", name=op.f("ck_runs_forward")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_folded", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("username_folded", name=op.f("uq_users_username_folded")),
    )
    op.create_table(
        "waiting",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("source_host", sa.Text(), nullable=False),
        sa.Column("source_port", sa.Integer(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.Column("last_seen_at", UTC_TIME, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "source_host", name=op.f("pk_waiting")),
    )
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.Text(), nullable=False),
        sa.Column("device_key", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("sn", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.BigInteger(), nullable=False),
        sa.Column("alarm_type", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", UTC_TIME, nullable=False),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("longitude", sa.Double, nullable=True),
        sa.Column("latitude", sa.Double, nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["device_key"], ["devices.key"], name=op.f("fk_alarms_device_key")),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarms")),
        sa.UniqueConstraint(
            "device_key", "fingerprint", name=op.f("uq_alarms_device_key_fingerprint")
        ),
    )
    op.create_index("ix_alarms_device_id", "alarms", ["device_id", "alarm_id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=True),
        sa.Column("last_used_at", UTC_TIME, nullable=True),
        sa.Column("revoked_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"], unique=False)
    op.create_table(
        "channels",
        sa.Column("key", SERIAL, autoincrement=False, nullable=False),
        sa.Column("device_key", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("civil_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("parent_ids", JSON, nullable=False),
        sa.Column("business_group_id", sa.Text(), nullable=False),
        sa.Column("parental", sa.Boolean(), nullable=False),
        sa.Column("secrecy", sa.Boolean(), nullable=False),
        sa.Column("ptz_type", sa.BigInteger(), nullable=True),
        sa.Column("longitude", sa.Double, nullable=True),
        sa.Column("latitude", sa.Double, nullable=True),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("status_text", sa.Text(), nullable=False),
        sa.Column("extra", JSON, nullable=False),
        sa.Column("name_override", sa.Text(), nullable=True),
        sa.Column("division_override", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", UTC_TIME, nullable=True),
        sa.Column("absent_syncs", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key"], ["devices.key"], name=op.f("fk_channels_device_key")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_channels")),
    )
    op.create_index(
        "uq_channels_on_file",
        "channels",
        ["device_key", "channel_id"],
        unique=True,
        sqlite_where=ON_FILE,
        postgresql_where=ON_FILE,
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("last_used_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_tokens_sha256")),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"], unique=False)
