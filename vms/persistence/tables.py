"""The tables, as SQLAlchemy Core sees them; `migrations` makes them, a test holds the two together.

Rows of devices and channels are hidden, never deleted, so a key is never used again and the ledger
keeps its subjects. `*_s` of ledger and runs are UTC epoch seconds; other times are `UtcTime`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An instant, aware UTC: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value}")
        return value if dialect.name == "postgresql" else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            there: datetime = value
            return there.astimezone(UTC)
        return EPOCH + timedelta(microseconds=value)


_JSON = JSON().with_variant(JSONB(), "postgresql")
# On SQLite only INTEGER PRIMARY KEY makes a row's own number.
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


devices = Table(
    "devices",
    metadata,
    Column("key", _SERIAL, primary_key=True, autoincrement=False),
    _text("device_id"),
    _text("name"),
    _text("manufacturer"),
    _text("model"),
    _text("firmware"),
    _text("user_agent"),
    _text("edition"),
    _text("sip_username"),
    Column("secret", Text),
    Column("name_override", Text),
    _text("media_transport"),
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
    _text("state"),
    Column("state_since", UtcTime),
    Column("created_at", UtcTime),
    Column("tolerances", _JSON, nullable=False),
    Column("profile_override", Text),
    Column("profile_fields", _JSON, nullable=False, server_default=text("'{}'")),
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

channels = Table(
    "channels",
    metadata,
    Column("key", _SERIAL, primary_key=True, autoincrement=False),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    _text("channel_id"),
    _text("name"),
    _text("manufacturer"),
    _text("model"),
    _text("owner"),
    _text("civil_code"),
    _text("address"),
    Column("parent_ids", _JSON, nullable=False),
    _text("business_group_id"),
    Column("parental", Boolean, nullable=False),
    Column("secrecy", Boolean, nullable=False),
    Column("ptz_type", BigInteger),
    Column("longitude", Double),
    Column("latitude", Double),
    Column("is_on", Boolean, nullable=False),
    _text("status_text"),
    Column("extra", _JSON, nullable=False),
    Column("name_override", Text),
    Column("division_override", Text),
    _text("state"),
    Column("state_since", UtcTime),
    Column("absent_syncs", Integer, nullable=False),
    # What was set here besides name and division, by field.
    Column("overrides", _JSON, nullable=False, server_default=text("'{}'")),
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
    _text("state"),
    _text("cause"),
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
    Column("step_key", _SERIAL, primary_key=True),
    Column("at_s", BigInteger, nullable=False),
    Column("step_s", Double, nullable=False),
    sqlite_autoincrement=True,
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    _text("device_id"),
    _text("source_id"),
    Column("sn", BigInteger, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("method", BigInteger, nullable=False),
    Column("alarm_type", BigInteger),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    _text("description"),
    Column("longitude", Double),
    Column("latitude", Double),
    _text("fingerprint"),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("device_key", "fingerprint"),
    Index("ix_alarms_device_id", "device_id", "alarm_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Text, primary_key=True),
    Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
    _text("device_id"),
    _text("source_id"),
    _text("cmd_type"),
    Column("sn", BigInteger, nullable=False),
    Column("occurred_at", UtcTime),
    Column("received_at", UtcTime, nullable=False),
    Column("facts", _JSON, nullable=False),
    Column("is_known", Boolean, nullable=False),
    _text("fingerprint"),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("device_key", "fingerprint"),
    Index("ix_notices_device_id", "device_id", "notice_id"),
    Index("ix_notices_kept", "device_key", "is_known", "notice_id"),
)


def _position_columns() -> list[Column[Any]]:
    return [
        Column("device_key", BigInteger, ForeignKey("devices.key"), nullable=False),
        _text("device_id"),
        _text("source_id"),
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
    Column("position_key", _SERIAL, primary_key=True),
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
    _text("node_id"),
    _text("name"),
    _text("parent_id"),
    _text("business_group_id"),
    PrimaryKeyConstraint("device_key", "node_id"),
)

waiting = Table(
    "waiting",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("source_host", Text, primary_key=True),
    Column("source_port", Integer, nullable=False),
    _text("transport"),
    _text("user_agent"),
    _text("verdict"),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("refused", Boolean, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    _text("username"),
    # What is compared: the name folded, so that Admin and admin are one.
    Column("username_folded", Text, nullable=False, unique=True),
    _text("role"),
    _text("password_hash"),
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
    _text("name"),
    Column("user_id", Text, ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    _text("role"),
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
    Column("audit_key", _SERIAL, primary_key=True),
    Column("at", UtcTime, nullable=False),
    _text("actor"),
    _text("source"),
    _text("action"),
    _text("subject"),
    _text("outcome"),
    Column("detail", _JSON, nullable=False),
    sqlite_autoincrement=True,
)
