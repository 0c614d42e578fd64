"""Which recordings are there: the question and the answer."""

from dataclasses import dataclass
from datetime import datetime

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.common import RecordType


@dataclass(frozen=True, slots=True)
class RecordInfoQuery:
    """Which recordings of this channel lie between `start` and `end`?

    `record_type` None says nothing; some recorders answer only to `RecordType.ALL`.
    `is_indistinct` asks for centre and front-end storage at once (since 2014). `stream_number`,
    `methods` and `types` exist since 2022.
    """

    sn: int
    device_id: DeviceId
    start: datetime | None = None
    end: datetime | None = None
    file_path: str = ""
    address: str = ""
    secrecy: bool = False
    record_type: RecordType | None = None
    recorder_id: str = ""
    is_indistinct: bool | None = None
    stream_number: int | None = None
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordItem:
    """One recording; an item whose times do not read is no recording that can be played.

    `file_size` is in bytes; `location` names the device or system that stores it.
    """

    channel_id: ChannelId
    start: datetime
    end: datetime
    name: str = ""
    file_path: str = ""
    address: str = ""
    secrecy: bool = False
    record_type: RecordType | None = None
    recorder_id: str = ""
    file_size: int | None = None
    location: str = ""
    stream_number: int | None = None


@dataclass(frozen=True, slots=True)
class RecordInfoResponse:
    """One part of an answer (annex M): `total` recordings over all parts with this `sn`.

    `damaged` counts items of this part that could not be read and were left out.
    """

    sn: int
    device_id: DeviceId
    name: str = ""
    total: int = 0
    items: tuple[RecordItem, ...] = ()
    damaged: int = 0
