"""The recordings of one span, asked of a device and gathered in parts (GB/T 28181-2022, 9.7)."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from vms.errors import NoAnswerError
from vms.gb28181.manscdp.messages import (
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
    RecordType,
)
from vms.signalling.commanding import Addressee
from vms.signalling.messenger import Messenger, part
from vms.signalling.pending import Unreadable

FIRST_PART_LIMIT_S = 15.0
GAP_LIMIT_S = 5.0
"""Between two parts."""

SLICE_LIMIT_S = 300.0
"""For all parts of one answer: a device that tells the same part for ever does not keep others
from being asked."""

ATTEMPTS = 2
"""An incomplete answer is asked for once more; what came counts either way."""

SHORT_SLICE = timedelta(hours=12)
"""What is asked again where the answer to a longer slice could not be read."""

ITEMS_OF_ONE = 50_000
"""A recorder that cuts a file a minute has 44,640 a month."""

Key: TypeAlias = tuple[datetime, datetime, str, int | None]


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """What is searched: one channel, between two moments of ours.

    `record_type` None: what the device's profile asks for, mostly all. `methods` and `types` are
    those of the alarm that was recorded (2022); `address` is a part of one.
    """

    device_id: str
    channel_id: str
    start: datetime
    end: datetime
    record_type: RecordType | None = None
    stream_number: int | None = None
    is_indistinct: bool | None = None
    file_path: str = ""
    address: str = ""
    recorder_id: str = ""
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()


@dataclass(slots=True)
class Slice:
    """What came for one span. `announced` None: no part at all."""

    items: dict[Key, RecordItem] = field(default_factory=dict[Key, RecordItem])
    announced: int | None = None
    damaged: int = 0
    is_unreadable: bool = False

    @property
    def is_complete(self) -> bool:
        """All that was announced came."""
        return self.announced is not None and len(self.items) >= self.announced

    @property
    def is_over(self) -> bool:
        """Nothing more is to be waited for: all came, or came damaged."""
        return self.announced is not None and len(self.items) + self.damaged >= self.announced

    def add(self, answer: RecordInfoResponse) -> None:
        """One part; devices repeat parts, and change their minds about the total."""
        self.announced = answer.total
        self.damaged += answer.damaged
        for item in answer.items:
            if len(self.items) < ITEMS_OF_ONE:
                self.items[key_of(item)] = item

    def merge(self, other: "Slice") -> None:
        """The same span, or a part of it, asked once more."""
        self.items.update(other.items)


class RecordSlices:
    """Asks devices. `offset` is how far the device's clock is ahead of ours."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger

    async def answered(self, to: Addressee, query: RecordQuery, offset: timedelta) -> Slice:
        """The answer for one span: asked again where it is cut, in halves where it is unreadable.

        Raises for what a second question does not mend: a refusal, a device that is gone.
        """
        whole = await self._asked(to, query, offset)
        if whole.is_complete:
            return whole
        is_long = query.end - query.start > SHORT_SLICE
        if is_long and (whole.is_unreadable or whole.damaged):
            return await self._in_halves(to, query, offset, whole)
        for _ in range(ATTEMPTS - 1):
            if whole.announced is None:
                break
            again = await self._asked(to, query, offset)
            whole.merge(again)
            whole.announced = again.announced if again.announced is not None else whole.announced
            if whole.is_complete:
                break
        return whole

    async def _in_halves(
        self, to: Addressee, query: RecordQuery, offset: timedelta, whole: Slice
    ) -> Slice:
        """Some recorders write XML that is none once an answer gets long."""
        announced = 0
        for start, end in sliced(query.start, query.end, SHORT_SLICE.total_seconds()):
            half = await self._asked(to, replace(query, start=start, end=end), offset)
            announced += len(half.items) if half.announced is None else half.announced
            whole.merge(half)
            if half.announced is None:
                announced = max(announced, len(whole.items) + 1)
        whole.announced = max(announced, 0)
        return whole

    async def _asked(self, to: Addressee, query: RecordQuery, offset: timedelta) -> Slice:
        """One question, and its parts until they are complete or stop coming."""
        piece = Slice()
        asked = replace(query, start=query.start + offset, end=query.end + offset)
        async with self._messenger.asking(
            to.device_id, "RecordInfo", lambda sn: question(to, asked, sn), to.target
        ) as expectation:
            gives_up_at = self._now() + SLICE_LIMIT_S
            deadline = self._now() + FIRST_PART_LIMIT_S
            while not piece.is_over:
                try:
                    news = await part(expectation, deadline - self._now())
                except NoAnswerError:
                    if piece.announced is None:
                        raise
                    continue  # the parts came, the 200 did not
                if news is None:
                    break
                if isinstance(news, Unreadable):
                    piece.is_unreadable = True
                    break
                if isinstance(news, RecordInfoResponse):
                    piece.add(news)
                    deadline = min(self._now() + GAP_LIMIT_S, gives_up_at)
        return piece

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def question(to: Addressee, query: RecordQuery, sn: int) -> RecordInfoQuery:
    """What goes to the device: its times are those of its own clock."""
    record_type = query.record_type or RecordType(to.profile.record_info_type.value)
    return RecordInfoQuery(
        sn,
        to.target,
        query.start,
        query.end,
        record_type=record_type,
        stream_number=query.stream_number,
        is_indistinct=query.is_indistinct,
        file_path=query.file_path,
        address=query.address,
        recorder_id=query.recorder_id,
        methods=query.methods,
        types=query.types,
    )


def silence_of(device_id: str) -> str:
    """In words, where no part came."""
    return f"no RecordInfo answer from {device_id} in {FIRST_PART_LIMIT_S:.0f} s"


def sliced(start: datetime, end: datetime, slice_s: float) -> list[tuple[datetime, datetime]]:
    """The span in pieces of at most `slice_s`, in order."""
    step = timedelta(seconds=slice_s)
    spans: list[tuple[datetime, datetime]] = []
    while start < end:
        spans.append((start, min(start + step, end)))
        start += step
    return spans


def key_of(item: RecordItem) -> Key:
    """What tells a recording from another: streams may be recorded side by side (2022)."""
    return item.start, item.end, item.file_path, item.stream_number
