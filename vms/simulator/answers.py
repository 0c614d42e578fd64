"""What a simulated device answers to queries: from its inside, in the words of its edition."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.messages import (
    AlarmQuery,
    AlarmResponse,
    CatalogItem,
    CatalogQuery,
    CatalogResponse,
    ConfigDownloadQuery,
    ConfigDownloadResponse,
    CruisePoint,
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    HomePosition,
    HomePositionQuery,
    HomePositionResponse,
    Message,
    Preset,
    PresetQuery,
    PresetResponse,
    PtzPosition,
    PtzPositionQuery,
    PtzPositionResponse,
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
    RecordType,
    Result,
    SdCardStatusQuery,
    SdCardStatusResponse,
)
from vms.gb28181.version import Edition
from vms.simulator.catalogue import device_name, item_of
from vms.simulator.faults import FaultKind
from vms.simulator.handwriting import parts_of
from vms.simulator.head import VIEW_DISTANCE_M, Head
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.recordings import segments
from vms.simulator.unit import Unit


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a device's queries are answered."""

    plan: DevicePlan
    options: SimulatorOptions
    unit: Unit
    now: Callable[[], float]
    wall: Callable[[], datetime]
    is_encoding: Callable[[], bool]
    firmware: Callable[[], str]

    def answers(self, query: Message) -> Iterator[Message]:
        """The messages that answer a query, in order; none where it gets none."""
        match query:
            case CatalogQuery():
                yield from self._catalog(query)
            case RecordInfoQuery():
                yield from self._records(query)
            case ConfigDownloadQuery():
                yield from self._configuration(query)
            case DeviceInfoQuery():
                yield self._info(query)
            case DeviceStatusQuery():
                yield self._status(query)
            case AlarmQuery():
                yield AlarmResponse(query.sn, query.device_id)
            case SdCardStatusQuery():
                cards = self.unit.cards(self.now())
                yield SdCardStatusResponse(query.sn, query.device_id, len(cards), cards)
            case _:
                yield from self._of_head(query)

    def _info(self, query: DeviceInfoQuery) -> DeviceInfoResponse:
        brand = self.options.brand
        is_nameless = self.options.edition is Edition.E2011
        return DeviceInfoResponse(
            sn=query.sn,
            device_id=query.device_id,
            device_name="" if is_nameless else device_name(self.plan),
            manufacturer=brand.manufacturer,
            model=brand.model,
            firmware=self.firmware(),
            channel_count=len(self.plan.channel_ids),
        )

    def _status(self, query: DeviceStatusQuery) -> DeviceStatusResponse:
        return DeviceStatusResponse(
            sn=query.sn,
            device_id=query.device_id,
            is_online=True,
            is_working=self.unit.is_on(query.device_id),
            is_encoding=self.is_encoding(),
            is_recording=self.unit.is_recording(query.device_id),
            device_time=self.wall(),
            alarm_inputs=self.unit.alarm_inputs(),
        )

    def _catalog(self, query: CatalogQuery) -> Iterator[CatalogResponse]:
        numbered = list(enumerate(self.plan.channel_ids, start=1))
        asked = [one for one in numbered if one[1] == ChannelId(query.device_id)]
        items = [
            self.item(number, channel_id)
            for number, channel_id in asked or numbered
            if self.unit.is_listed(channel_id)
        ]
        for part in parts_of(items, self.options.items_per_part, self.plan.faults):
            yield CatalogResponse(query.sn, query.device_id, len(items), part)
        if not items:
            yield CatalogResponse(query.sn, query.device_id, 0)

    def item(self, number: int, channel_id: ChannelId) -> CatalogItem:
        """A channel as the catalogue has it now."""
        return item_of(
            self.plan, self.options, number, channel_id, is_on=self.unit.is_on(channel_id)
        )

    def _records(self, query: RecordInfoQuery) -> Iterator[RecordInfoResponse]:
        items = self._recorded(query)
        limit = self.plan.faults.value(FaultKind.RECORD_LIMIT)
        if limit is not None:
            items = items[: int(limit)]
        name = device_name(self.plan)
        for part in parts_of(items, self.options.items_per_part, self.plan.faults):
            yield RecordInfoResponse(query.sn, query.device_id, name, len(items), part)
        if not items:
            yield RecordInfoResponse(query.sn, query.device_id, name)

    def _recorded(self, query: RecordInfoQuery) -> list[RecordItem]:
        wanted = query.record_type or RecordType.ALL
        needs_all = FaultKind.RECORDS_NEED_ALL in self.plan.faults
        if ChannelId(query.device_id) not in self.plan.channel_ids or (
            needs_all and query.record_type is not RecordType.ALL
        ):
            return []
        is_2022 = self.options.edition is Edition.E2022
        is_2011 = self.options.edition in (Edition.E2011, Edition.E2014)
        now = self.wall()
        stream_number = query.stream_number or 0
        found = segments(
            query.device_id,
            query.start or datetime.min.replace(tzinfo=now.tzinfo),
            query.end or now,
            now,
            kind=wanted,
            stream_number=stream_number,
        )
        return [
            RecordItem(
                channel_id=ChannelId(query.device_id),
                start=one.start,
                end=one.end,
                name=device_name(self.plan),
                file_path=one.path,
                address="Bench",
                record_type=RecordType(one.kind),
                recorder_id=self.plan.device_id,
                file_size=None if is_2011 else one.size_bytes,
                location=self.plan.device_id if is_2022 else "",
                stream_number=stream_number if is_2022 else None,
            )
            for one in found
        ]

    def _configuration(self, query: ConfigDownloadQuery) -> Iterator[ConfigDownloadResponse]:
        faults = self.plan.faults
        if FaultKind.CONFIG_BY_DEVICE in faults and query.device_id != self.plan.device_id:
            return
        settings = self.unit.configuration(query.device_id)
        blocks = [settings.read(one) for one in query.config_types]
        found = tuple(block for block in blocks if block is not None)
        if FaultKind.CONFIG_ONE_BY_ONE in faults:
            for block in blocks:
                alone = () if block is None else (block,)
                yield ConfigDownloadResponse(query.sn, query.device_id, blocks=alone)
        elif found:
            yield ConfigDownloadResponse(query.sn, query.device_id, blocks=found)
        elif FaultKind.REGISTERS_ON_CONFIG not in faults:
            yield ConfigDownloadResponse(query.sn, query.device_id, Result.ERROR)

    def _of_head(self, query: Message) -> Iterator[Message]:
        head = self._head(query)
        if head is None:
            return
        match query:
            case PresetQuery():
                presets = (
                    Preset(number, head.presets[number][0]) for number in sorted(head.presets)
                )
                yield PresetResponse(query.sn, query.device_id, tuple(presets))
            case HomePositionQuery():
                home = HomePosition(head.home.is_enabled, head.home.reset_s, head.home.preset)
                yield HomePositionResponse(query.sn, query.device_id, home)
            case CruiseTrackListQuery():
                tracks = (CruiseTrack(number, one.name) for number, one in head.cruises.items())
                yield CruiseTrackListResponse(query.sn, query.device_id, tuple(tracks))
            case CruiseTrackQuery():
                yield _track(query, head)
            case PtzPositionQuery():
                position = ptz_position(head, self.now())
                yield PtzPositionResponse(query.sn, query.device_id, position)
            case _:
                pass

    def _head(self, query: Message) -> Head | None:
        match query:
            case (
                PresetQuery()
                | HomePositionQuery()
                | CruiseTrackListQuery()
                | CruiseTrackQuery()
                | PtzPositionQuery()
            ):
                return self.unit.head(query.device_id, self.now())
            case _:
                return None


def ptz_position(head: Head, now: float) -> PtzPosition:
    """Where a head points, as the standard tells it."""
    pose = head.pose(now)
    return PtzPosition(
        pan_deg=round(pose.pan, 2),
        tilt_deg=round(pose.tilt, 2),
        zoom=round(pose.zoom, 2),
        horizontal_field_deg=round(pose.horizontal_angle, 2),
        vertical_field_deg=round(pose.vertical_angle, 2),
        max_view_distance_m=round(VIEW_DISTANCE_M * pose.zoom, 1),
    )


def _track(query: CruiseTrackQuery, head: Head) -> CruiseTrackResponse:
    cruise = head.cruises.get(query.number)
    if cruise is None:
        return CruiseTrackResponse(query.sn, query.device_id, query.number)
    points = tuple(CruisePoint(preset, cruise.stay_s, cruise.speed) for preset in cruise.points)
    return CruiseTrackResponse(query.sn, query.device_id, query.number, cruise.name, points)
