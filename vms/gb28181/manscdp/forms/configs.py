"""The blocks of a configuration, row by row (GB/T 28181-2022 annex A.2.3.2 and A.2.6.9)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from vms.gb28181.errors import ProtocolError
from vms.gb28181.manscdp.command import Answer, Command, Direction, Root, response
from vms.gb28181.manscdp.configs import (
    AlarmReport,
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    ConfigControl,
    ConfigDownloadResponse,
    FrameMirror,
    MaskRegion,
    NamedAudioStream,
    NamedVideoStream,
    OsdConfig,
    OsdText,
    PictureMask,
    PixelBox,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    VideoAlarmRecord,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
    VideoStreamAttribute,
)
from vms.gb28181.manscdp.editions import (
    EVERY,
    ONLY_2014,
    ONLY_2016,
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
    nearest,
)
from vms.gb28181.manscdp.fields import read_integer
from vms.gb28181.manscdp.forms.answers import ANSWERED
from vms.gb28181.manscdp.forms.record_plan import RECORD_PLAN
from vms.gb28181.manscdp.node import Node, check_depth, local_name
from vms.gb28181.manscdp.scalars import (
    FLAG,
    INTEGER,
    LATITUDE,
    LONGITUDE,
    PARTS,
    RESOLUTION,
    RESOLUTIONS,
    UNKEPT,
    Scalar,
    integer,
)
from vms.gb28181.manscdp.schema import Editions, Form, Leaf, OwnText, Repeated, Shape
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

LONGEST_SVAC = 16_384
"""Of an SVAC block's XML, in characters."""
LONGEST_NAME = 64
MAX_BLOCKS = 64
PORT = integer(0, 65_535)

_BASIC = (
    Leaf("name", "Name"),
    Leaf("own_id", "DeviceID", editions=ONLY_2014),
    Leaf("server_id", "SIPServerID", editions=ONLY_2014),
    Leaf("server_ip", "SIPServerIP", editions=ONLY_2014),
    Leaf("server_port", "SIPServerPort", PORT, ONLY_2014),
    Leaf("domain_name", "DomainName", editions=ONLY_2014),
    Leaf("password", "Password", UNKEPT, ONLY_2014),
    Leaf("expiration_s", "Expiration", INTEGER),
    Leaf("heartbeat_interval_s", "HeartBeatInterval", INTEGER),
    Leaf("heartbeat_count", "HeartBeatCount", INTEGER),
)
_BASIC_READ_ONLY = (
    Leaf("position_capability", "PositionCapability", INTEGER, ONLY_2016),
    Leaf("longitude", "Longitude", LONGITUDE, ONLY_2016),
    Leaf("latitude", "Latitude", LATITUDE, ONLY_2016),
)
_VIDEO_CODES = (
    Leaf("video_format", "VideoFormat"),
    Leaf("resolution", "Resolution", RESOLUTION),
    Leaf("frame_rate", "FrameRate"),
    Leaf("bit_rate_type", "BitRateType"),
    Leaf("video_bit_rate", "VideoBitRate"),
)
_NAMED_VIDEO = Shape(NamedVideoStream, Leaf("stream_name", "StreamName"), *_VIDEO_CODES)
_NAMED_AUDIO = Shape(
    NamedAudioStream,
    Leaf("stream_name", "StreamName"),
    Leaf("audio_format", "AudioFormat"),
    Leaf("audio_bit_rate", "AudioBitRate"),
    Leaf("sampling_rate", "SamplingRate"),
)
_VIDEO_STREAM = Shape(
    VideoStreamAttribute, Leaf("stream_number", "StreamNumber", INTEGER), *_VIDEO_CODES
)


def _read_box(text: str, notes: set[Tolerance]) -> PixelBox | None:
    numbers = [read_integer(part) for part in text.split(",", 4)]
    pixels = [number for number in numbers if number is not None and number >= 0]
    if len(numbers) != 4 or len(pixels) != 4:
        notes.add(Tolerance.NUMBER)
        return None
    return PixelBox(*pixels)


_BOX = Scalar(
    _read_box, lambda box, _: f"{box.left_px},{box.top_px},{box.right_px},{box.bottom_px}"
)
_REGION = Shape(MaskRegion, Leaf("seq", "Seq", INTEGER), Leaf("box", "Point", _BOX))
_OSD_TEXT = Shape(
    OsdText, Leaf("text", "Text"), Leaf("x_px", "X", INTEGER), Leaf("y_px", "Y", INTEGER)
)


class RawForm:
    """A block kept as XML text, checked to be well-formed, of bounded length and depth."""

    def __init__(self, cls: type[SvacEncodeConfig] | type[SvacDecodeConfig]) -> None:
        self._cls = cls

    def read(self, node: Node) -> SvacEncodeConfig | SvacDecodeConfig:
        """Raises `ProtocolError` where it is too long."""
        return self._cls(_inner_xml(node.element))

    def element(self, tag: str, value: Any, edition: Edition) -> Iterator[str]:
        """Raises `ProtocolError` where the text is no XML."""
        # Nothing with a DTD can stand inside an element, so no entity is read.
        try:
            parsed = ET.fromstring(f"<{tag}>{value.xml[: LONGEST_SVAC + 1]}</{tag}>")  # noqa: S314
        except ET.ParseError as error:
            raise ProtocolError(f"{tag} is no XML: {error}") from error
        check_depth(parsed)
        yield f"<{tag}>{_inner_xml(parsed)}</{tag}>"


def _inner_xml(element: ET.Element) -> str:
    for one in element.iter():
        one.tail = None
        one.text = (one.text or "").strip() if len(one) == 0 else None
    text = "".join(ET.tostring(child, encoding="unicode") for child in element)
    if len(text) > LONGEST_SVAC:
        raise ProtocolError(f"a block of {len(text)} characters of XML")
    return text


@dataclass(frozen=True, slots=True)
class ConfigType:
    """A block by its name in ConfigType; `control_form` is None where it can only be read."""

    name: str
    cls: type
    form: Form[Any]
    control_form: Form[Any] | None
    editions: Editions
    name_in_answer: str = ""


def _both(
    name: str, form: Form[Any], cls: type, editions: Editions, name_in_answer: str = ""
) -> ConfigType:
    return ConfigType(name, cls, form, form, editions, name_in_answer)


def _shaped(name: str, shape: Shape[Any], editions: Editions = ONLY_2022) -> ConfigType:
    return _both(name, shape, shape.cls, editions)


CONFIG_TYPES = (
    ConfigType(
        "BasicParam",
        BasicParam,
        Shape(BasicParam, *_BASIC, *_BASIC_READ_ONLY),
        Shape(BasicParam, *_BASIC),
        SINCE_2014,
    ),
    ConfigType(
        "VideoParamOpt",
        VideoParamOpt,
        Shape(
            VideoParamOpt,
            Leaf("download_speeds", "DownloadSpeed", PARTS, SINCE_2016),
            Leaf("resolutions", "Resolution", RESOLUTIONS, SINCE_2016),
            Leaf("video_formats", "VideoFormatOpt", PARTS, ONLY_2014),
            Leaf("resolutions", "ResolutionOpt", RESOLUTIONS, ONLY_2014),
            Leaf("frame_rates", "FrameRateOpt", PARTS, ONLY_2014),
            Leaf("bit_rate_types", "BitRateTypeOpt", PARTS, ONLY_2014),
            Leaf("video_bit_rates", "VideoBitRateOpt", PARTS, ONLY_2014),
            Leaf("download_speeds", "DownloadSpeedOpt", PARTS, ONLY_2014),
        ),
        None,
        SINCE_2014,
    ),
    _shaped(
        "VideoParamConfig",
        Shape(
            VideoParamConfig,
            Repeated("streams", "Item", _NAMED_VIDEO, counter=""),
            num_of="streams",
        ),
        ONLY_2014,
    ),
    ConfigType(
        "AudioParamOpt",
        AudioParamOpt,
        Shape(
            AudioParamOpt,
            Leaf("audio_formats", "AudioFormatOpt", PARTS),
            Leaf("audio_bit_rates", "AudioBitRateOpt", PARTS),
            Leaf("sampling_rates", "SamplingRateOpt", PARTS),
        ),
        None,
        ONLY_2014,
    ),
    _shaped(
        "AudioParamConfig",
        Shape(
            AudioParamConfig,
            Repeated("streams", "Item", _NAMED_AUDIO, counter=""),
            num_of="streams",
        ),
        ONLY_2014,
    ),
    _both("SVACEncodeConfig", RawForm(SvacEncodeConfig), SvacEncodeConfig, SINCE_2014),
    _both("SVACDecodeConfig", RawForm(SvacDecodeConfig), SvacDecodeConfig, SINCE_2014),
    _shaped(
        "VideoParamAttribute",
        Shape(
            VideoParamAttribute,
            Repeated("streams", "Item", _VIDEO_STREAM, counter=""),
            num_of="streams",
        ),
    ),
    _shaped("VideoRecordPlan", RECORD_PLAN),
    _shaped(
        "VideoAlarmRecord",
        Shape(
            VideoAlarmRecord,
            Leaf("is_enabled", "RecordEnable", FLAG),
            Leaf("record_time_s", "RecordTime", INTEGER),
            Leaf("pre_record_time_s", "PreRecordTime", INTEGER),
            Leaf("stream_number", "StreamNumber", INTEGER),
        ),
    ),
    _shaped(
        "PictureMask",
        Shape(
            PictureMask,
            Leaf("is_on", "On", FLAG),
            Repeated("regions", "Item", _REGION, "RegionList"),
        ),
    ),
    _shaped("FrameMirror", Shape(FrameMirror, OwnText("mode", integer(0, 3)))),
    _shaped(
        "AlarmReport",
        Shape(
            AlarmReport,
            Leaf("is_motion_reported", "MotionDetection", FLAG),
            Leaf("is_intrusion_reported", "FieldDetection", FLAG),
        ),
    ),
    _shaped(
        "OSDConfig",
        Shape(
            OsdConfig,
            Leaf("window_width_px", "Length", INTEGER),
            Leaf("window_height_px", "Width", INTEGER),
            Leaf("time_x_px", "TimeX", INTEGER),
            Leaf("time_y_px", "TimeY", INTEGER),
            Leaf("is_time_shown", "TimeEnable", FLAG),
            Leaf("time_type", "TimeType", INTEGER),
            Leaf("is_text_shown", "TextEnable", FLAG),
            Repeated("texts", "Item", _OSD_TEXT),
        ),
    ),
    _both(
        "SnapShotConfig",
        Shape(
            SnapShotConfig,
            Leaf("snap_count", "SnapNum", INTEGER),
            Leaf("interval_s", "Interval", INTEGER),
            Leaf("upload_url", "UploadURL"),
            Leaf("session_id", "SessionID"),
        ),
        SnapShotConfig,
        ONLY_2022,
        "SnapShot",
    ),
)

_OF_NAME: Mapping[str, ConfigType] = {
    name.lower(): one for one in CONFIG_TYPES for name in (one.name, one.name_in_answer) if name
}
_OF_CLASS: Mapping[type, ConfigType] = {one.cls: one for one in CONFIG_TYPES}
_EXTENSIONS = frozenset({"info", "extrainfo"})


def _read_block(config_type: ConfigType | None, node: Node) -> Iterator[object]:
    if config_type:
        yield config_type.form.read(node)
    elif len(node.element) and local_name(node.element).lower() not in _EXTENSIONS:
        raise ProtocolError(f"no edition knows {local_name(node.element)}")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a message, in whatever order; those not read are named, where there is room."""

    is_control: bool
    editions: Editions = EVERY

    def read(self, node: Node, into: dict[str, object]) -> None:
        blocks: list[object] = []
        unread: list[str] = []
        for child in node.every_child():
            name = local_name(child.element)
            config_type = _OF_NAME.get(name.lower())
            if config_type and name not in (config_type.name, config_type.name_in_answer):
                node.notes.add(Tolerance.TAG_CASE)
            try:
                blocks += _read_block(config_type, child)
            except ProtocolError:
                node.notes.add(Tolerance.UNKNOWN_BLOCK)
                unread.append(name[:LONGEST_NAME])
        into["blocks"] = tuple(blocks[:MAX_BLOCKS])
        if not self.is_control:
            into["unread"] = tuple(unread[:MAX_BLOCKS])

    def write(self, value: Any, edition: Edition) -> Iterator[str]:
        if self.is_control and not value.blocks:
            raise ProtocolError("a DeviceConfig without a block")
        for one in value.blocks:
            yield from self._write_block(one, edition)

    def _write_block(self, value: object, edition: Edition) -> Iterator[str]:
        config_type = _OF_CLASS[type(value)]
        edition = nearest(config_type.editions, edition)
        if not self.is_control:
            tag = config_type.name_in_answer or config_type.name
            return config_type.form.element(tag, value, edition)
        if config_type.control_form is None:
            raise ProtocolError(f"{config_type.name} can only be read")
        return config_type.control_form.element(config_type.name, value, edition)


CONFIGS = (
    Command(
        ConfigControl,
        Root.CONTROL,
        "DeviceConfig",
        Shape(ConfigControl, Blocks(is_control=True)),
        Direction.TO_DEVICE,
        Answer.RESULT,
        SINCE_2014,
    ),
    response(
        ConfigDownloadResponse,
        "ConfigDownload",
        ANSWERED,
        Blocks(is_control=False),
        editions=SINCE_2014,
    ),
)
