"""What a simulated device is configured to: every block of its edition, stored and read back."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

from vms.gb28181.manscdp.messages import (
    AlarmReport,
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    ConfigBlock,
    DaySchedule,
    FrameMirror,
    NamedAudioStream,
    NamedVideoStream,
    OsdConfig,
    OsdText,
    PictureMask,
    PixelBox,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    TimeSegment,
    VideoAlarmRecord,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
    VideoRecordPlan,
    VideoStreamAttribute,
)
from vms.gb28181.manscdp.registry import CONFIG_TYPES
from vms.gb28181.version import Edition

_BY_NAME = {config_type.name: config_type for config_type in CONFIG_TYPES}
_BY_CLASS = {config_type.cls: config_type for config_type in CONFIG_TYPES}
_NO_BOX = PixelBox(0, 0, 0, 0)
_ALWAYS = (0, 0, 0, 23, 59, 59)


class Configuration:
    """The blocks of one device or channel; what nobody wrote is as the maker set it."""

    __slots__ = ("_basic", "_blocks", "_edition")

    def __init__(self, edition: Edition, basic: BasicParam) -> None:
        self._edition = edition
        self._basic = basic
        self._blocks: dict[str, ConfigBlock] = {}

    def knows(self, config_type: str) -> bool:
        """Whether the device's edition has that block."""
        known = _BY_NAME.get(config_type)
        return known is not None and self._edition in known.editions

    def read(self, config_type: str) -> ConfigBlock | None:
        """The block of that name; None where the edition has none."""
        if not self.knows(config_type):
            return None
        written = self._blocks.get(config_type)
        if written is not None:
            return written
        if config_type == "BasicParam":
            return self._basic
        return _AS_DELIVERED[config_type]()

    def write(self, block: ConfigBlock) -> bool:
        """Take over a block; False for those that are only read, or unknown."""
        config_type = _BY_CLASS[type(block)]
        if not self.knows(config_type.name) or config_type.control_form is None:
            return False
        before = self.read(config_type.name)
        if isinstance(block, BasicParam) and isinstance(before, BasicParam):
            block = _merged(before, block)
        elif isinstance(block, PictureMask) and isinstance(before, PictureMask):
            block = _patched(before, block)
        self._blocks[config_type.name] = block
        return True


def _merged(before: BasicParam, written: BasicParam) -> BasicParam:
    """What is not said stays; a password is never read back."""
    said = {
        one.name: value
        for one in fields(written)
        if (value := getattr(written, one.name)) not in (None, "") and one.name != "password"
    }
    return replace(before, **said)


def _patched(before: PictureMask, written: PictureMask) -> PictureMask:
    """Slots that are not named stay, a slot of zeros is cleared, as Hikvision does it."""
    slots = {region.seq: region for region in before.regions}
    for region in written.regions:
        if region.box == _NO_BOX:
            slots.pop(region.seq, None)
        elif 1 <= region.seq <= 4:
            slots[region.seq] = region
    return PictureMask(written.is_on, tuple(slots[seq] for seq in sorted(slots)))


_AS_DELIVERED: Mapping[str, Callable[[], ConfigBlock]] = {
    "VideoParamOpt": lambda: VideoParamOpt(
        download_speeds=("1", "2", "4"), resolutions=("4", "5", "6")
    ),
    "VideoParamConfig": lambda: VideoParamConfig(
        (NamedVideoStream("Stream1", "2", "6", "25", "1", "4096"),)
    ),
    "AudioParamOpt": lambda: AudioParamOpt(("1",), ("64",), ("8",)),
    "AudioParamConfig": lambda: AudioParamConfig((NamedAudioStream("Stream1", "1", "64", "8"),)),
    "SVACEncodeConfig": lambda: SvacEncodeConfig(
        "<ROIParam><ROIFlag>0</ROIFlag><ROINumber>0</ROINumber></ROIParam>"
    ),
    "SVACDecodeConfig": lambda: SvacDecodeConfig("<SVCParam><SVCSTMMode>0</SVCSTMMode></SVCParam>"),
    "VideoParamAttribute": lambda: VideoParamAttribute(
        (
            VideoStreamAttribute(0, "2", "6", "25", "1", "4096"),
            VideoStreamAttribute(1, "2", "4", "25", "1", "512"),
        )
    ),
    "VideoRecordPlan": lambda: VideoRecordPlan(
        is_enabled=True,
        days=tuple(DaySchedule(day, (TimeSegment(*_ALWAYS),)) for day in range(1, 8)),
    ),
    "VideoAlarmRecord": lambda: VideoAlarmRecord(
        is_enabled=True, record_time_s=30, pre_record_time_s=5
    ),
    "PictureMask": lambda: PictureMask(is_on=False),
    "FrameMirror": lambda: FrameMirror(0),
    "AlarmReport": lambda: AlarmReport(is_motion_reported=True, is_intrusion_reported=False),
    "OSDConfig": lambda: OsdConfig(
        window_width_px=704,
        window_height_px=576,
        time_x_px=16,
        time_y_px=16,
        time_type=0,
        texts=(OsdText("Gate", 16, 544),),
    ),
    "SnapShotConfig": lambda: SnapShotConfig(1, "", "", interval_s=1),
}
