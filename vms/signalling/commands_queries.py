"""Every question of the standard that has one answer (GB/T 28181-2022, 9.5 and annex A.2.4).

Records are searched (`record_search`), catalogues gathered (`device_queries`), configurations read
(`configs`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from vms.errors import InvalidError
from vms.gb28181.manscdp.editions import UP_TO_2016
from vms.gb28181.manscdp.messages import (
    AlarmQuery,
    AlarmResponse,
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
    DeviceInfoResponse,
    DeviceStatusResponse,
    HomePosition,
    HomePositionQuery,
    HomePositionResponse,
    MobilePositionQuery,
    Preset,
    PresetQuery,
    PresetResponse,
    PtzPosition,
    PtzPositionQuery,
    PtzPositionResponse,
    SdCard,
    SdCardStatusQuery,
    SdCardStatusResponse,
)
from vms.signalling.commanding import RESULT_LIMIT_S, Commanding, Outcome
from vms.signalling.device_queries import WHOLE, CatalogJob, CatalogScope, DeviceQueries

LONGEST_INTERVAL_S = 86_400


class QueryCommands:
    """Asks. `force` sends what the device's edition does not have; else `UnsupportedError`."""

    def __init__(self, commanding: Commanding, basics: DeviceQueries) -> None:
        self._commanding = commanding
        self._basics = basics

    async def info(self, device_id: str) -> DeviceInfoResponse:
        """Name, maker, model, firmware; stored."""
        return await self._basics.query_info(device_id)

    async def status(self, device_id: str, channel_id: str | None = None) -> DeviceStatusResponse:
        """How the device or a channel does; its clock's offset is measured by the way."""
        to = self._commanding.addressee(device_id, channel_id)
        return await self._basics.query_status(to.device_id, to.target)

    async def catalog(
        self,
        device_id: str,
        *,
        target: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> CatalogJob:
        """The catalogue, what lies under `target` in it, or what was added between two times."""
        scope = CatalogScope(target, start, end)
        return await self._basics.query_catalog(device_id, scope if scope != WHOLE else WHOLE)

    async def presets(
        self, device_id: str, channel_id: str, *, force: bool = False
    ) -> tuple[Preset, ...]:
        """The presets of a camera."""
        to = self._commanding.addressee(device_id, channel_id)
        if to.profile.presets_at_device and self._commanding.is_lone_camera(to):
            to = self._commanding.addressee(device_id)
        answer = await self._commanding.ask(
            to,
            lambda sn: PresetQuery(sn, to.target),
            PresetResponse,
            force=force,
            gather=_presets,
        )
        return answer.presets

    async def home_position(
        self, device_id: str, channel_id: str, *, force: bool = False
    ) -> HomePosition | None:
        """Where a camera looks when left alone; None where it has no such place."""
        to = self._commanding.addressee(device_id, channel_id)
        answer = await self._commanding.ask(
            to, lambda sn: HomePositionQuery(sn, to.target), HomePositionResponse, force=force
        )
        return answer.home

    async def cruise_tracks(
        self, device_id: str, channel_id: str, *, force: bool = False
    ) -> tuple[CruiseTrack, ...]:
        """The cruise tracks of a camera, without their points."""
        to = self._commanding.addressee(device_id, channel_id)
        answer = await self._commanding.ask(
            to,
            lambda sn: CruiseTrackListQuery(sn, to.target),
            CruiseTrackListResponse,
            force=force,
            gather=_tracks,
        )
        return answer.tracks

    async def cruise_track(
        self, device_id: str, channel_id: str, number: int, *, force: bool = False
    ) -> CruiseTrackResponse:
        """The points of one cruise track; the first is number 0."""
        if not 0 <= number <= 255:
            raise InvalidError("cruise tracks are numbered 0 to 255", field="number")
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.ask(
            to,
            lambda sn: CruiseTrackQuery(sn, to.target, number),
            CruiseTrackResponse,
            force=force,
            gather=_points,
        )

    async def ptz_position(
        self, device_id: str, channel_id: str, *, force: bool = False
    ) -> PtzPosition:
        """Where a camera looks now."""
        to = self._commanding.addressee(device_id, channel_id)
        answer = await self._commanding.ask(
            to, lambda sn: PtzPositionQuery(sn, to.target), PtzPositionResponse, force=force
        )
        return answer.position

    async def sd_cards(
        self, device_id: str, channel_id: str | None = None, *, force: bool = False
    ) -> tuple[SdCard, ...]:
        """The memory cards of a device, or of a channel that has its own."""
        to = self._commanding.addressee(device_id, channel_id)
        answer = await self._commanding.ask(
            to,
            lambda sn: SdCardStatusQuery(sn, to.target),
            SdCardStatusResponse,
            force=force,
            gather=_cards,
        )
        return answer.cards

    async def alarms(
        self,
        device_id: str,
        channel_id: str | None = None,
        *,
        priorities: tuple[int, int] = (0, 0),
        methods: Sequence[int] = (),
        types: Sequence[int] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        force: bool = False,
    ) -> Outcome:
        """Ask for past alarms by MESSAGE, as the editions up to 2016 have it.

        What the device knows comes as alarms, stored like any other; here is said only whether it
        is willing. `priorities` run from the first to the second, 1 the highest, 0 for all.
        """
        first, last = priorities
        if not (0 <= first <= 4 and 0 <= last <= 4):
            raise InvalidError("alarm priorities run from 1 to 4, 0 is all", field="priorities")
        to = self._commanding.addressee(device_id, channel_id)
        self._commanding.require(to, "Alarm by MESSAGE", UP_TO_2016, force=force)
        answer = await self._commanding.ask_if_answered(
            to,
            lambda sn: AlarmQuery(
                sn, to.target, first, last, tuple(methods), tuple(types), start, end
            ),
            AlarmResponse,
            limit_s=RESULT_LIMIT_S,
        )
        if answer is None:
            return Outcome(False, f"{to.device_id} took the question (200); alarms may follow")
        return Outcome(True, f"{to.device_id} answered {answer.result} to the question for alarms")

    async def position(
        self,
        device_id: str,
        channel_id: str | None = None,
        *,
        interval_s: int | None = None,
        force: bool = False,
    ) -> Outcome:
        """Ask for the position by MESSAGE: no edition has it so, some devices do.

        Positions come as notifications; here is said only whether the device took the question.
        """
        if interval_s is not None and not 1 <= interval_s <= LONGEST_INTERVAL_S:
            raise InvalidError("an interval is 1 s to a day", field="interval_s")
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.tell(
            to, lambda sn: MobilePositionQuery(sn, to.target, interval_s), force=force
        )


# Lists that a device may tell in several messages, all with the same SumNum. Of what has a number
# of its own, a repetition is no other; a cruise may stop at one preset twice.


def _presets(so_far: PresetResponse | None, part: PresetResponse) -> tuple[PresetResponse, bool]:
    before = () if so_far is None else so_far.presets
    found = tuple(dict.fromkeys((*before, *part.presets)))
    return replace(part, presets=found), len(found) >= (part.announced or 0)


def _tracks(
    so_far: CruiseTrackListResponse | None, part: CruiseTrackListResponse
) -> tuple[CruiseTrackListResponse, bool]:
    before = () if so_far is None else so_far.tracks
    found = tuple(dict.fromkeys((*before, *part.tracks)))
    return replace(part, tracks=found), len(found) >= (part.announced or 0)


def _points(
    so_far: CruiseTrackResponse | None, part: CruiseTrackResponse
) -> tuple[CruiseTrackResponse, bool]:
    found = part.points if so_far is None else (*so_far.points, *part.points)
    return replace(part, points=found), len(found) >= (part.announced or 0)


def _cards(
    so_far: SdCardStatusResponse | None, part: SdCardStatusResponse
) -> tuple[SdCardStatusResponse, bool]:
    before = () if so_far is None else so_far.cards
    found = tuple(dict.fromkeys((*before, *part.cards)))
    return replace(part, cards=found), len(found) >= part.total
