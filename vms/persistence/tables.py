"""The tables of inventory and accounts, as SQLAlchemy Core sees them; those of the figures are in
`figure_tables`. `migrations` makes them, a test holds the two together.

Rows of devices and channels are hidden, never deleted, so a key is never used again and the ledger
keeps its subjects. `*_s` of ledger and runs are UTC epoch seconds; other times are `UtcTime`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from vms.persistence.columns import DOCUMENT, SERIAL, UtcTime, metadata, text_column

devices = Table(
    "devices",
    metadata,
    Column("key", SERIAL, primary_key=True, autoincrement=False),
    text_column("device_id"),
    text_column("name"),
    text_column("manufacturer"),
    text_column("model"),
    text_column("firmware"),
    text_column("user_agent"),
    text_column("edition"),
    text_column("sip_username"),
    Column("secret", Text),
    Column("name_override", Text),
    text_column("media_transport"),
    # The binding: all of it, or none (`registered_at` tells).
    Column("transport", Text),
    Column("host", Text),
    Column("port", Integer),
    Column("contact", Text),
    Column("local_host", Text),
    Column("call_id", Text),
    Column("registered_at", UtcTime),
    Column("expires_at", UtcTime),
    Column("last_keepalive_at", UtcTime),
    Column("last_heard_at", UtcTime),
    Column("keepalive_interval_s", Double, nullable=False),
    Column("keepalive_misses", Integer, nullable=False),
    text_column("state"),
    Column("state_since", UtcTime),
    Column("created_at", UtcTime),
    Column("tolerances", DOCUMENT, nullable=False),
    Column("profile_override", Text),
    Column("profile_fields", DOCUMENT, nullable=False, server_default=text("'{}'")),
    Column("edition_override", Text),
    Column("clock_offset_s", Double),
    Column("removed", Boolean, nullable=False, server_default=false()),
    Index(
        "uq_devices_on_file",
        "device_id",
        unique=True,
        sqlite_where=text("NOT removed"),
        postgresql_where=text("NOT removed"),
    ),
)

signs_of_life = Table(
    "signs_of_life",
    metadata,
    # Of devices whose key divided by a constant is this.
    Column("number", SERIAL, primary_key=True, autoincrement=False),
    Column("times", LargeBinary, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("key", SERIAL, primary_key=True, autoincrement=False),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    text_column("channel_id"),
    text_column("name"),
    text_column("manufacturer"),
    text_column("model"),
    text_column("owner"),
    text_column("civil_code"),
    text_column("address"),
    Column("parent_ids", DOCUMENT, nullable=False),
    text_column("business_group_id"),
    Column("parental", Boolean, nullable=False),
    Column("secrecy", Boolean, nullable=False),
    Column("ptz_type", BigInteger),
    Column("longitude", Double),
    Column("latitude", Double),
    Column("is_on", Boolean, nullable=False),
    text_column("status_text"),
    Column("extra", DOCUMENT, nullable=False),
    Column("name_override", Text),
    Column("division_override", Text),
    text_column("state"),
    Column("state_since", UtcTime),
    Column("absent_syncs", Integer, nullable=False),
    # What was set here besides name and division, by field.
    Column("overrides", DOCUMENT, nullable=False, server_default=text("'{}'")),
    Column("removed", Boolean, nullable=False, server_default=false()),
    Index(
        "uq_channels_on_file",
        "device_key",
        "channel_id",
        unique=True,
        sqlite_where=text("NOT removed"),
        postgresql_where=text("NOT removed"),
    ),
)

ledger = Table(
    "ledger",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject_key", BigInteger, primary_key=True, autoincrement=False),
    Column("start_s", BigInteger, primary_key=True, autoincrement=False),
    Column("end_s", BigInteger),
    text_column("state"),
    text_column("cause"),
    CheckConstraint("kind IN ('device', 'channel')", name="kind"),
    CheckConstraint("end_s > start_s", name="lasts"),
    Index(
        "uq_ledger_open",
        "kind",
        "subject_key",
        unique=True,
        sqlite_where=text("end_s IS NULL"),
        postgresql_where=text("end_s IS NULL"),
    ),
    # A window over all subjects must not read ten years.
    Index("ix_ledger_end", "kind", "end_s"),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("started_s", BigInteger, nullable=False),
    Column("last_life_s", BigInteger, nullable=False),
    CheckConstraint("last_life_s >= started_s", name="forward"),
)

clock_steps = Table(
    "clock_steps",
    metadata,
    Column("step_key", SERIAL, primary_key=True),
    Column("at_s", BigInteger, nullable=False),
    Column("step_s", Double, nullable=False),
    sqlite_autoincrement=True,
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    text_column("device_id"),
    text_column("source_id"),
    Column("sn", BigInteger, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("method", BigInteger, nullable=False),
    Column("alarm_type", BigInteger),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    text_column("description"),
    Column("longitude", Double),
    Column("latitude", Double),
    text_column("fingerprint"),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("device_key", "fingerprint"),
    Index("ix_alarms_device_id", "device_id", "alarm_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Text, primary_key=True),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    text_column("device_id"),
    text_column("source_id"),
    text_column("cmd_type"),
    Column("sn", BigInteger, nullable=False),
    Column("occurred_at", UtcTime),
    Column("received_at", UtcTime, nullable=False),
    Column("facts", DOCUMENT, nullable=False),
    Column("is_known", Boolean, nullable=False),
    text_column("fingerprint"),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("device_key", "fingerprint"),
    Index("ix_notices_device_id", "device_id", "notice_id"),
    Index("ix_notices_kept", "device_key", "is_known", "notice_id"),
)


def _position_columns() -> list[Column[Any]]:
    return [
        Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
        text_column("device_id"),
        text_column("source_id"),
        Column("captured_at", UtcTime, nullable=False),
        Column("received_at", UtcTime, nullable=False),
        Column("longitude", Double, nullable=False),
        Column("latitude", Double, nullable=False),
        Column("speed_kmh", Double),
        Column("direction_deg", Double),
        Column("altitude_m", Double),
        Column("height_m", Double),
    ]


positions = Table(
    "positions",
    metadata,
    Column("position_key", SERIAL, primary_key=True),
    *_position_columns(),
    UniqueConstraint("device_key", "source_id", "captured_at"),
    Index("ix_positions_kept", "device_key", "position_key"),
    sqlite_autoincrement=True,
)

latest_positions = Table(
    "latest_positions",
    metadata,
    *_position_columns(),
    PrimaryKeyConstraint("device_key", "source_id"),
)

tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    text_column("node_id"),
    text_column("name"),
    text_column("parent_id"),
    text_column("business_group_id"),
    PrimaryKeyConstraint("device_key", "node_id"),
)

waiting = Table(
    "waiting",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("source_host", Text, primary_key=True),
    Column("source_port", Integer, nullable=False),
    text_column("transport"),
    text_column("user_agent"),
    text_column("verdict"),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("refused", Boolean, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    text_column("username"),
    # What is compared: the name folded, so that Admin and admin are one.
    Column("username_folded", Text, nullable=False, unique=True),
    text_column("role"),
    text_column("password_hash"),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("user_id", Text, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_tokens_user_id", "user_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    text_column("name"),
    Column("user_id", Text, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    text_column("role"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Index("ix_api_keys_user_id", "user_id"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_key", SERIAL, primary_key=True),
    Column("at", UtcTime, nullable=False),
    text_column("actor"),
    text_column("source"),
    text_column("action"),
    text_column("subject"),
    text_column("outcome"),
    Column("detail", DOCUMENT, nullable=False),
    sqlite_autoincrement=True,
)
