"""The rows of places and placements: one open placement a channel, placements that follow each
other."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

from sqlalchemy import Dialect, Select, and_, bindparam, delete, exists, func, insert, or_, select
from sqlalchemy import update as update_of
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.errors import ConflictError
from vms.inventory.model import ChannelKey, SubjectKind
from vms.inventory.placement import Place, Placement, PlaceStep, Unplaced
from vms.persistence.bulk import Bulk, joint_insert, write_alike
from vms.persistence.figure_tables import PLACE_COLUMNS, placements, places
from vms.persistence.rows import Fetched, Row, Values, fetched
from vms.persistence.tables import channels, ledger

_OPENED_ALIKE = ("start_s", "end_s", "place_key")
_words_of = attrgetter(*PLACE_COLUMNS)

KEYS_AT_ONCE = 500
"""Values in one list of a query: databases bound their number."""


async def append(connection: AsyncConnection, steps: Sequence[PlaceStep]) -> None:
    """Write the steps in their order.

    Those of one channel in the same second leave the last of them. Raises `ConflictError` for one
    that goes back.
    """
    lasting, passing = _chained(steps)
    begun = ((passing.get(key) or [step])[0] for key, step in lasting.items())
    followed: list[Row] = [
        {"b_channel_key": step.channel_key, "b_at_s": step.at_s}
        for step in begun
        if not step.is_first
    ]
    if followed:
        closing = _closing(connection.dialect)
        await closing.drop.write(connection, followed)
        await closing.end.write(connection, followed)
    # One place has many steps, and its words take long to be told from others.
    wanted = {id(step.place): step.place for step in steps if step.place is not None}
    keys = await _keys_of(connection, set(wanted.values()))
    key_of = {number: keys[place] for number, place in wanted.items()}
    passed = (
        (step, later.at_s)
        for key, chain in passing.items()
        for step, later in pairwise([*chain, lasting[key]])
    )
    opened = (
        (step.channel_key, step.at_s, end_s, key_of[id(step.place)])
        for step, end_s in (*passed, *((step, None) for step in lasting.values()))
        if step.place is not None
    )
    await write_alike(
        connection, _opener(connection.dialect), _joint_opener(connection.dialect), _alike(opened)
    )


def _alike(
    rows: Iterable[tuple[int, int, int | None, int]],
) -> Iterator[tuple[Values, list[int]]]:
    """Runs of rows that differ in their channel only: what they have in common, the channels."""
    alike: tuple[int, int | None, int] | None = None
    keys: list[int] = []
    for channel_key, start_s, end_s, place_key in rows:
        said = (start_s, end_s, place_key)
        if said != alike:
            alike, keys = said, []
            yield said, keys
        keys.append(channel_key)


def _chained(
    steps: Sequence[PlaceStep],
) -> tuple[dict[int, PlaceStep], dict[int, list[PlaceStep]]]:
    """The last step of every channel; and of the few that took several, those before it."""
    lasting: dict[int, PlaceStep] = {}
    passing: dict[int, list[PlaceStep]] = {}
    for step in steps:
        last = lasting.get(step.channel_key)
        lasting[step.channel_key] = step
        if last is None:
            continue
        if last.at_s > step.at_s:
            raise ConflictError(f"placements cannot go back: {step}")
        if last.at_s == step.at_s:
            lasting[step.channel_key] = step._replace(is_first=last.is_first)
        else:
            passing.setdefault(step.channel_key, []).append(last)
    return lasting, passing


async def _keys_of(connection: AsyncConnection, wanted: set[Place]) -> Mapping[Place, int]:
    """The rows of these places; those that are new are made."""
    digests = {digest_of(place): place for place in wanted}
    keys = await _keys_by_digest(connection, list(digests))
    missing = [digest for digest in digests if digest not in keys]
    if missing:
        rows: list[Row] = [
            {
                "digest": digest,
                **dict(zip(PLACE_COLUMNS, _words_of(digests[digest]), strict=True)),
            }
            for digest in missing
        ]
        await _describer(connection.dialect).write(connection, rows)
        keys |= await _keys_by_digest(connection, missing)
    return {place: keys[digest] for digest, place in digests.items()}


def digest_of(place: Place) -> bytes:
    """What tells one place from all others: SHA-256 of its words in order."""
    return hashlib.sha256(json.dumps(_words_of(place)).encode()).digest()


async def _keys_by_digest(
    connection: AsyncConnection, digests: Sequence[bytes]
) -> dict[bytes, int]:
    keys: dict[bytes, int] = {}
    for first in range(0, len(digests), KEYS_AT_ONCE):
        some = digests[first : first + KEYS_AT_ONCE]
        query = select(places.c.digest, places.c.place_key).where(places.c.digest.in_(some))
        keys |= {bytes(digest): key for digest, key in await connection.execute(query)}
    return keys


@dataclass(frozen=True, slots=True)
class _Closing:
    """What is done to the open row of a channel before another one follows."""

    drop: Bulk
    end: Bulk


@lru_cache(maxsize=8)
def _closing(dialect: Dialect) -> _Closing:
    names = ("b_channel_key", "b_at_s")
    is_open = and_(
        placements.c.channel_key == bindparam("b_channel_key"), placements.c.end_s.is_(None)
    )
    # What began in this very second never was.
    drop = delete(placements).where(is_open, placements.c.start_s == bindparam("b_at_s"))
    end = update_of(placements).where(is_open).values(end_s=bindparam("b_at_s"))
    return _Closing(Bulk(drop, names, dialect), Bulk(end, names, dialect))


@lru_cache(maxsize=8)
def _opener(dialect: Dialect) -> Bulk:
    return Bulk(insert(placements), ("channel_key", *_OPENED_ALIKE), dialect)


@lru_cache(maxsize=8)
def _joint_opener(dialect: Dialect) -> Bulk:
    return joint_insert(placements, "channel_key", _OPENED_ALIKE, dialect)


@lru_cache(maxsize=8)
def _describer(dialect: Dialect) -> Bulk:
    return Bulk(insert(places), ("digest", *PLACE_COLUMNS), dialect)


async def open_placements(connection: AsyncConnection) -> Sequence[Placement]:
    """What lasts, by channel."""
    lasting = select(placements).where(placements.c.end_s.is_(None))
    return await _placements_of(connection, lasting.order_by(placements.c.channel_key))


async def of_channel(connection: AsyncConnection, key: ChannelKey) -> Sequence[Placement]:
    """All of one channel, in order of start."""
    own = select(placements).where(placements.c.channel_key == key)
    return await _placements_of(connection, own.order_by(placements.c.start_s))


async def of_all(
    connection: AsyncConnection,
    from_s: int,
    to_s: int,
    keys: tuple[int, int] | None = None,
) -> Sequence[Placement]:
    """Those that overlap [from_s, to_s), by channel then start; of channels `keys[0]` up to and
    with `keys[1]`, or of all."""
    query = select(placements).where(
        placements.c.start_s < to_s,
        or_(placements.c.end_s.is_(None), placements.c.end_s > from_s),
    )
    if keys is not None:
        query = query.where(placements.c.channel_key.between(*keys))
    return await _placements_of(
        connection, query.order_by(placements.c.channel_key, placements.c.start_s)
    )


async def _placements_of(
    connection: AsyncConnection, query: Select[tuple[int, int, int | None, int]]
) -> Sequence[Placement]:
    rows = await fetched(connection, query, _spare)
    described = await _places_by_key(connection, sorted({key for *_, key in rows}))
    return [
        Placement(ChannelKey(channel_key), start_s, end_s, key, described[key])
        for channel_key, start_s, end_s, key in rows
    ]


def _spare(row: Fetched) -> tuple[int, int, int | None, int]:
    return row.channel_key, row.start_s, row.end_s, row.place_key


async def _places_by_key(connection: AsyncConnection, keys: Sequence[int]) -> Mapping[int, Place]:
    """The words of places; a row is never changed."""
    described: dict[int, Place] = {}
    for first in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[first : first + KEYS_AT_ONCE]
        query = select(places).where(places.c.place_key.in_(some))
        described.update(map(_place_of, await connection.execute(query)))
    return described


def _place_of(row: Fetched) -> tuple[int, Place]:
    return row.place_key, Place(*_words_of(row))


async def places_above(connection: AsyncConnection, key: int) -> Mapping[int, Place]:
    """What places say, of those with a higher key."""
    query = select(places).where(places.c.place_key > key)
    return dict(await fetched(connection, query, _place_of))


async def unplaced(connection: AsyncConnection) -> Sequence[Unplaced]:
    """Channels that never had a place, removed ones included."""
    own = and_(ledger.c.kind == SubjectKind.CHANNEL.value, ledger.c.subject_key == channels.c.key)
    first_s = select(func.min(ledger.c.start_s)).where(own).scalar_subquery()
    ended_s = select(func.max(ledger.c.end_s)).where(own).scalar_subquery()
    query = select(channels.c.key, first_s.label("first_s"), ended_s.label("ended_s")).where(
        ~exists().where(placements.c.channel_key == channels.c.key)
    )
    return await fetched(connection, query, _unplaced_of)


def _unplaced_of(row: Fetched) -> Unplaced:
    return Unplaced(ChannelKey(row.key), row.first_s, row.ended_s)
