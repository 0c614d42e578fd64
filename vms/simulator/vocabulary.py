"""Which commands a simulated device knows by its edition, and what they are called when counted."""

from collections.abc import Mapping

from vms.gb28181.manscdp.messages import (
    AlarmQuery,
    AlarmResetControl,
    CatalogQuery,
    ConfigControl,
    ConfigDownloadQuery,
    CruiseTrackListQuery,
    CruiseTrackQuery,
    DeviceInfoQuery,
    DeviceStatusQuery,
    DragZoomControl,
    FormatSdCardControl,
    GuardControl,
    HomePositionControl,
    HomePositionQuery,
    KeyFrameControl,
    Message,
    MobilePositionQuery,
    PresetQuery,
    PtzControl,
    PtzPositionQuery,
    PtzPreciseControl,
    RebootControl,
    RecordControl,
    RecordInfoQuery,
    SdCardStatusQuery,
    TargetTrackControl,
    UpgradeControl,
)
from vms.gb28181.version import Edition

_COMMANDS: Mapping[type[Message], tuple[str, Edition]] = {
    DeviceInfoQuery: ("DeviceInfo", Edition.E2011),
    DeviceStatusQuery: ("DeviceStatus", Edition.E2011),
    CatalogQuery: ("Catalog", Edition.E2011),
    RecordInfoQuery: ("RecordInfo", Edition.E2011),
    AlarmQuery: ("Alarm", Edition.E2011),
    ConfigDownloadQuery: ("ConfigDownload", Edition.E2014),
    PresetQuery: ("PresetQuery", Edition.E2014),
    MobilePositionQuery: ("MobilePosition", Edition.E2016),
    HomePositionQuery: ("HomePositionQuery", Edition.E2022),
    CruiseTrackListQuery: ("CruiseTrackListQuery", Edition.E2022),
    CruiseTrackQuery: ("CruiseTrackQuery", Edition.E2022),
    PtzPositionQuery: ("PTZPosition", Edition.E2022),
    SdCardStatusQuery: ("SDCardStatus", Edition.E2022),
    PtzControl: ("DeviceControl/PTZCmd", Edition.E2011),
    RebootControl: ("DeviceControl/TeleBoot", Edition.E2011),
    RecordControl: ("DeviceControl/RecordCmd", Edition.E2011),
    GuardControl: ("DeviceControl/GuardCmd", Edition.E2011),
    AlarmResetControl: ("DeviceControl/AlarmCmd", Edition.E2011),
    DragZoomControl: ("DeviceControl/DragZoom", Edition.E2014),
    ConfigControl: ("DeviceConfig", Edition.E2014),
    KeyFrameControl: ("DeviceControl/IFrameCmd", Edition.E2016),
    HomePositionControl: ("DeviceControl/HomePosition", Edition.E2016),
    PtzPreciseControl: ("DeviceControl/PTZPreciseCtrl", Edition.E2022),
    UpgradeControl: ("DeviceControl/DeviceUpgrade", Edition.E2022),
    FormatSdCardControl: ("DeviceControl/FormatSDCard", Edition.E2022),
    TargetTrackControl: ("DeviceControl/TargetTrack", Edition.E2022),
}
_ORDER = (Edition.E2011, Edition.E2014, Edition.E2016, Edition.E2022)


def name_of(message: Message) -> str | None:
    """The command's name in the summary; None for what is neither query nor control."""
    found = _COMMANDS.get(type(message))
    return found[0] if found else None


def is_known(message: Message, edition: Edition, body: bytes) -> bool:
    """Whether a device of that edition understands the command (chapter 12 of the editions).

    A key picture is asked for by `IFameCmd` up to 2016 and by `IFrameCmd` since 2022.
    """
    found = _COMMANDS.get(type(message))
    if found is None or _ORDER.index(found[1]) > _ORDER.index(edition):
        return False
    if isinstance(message, KeyFrameControl):
        return (b"<IFrameCmd>" in body) == (edition is Edition.E2022)
    return True
