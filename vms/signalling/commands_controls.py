"""Every order of the standard but movement, configuration and upgrade (annex A.2.3.1).

Movement and whatever else goes by the eight bytes of annex A.3 stands in `steering`.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from vms.errors import InvalidError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.editions import ONLY_2022, SINCE_2016
from vms.gb28181.manscdp.messages import (
    AlarmResetControl,
    DragZoomControl,
    FormatSdCardControl,
    GuardControl,
    HomePosition,
    HomePositionControl,
    KeyFrameControl,
    PtzPreciseControl,
    RebootControl,
    RecordControl,
    TargetTrackControl,
    TrackMode,
    ZoomBox,
)
from vms.signalling.commanding import Addressee, Commanding, Outcome

BY_DEVICE = 2
"""The AlarmMethod that falls silent until it is reset."""

LARGEST_WINDOW_PX = 16_384
LARGEST_STREAM = 15
LARGEST_CARD = 8
LONGEST_RESET_S = 86_400

Number = TypeVar("Number", int, float)


class ControlCommands:
    """Orders. `force` sends what the device's edition does not have; else `UnsupportedError`.

    Which DeviceID stands in the body follows A.2.3.1: a channel for what a camera does, the device
    for what concerns the whole, either for guard and alarms.
    """

    def __init__(self, commanding: Commanding) -> None:
        self.on_alarms_reset: Callable[[DeviceId, str], None] | None = None
        """Told the device and whose alarms it forgot."""
        self.awaiting_reset: Callable[[DeviceId], Collection[str]] = lambda _: ()
        """The sources of a device that wait for that; they need not be channels on file."""
        self._commanding = commanding

    async def reboot(self, device_id: str, *, force: bool = False) -> Outcome:
        """TeleBoot: the device starts anew; it is gone for a minute or two and registers again."""
        to = self._commanding.addressee(device_id)
        return await self._commanding.control(
            to, lambda sn: RebootControl(sn, to.target), force=force
        )

    async def record(
        self,
        device_id: str,
        channel_id: str,
        *,
        is_start: bool,
        stream_number: int | None = None,
        force: bool = False,
    ) -> Outcome:
        """RecordCmd: the device begins or ends to record by itself; stream 0 is the main one."""
        to = self._commanding.addressee(device_id, channel_id)
        if stream_number:
            _within("stream_number", stream_number, 0, LARGEST_STREAM)
            name = "RecordCmd for another than the main stream"
            self._commanding.require(to, name, ONLY_2022, force=force)
        return await self._commanding.control(
            to, lambda sn: RecordControl(sn, to.target, is_start, stream_number), force=force
        )

    async def guard(
        self, device_id: str, channel_id: str | None = None, *, is_set: bool, force: bool = False
    ) -> Outcome:
        """GuardCmd: arm or disarm a device or one alarm input."""
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: GuardControl(sn, to.target, is_set), force=force
        )

    async def reset_alarm(
        self,
        device_id: str,
        channel_id: str | None = None,
        *,
        methods: Sequence[int] = (),
        types: Sequence[int] = (),
        force: bool = False,
    ) -> Outcome:
        """AlarmCmd: forget an alarm, all of them without `methods` and `types`.

        Until then a device tells no further alarm of method 2. `channel_id` is a channel, or
        whatever else of the device raised one.
        """
        to = self._alarm_source(device_id, channel_id)
        if methods or types:
            name = "AlarmCmd for some alarms only"
            self._commanding.require(to, name, SINCE_2016, force=force)
        for method in methods:
            _within("methods", method, 1, 7)
        for kind in types:
            _within("types", kind, 0, 99)
        outcome = await self._commanding.control(
            to,
            lambda sn: AlarmResetControl(sn, to.target, tuple(methods), tuple(types)),
            force=force,
        )
        if self.on_alarms_reset is not None and (not methods or BY_DEVICE in methods):
            self.on_alarms_reset(to.device_id, to.target)
        return outcome

    def _alarm_source(self, device_id: str, source_id: str | None) -> Addressee:
        whole = self._commanding.addressee(device_id)
        if source_id is not None and source_id in self.awaiting_reset(whole.device_id):
            return replace(whole, target=DeviceId(source_id))
        return self._commanding.addressee(device_id, source_id)

    async def key_picture(self, device_id: str, channel_id: str, *, force: bool = False) -> Outcome:
        """IFrameCmd, which the edition of 2016 spells IFameCmd: a key picture at once."""
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: KeyFrameControl(sn, to.target), force=force
        )

    async def drag_zoom(
        self, device_id: str, channel_id: str, box: ZoomBox, *, is_in: bool, force: bool = False
    ) -> Outcome:
        """DragZoomIn: the box fills the window; DragZoomOut: the window shrinks into the box."""
        _box(box)
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: DragZoomControl(sn, to.target, is_in, box), force=force
        )

    async def set_home_position(
        self, device_id: str, channel_id: str, home: HomePosition, *, force: bool = False
    ) -> Outcome:
        """HomePosition: the preset to return to, and after how many seconds of being left alone."""
        if home.reset_time_s is not None:
            _within("reset_time_s", home.reset_time_s, 0, LONGEST_RESET_S)
        if home.preset_index is not None:
            _within("preset_index", home.preset_index, 0, 255)
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: HomePositionControl(sn, to.target, home), force=force
        )

    async def look_at(
        self,
        device_id: str,
        channel_id: str,
        *,
        pan_deg: float | None = None,
        tilt_deg: float | None = None,
        zoom: float | None = None,
        force: bool = False,
    ) -> Outcome:
        """PTZPreciseCtrl: pan clockwise from above, tilt 0 at the horizon and negative upwards.

        What is not given stays; what the camera cannot reach becomes its limit.
        """
        if pan_deg is None and tilt_deg is None and zoom is None:
            raise InvalidError("where to: pan, tilt or zoom", field="pan_deg")
        if pan_deg is not None:
            _within("pan_deg", pan_deg, 0.0, 360.0)
        if tilt_deg is not None:
            _within("tilt_deg", tilt_deg, -90.0, 90.0)
        if zoom is not None:
            _within("zoom", zoom, 1.0, 1000.0)
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: PtzPreciseControl(sn, to.target, pan_deg, tilt_deg, zoom), force=force
        )

    async def format_sd_card(
        self, device_id: str, card: int, channel_id: str | None = None, *, force: bool = False
    ) -> Outcome:
        """FormatSDCard: what is on the card is lost. Cards count from 1; 0 is all of them."""
        _within("card", card, 0, LARGEST_CARD)
        to = self._commanding.addressee(device_id, channel_id)
        return await self._commanding.control(
            to, lambda sn: FormatSdCardControl(sn, to.target, card), force=force
        )

    async def track_target(
        self,
        device_id: str,
        channel_id: str,
        mode: TrackMode,
        *,
        panorama_channel_id: str | None = None,
        area: ZoomBox | None = None,
        force: bool = False,
    ) -> Outcome:
        """TargetTrack: `channel_id` is the dome that follows, `area` what, in the panorama."""
        if mode is TrackMode.MANUAL and area is None:
            raise InvalidError("following by hand needs an area", field="area")
        if area is not None:
            _box(area)
        to = self._commanding.addressee(device_id, channel_id)
        panorama = None
        if panorama_channel_id is not None:
            panorama = ChannelId(self._commanding.addressee(device_id, panorama_channel_id).target)
        return await self._commanding.control(
            to, lambda sn: TargetTrackControl(sn, to.target, mode, panorama, area), force=force
        )


def _within(name: str, value: Number, least: Number, most: Number) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidError(f"{name} lies between {least} and {most}", field=name)


def _box(box: ZoomBox) -> None:
    """A box of some size inside its window."""
    _within("window_width_px", box.window_width_px, 1, LARGEST_WINDOW_PX)
    _within("window_height_px", box.window_height_px, 1, LARGEST_WINDOW_PX)
    _within("middle_x_px", box.middle_x_px, 0, box.window_width_px)
    _within("middle_y_px", box.middle_y_px, 0, box.window_height_px)
    _within("box_width_px", box.box_width_px, 1, box.window_width_px)
    _within("box_height_px", box.box_height_px, 1, box.window_height_px)
