"""The tables behind the figures: where channels belonged, what was excluded, finished days,
outages, reports. Made by migration 0003.

`*_s` are UTC epoch seconds; spans are half-open, and one that lasts has no end. Keys of channels
are never used again, so nothing here is deleted with a channel.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from vms.persistence.columns import DOCUMENT, SERIAL, UtcTime, metadata, text_column

PLACE_COLUMNS = (
    "division",
    "group_id",
    "own_group_id",
    "department",
    "builder",
    "maintainer",
    "point_class",
    "site_type",
    "manufacturer",
    "model",
    "parent_id",
    "platform_id",
    "segment",
)
"""What a place says of a channel, by the names of `vms.inventory.placement.Place`."""

places = Table(
    "places",
    metadata,
    Column("place_key", SERIAL, primary_key=True),
    # SHA-256 over what the place says: two with the same words are one row.
    Column("digest", LargeBinary, nullable=False),
    *(text_column(name) for name in PLACE_COLUMNS),
    UniqueConstraint("digest"),
)

placements = Table(
    "placements",
    metadata,
    Column("channel_key", BigInteger, nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger),
    Column("place_key", BigInteger, ForeignKey("places.place_key"), nullable=False),
    PrimaryKeyConstraint("channel_key", "start_s"),
    CheckConstraint("end_s > start_s", name="lasts"),
    Index(
        "uq_placements_open",
        "channel_key",
        unique=True,
        sqlite_where=text("end_s IS NULL"),
        postgresql_where=text("end_s IS NULL"),
    ),
    sqlite_with_rowid=False,
)

rollup_days = Table(
    "rollup_days",
    metadata,
    Column("day_start_s", BigInteger, primary_key=True, autoincrement=False),
    Column("day_end_s", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    Column("hours", LargeBinary, nullable=False),
    text_column("sha256"),
    CheckConstraint("day_end_s > day_start_s", name="lasts"),
)

# Intervals that ended in a month, in parts of bounded size in order of subject. One that began
# long before is among them, so a part also tells the first second it speaks of.
ledger_archive = Table(
    "ledger_archive",
    metadata,
    Column("kind", Text, nullable=False),
    Column("month_start_s", BigInteger, nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("month_end_s", BigInteger, nullable=False),
    Column("first_key", BigInteger, nullable=False),
    Column("last_key", BigInteger, nullable=False),
    Column("earliest_s", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", LargeBinary, nullable=False),
    text_column("sha256"),
    PrimaryKeyConstraint("kind", "month_start_s", "part"),
    CheckConstraint("kind IN ('device', 'channel')", name="kind"),
    CheckConstraint("month_end_s > month_start_s", name="lasts"),
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("exclusion_id", Text, primary_key=True),
    text_column("reason"),
    text_column("order_number"),
    text_column("note"),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    # Seconds of the site's day between which it holds, where it repeats daily.
    Column("daily_start_s", Integer),
    Column("daily_end_s", Integer),
    text_column("status"),
    text_column("requested_by"),
    Column("requested_at", UtcTime, nullable=False),
    text_column("decided_by"),
    Column("decided_at", UtcTime),
    text_column("decision_note"),
    # What was asked for: devices, channels, a division, a group.
    Column("scope", DOCUMENT, nullable=False),
    CheckConstraint("end_s > start_s", name="lasts"),
    Index("ix_exclusions_end", "end_s"),
)

exclusion_channels = Table(
    "exclusion_channels",
    metadata,
    Column("exclusion_id", Text, ForeignKey("exclusions.exclusion_id"), nullable=False),
    Column("channel_key", BigInteger, nullable=False),
    PrimaryKeyConstraint("exclusion_id", "channel_key"),
    Index("ix_exclusion_channels_channel", "channel_key"),
    sqlite_with_rowid=False,
)

own_groups = Table(
    "own_groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    text_column("name"),
    text_column("parent_id"),
    Column("position", Integer, nullable=False),
)

division_names = Table(
    "division_names",
    metadata,
    Column("code", Text, primary_key=True),
    text_column("name"),
    text_column("source"),
)

outages = Table(
    "outages",
    metadata,
    Column("outage_id", Text, primary_key=True),
    text_column("kind"),
    text_column("cause"),
    Column("started_s", BigInteger, nullable=False),
    Column("ended_s", BigInteger),
    Column("scope", DOCUMENT, nullable=False),
    Column("evidence", DOCUMENT, nullable=False),
    Column("device_count", BigInteger, nullable=False),
    Column("channel_count", BigInteger, nullable=False),
    CheckConstraint("ended_s >= started_s", name="forward"),
    Index("ix_outages_started", "started_s"),
    Index("ix_outages_ended", "ended_s"),
)

outage_members = Table(
    "outage_members",
    metadata,
    Column("outage_id", Text, ForeignKey("outages.outage_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject_key", BigInteger, nullable=False),
    text_column("device_id"),
    text_column("channel_id"),
    Column("since_s", BigInteger, nullable=False),
    Column("until_s", BigInteger),
    # How it was lost; `device` for channels that only went along with their device.
    text_column("way"),
    Column("heard_s", BigInteger),
    Column("falls", BigInteger, nullable=False),
    PrimaryKeyConstraint("outage_id", "kind", "subject_key"),
    CheckConstraint("kind IN ('device', 'channel')", name="kind"),
    CheckConstraint("until_s >= since_s", name="forward"),
    Index("ix_outage_members_device", "device_id"),
    Index("ix_outage_members_subject", "kind", "subject_key"),
    sqlite_with_rowid=False,
)

reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    text_column("kind"),
    text_column("title"),
    Column("period_start_s", BigInteger, nullable=False),
    Column("period_end_s", BigInteger, nullable=False),
    text_column("status"),
    text_column("requested_by"),
    Column("requested_at", UtcTime, nullable=False),
    Column("frozen_at", UtcTime),
    # Over what the figures were made from; empty until they are frozen.
    text_column("inputs_sha256"),
    # Canonical JSON, compressed.
    Column("figures", LargeBinary),
    Column("detail", DOCUMENT, nullable=False),
    CheckConstraint("period_end_s > period_start_s", name="lasts"),
    Index("ix_reports_period", "kind", "period_end_s"),
)
