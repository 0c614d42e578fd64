"""What controls do to the inside of a simulated device, and what it answers to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vms.gb28181.manscdp.messages import (
    AlarmResetControl,
    BasicParam,
    ConfigControl,
    DeviceConfigResponse,
    DeviceControlResponse,
    DragZoomControl,
    FormatSdCardControl,
    GuardControl,
    HomePositionControl,
    Message,
    PtzControl,
    PtzPreciseControl,
    RecordControl,
    Result,
    TargetTrackControl,
    TrackMode,
    ZoomBox,
)
from vms.simulator.faults import FaultKind
from vms.simulator.head import Area, Head, Home, Pose
from vms.simulator.plan import DevicePlan
from vms.simulator.ptz_words import obey
from vms.simulator.unit import Unit


@dataclass(frozen=True, slots=True)
class Panel:
    """Where a device's controls arrive. `on_basic` is told of new registration settings."""

    plan: DevicePlan
    unit: Unit
    now: Callable[[], float]
    on_basic: Callable[[BasicParam], None]

    def answers(self, control: Message) -> Iterator[Message]:
        """Carry out a control; the answer, where the standard has one for it (tables 1 to 3)."""
        match control:
            case RecordControl():
                is_done = self.unit.record(
                    control.device_id, control.stream_number or 0, is_start=control.is_start
                )
                yield _told(control, is_done=is_done)
            case GuardControl():
                is_done = self.unit.arm(control.device_id, is_set=control.is_set)
                yield _told(control, is_done=is_done)
            case AlarmResetControl():
                is_done = self.unit.reset_alarms(control.device_id, control.methods)
                yield _told(control, is_done=is_done)
            case ConfigControl():
                yield from self._configure(control)
            case FormatSdCardControl():
                self.unit.format_card(control.card, self.now())
            case HomePositionControl():
                yield _told(control, is_done=self._set_home(control))
            case PtzControl() | PtzPreciseControl() | DragZoomControl() | TargetTrackControl():
                head = self.unit.head(control.device_id, self.now())
                if head is not None:
                    _steer(head, control, self.now())
            case _:
                pass

    def _configure(self, control: ConfigControl) -> Iterator[Message]:
        faults = self.plan.faults
        if FaultKind.CONFIG_BY_DEVICE in faults and control.device_id != self.plan.device_id:
            return
        settings = self.unit.configuration(control.device_id)
        is_done = bool(control.blocks)
        for block in control.blocks:
            is_done = settings.write(block) and is_done
            if isinstance(block, BasicParam):
                self.on_basic(block)
        result = Result.OK if is_done else Result.ERROR
        yield DeviceConfigResponse(control.sn, control.device_id, result)

    def _set_home(self, control: HomePositionControl) -> bool:
        head = self.unit.head(control.device_id, self.now())
        if head is None:
            return False
        home = control.home
        set_to = Home(home.is_enabled, home.reset_time_s or 0, home.preset_index or 0)
        head.set_home(set_to, self.now())
        return True


def _told(
    control: RecordControl | GuardControl | AlarmResetControl | HomePositionControl,
    *,
    is_done: bool,
) -> DeviceControlResponse:
    result = Result.OK if is_done else Result.ERROR
    return DeviceControlResponse(control.sn, control.device_id, result)


def _steer(
    head: Head,
    control: PtzControl | PtzPreciseControl | DragZoomControl | TargetTrackControl,
    now: float,
) -> None:
    match control:
        case PtzControl():
            obey(head, control, now)
        case PtzPreciseControl():
            pose = head.pose(now)
            goal = Pose(
                pose.pan if control.pan_deg is None else control.pan_deg,
                pose.tilt if control.tilt_deg is None else control.tilt_deg,
                pose.zoom if control.zoom is None else control.zoom,
            )
            head.go_to(goal, now)
        case DragZoomControl():
            head.drag_zoom(_area(control.box), is_in=control.is_in, now=now)
        case TargetTrackControl():
            if control.mode is TrackMode.STOP:
                head.stop(now)
            else:
                head.track(_area(control.area) if control.area else None, now)


def _area(box: ZoomBox) -> Area:
    return Area(
        box.window_width_px,
        box.window_height_px,
        box.middle_x_px,
        box.middle_y_px,
        box.box_width_px,
        box.box_height_px,
    )
