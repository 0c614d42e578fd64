"""The figures: places and placements, finished days, archived ledger, exclusions, own groups, names
of divisions, outages, reports.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LASTING = sa.text("end_s IS NULL")
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


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "places",
        sa.Column("place_key", SERIAL, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in PLACE_COLUMNS),
        sa.PrimaryKeyConstraint("place_key", name=op.f("pk_places")),
        sa.UniqueConstraint("digest", name=op.f("uq_places_digest")),
    )
    op.create_table(
        "placements",
        sa.Column("channel_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=True),
        sa.Column("place_key", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["place_key"], ["places.place_key"], name=op.f("fk_placements_place_key")
        ),
        sa.PrimaryKeyConstraint("channel_key", "start_s", name=op.f("pk_placements")),
        sa.CheckConstraint("end_s > start_s", name=op.f("ck_placements_lasts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_placements_open",
        "placements",
        ["channel_key"],
        unique=True,
        sqlite_where=LASTING,
        postgresql_where=LASTING,
    )
    op.create_table(
        "rollup_days",
        sa.Column("day_start_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day_end_s", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("hours", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day_start_s", name=op.f("pk_rollup_days")),
        sa.CheckConstraint("day_end_s > day_start_s", name=op.f("ck_rollup_days_lasts")),
    )
    op.create_table(
        "ledger_archive",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("month_start_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("month_end_s", sa.BigInteger(), nullable=False),
        sa.Column("first_key", sa.BigInteger(), nullable=False),
        sa.Column("last_key", sa.BigInteger(), nullable=False),
        sa.Column("earliest_s", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "month_start_s", "part", name=op.f("pk_ledger_archive")),
        sa.CheckConstraint("kind IN ('device', 'channel')", name=op.f("ck_ledger_archive_kind")),
        sa.CheckConstraint("month_end_s > month_start_s", name=op.f("ck_ledger_archive_lasts")),
    )
    op.create_table(
        "exclusions",
        sa.Column("exclusion_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("start_s", sa.BigInteger(), nullable=False),
        sa.Column("end_s", sa.BigInteger(), nullable=False),
        sa.Column("daily_start_s", sa.Integer(), nullable=True),
        sa.Column("daily_end_s", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", UTC_TIME, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", UTC_TIME, nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.PrimaryKeyConstraint("exclusion_id", name=op.f("pk_exclusions")),
        sa.CheckConstraint("end_s > start_s", name=op.f("ck_exclusions_lasts")),
    )
    op.create_index("ix_exclusions_end", "exclusions", ["end_s"])
    op.create_table(
        "exclusion_channels",
        sa.Column("exclusion_id", sa.Text(), nullable=False),
        sa.Column("channel_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["exclusion_id"],
            ["exclusions.exclusion_id"],
            name=op.f("fk_exclusion_channels_exclusion_id"),
        ),
        sa.PrimaryKeyConstraint("exclusion_id", "channel_key", name=op.f("pk_exclusion_channels")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_exclusion_channels_channel", "exclusion_channels", ["channel_key"])
    op.create_table(
        "own_groups",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_own_groups")),
    )
    op.create_table(
        "division_names",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_division_names")),
    )
    op.create_table(
        "outages",
        sa.Column("outage_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("started_s", sa.BigInteger(), nullable=False),
        sa.Column("ended_s", sa.BigInteger(), nullable=True),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("device_count", sa.BigInteger(), nullable=False),
        sa.Column("channel_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("outage_id", name=op.f("pk_outages")),
        sa.CheckConstraint("ended_s >= started_s", name=op.f("ck_outages_forward")),
    )
    op.create_index("ix_outages_ended", "outages", ["ended_s"])
    op.create_index("ix_outages_started", "outages", ["started_s"])
    op.create_table(
        "outage_members",
        sa.Column("outage_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("since_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=True),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("heard_s", sa.BigInteger(), nullable=True),
        sa.Column("falls", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["outage_id"], ["outages.outage_id"], name=op.f("fk_outage_members_outage_id")
        ),
        sa.PrimaryKeyConstraint("outage_id", "kind", "subject_key", name=op.f("pk_outage_members")),
        sa.CheckConstraint("until_s >= since_s", name=op.f("ck_outage_members_forward")),
        sa.CheckConstraint("kind IN ('device', 'channel')", name=op.f("ck_outage_members_kind")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_outage_members_device", "outage_members", ["device_id"])
    op.create_index("ix_outage_members_subject", "outage_members", ["kind", "subject_key"])
    op.create_table(
        "reports",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("period_start_s", sa.BigInteger(), nullable=False),
        sa.Column("period_end_s", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", UTC_TIME, nullable=False),
        sa.Column("frozen_at", UTC_TIME, nullable=True),
        sa.Column("inputs_sha256", sa.Text(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_reports")),
        sa.CheckConstraint("period_end_s > period_start_s", name=op.f("ck_reports_lasts")),
    )
    op.create_index("ix_reports_period", "reports", ["kind", "period_end_s"])
