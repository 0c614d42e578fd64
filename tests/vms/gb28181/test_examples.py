"""Every command of every edition against an example of its bytes, in both directions."""

import pytest

from tests.vms.gb28181.examples import EXAMPLES, Example
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.codec import Decoded, decode, encode
from vms.gb28181.manscdp.editions import EVERY, ORDER
from vms.gb28181.manscdp.messages import (
    AudioParamOpt,
    BasicParam,
    CatalogQuery,
    ConfigControl,
    ConfigDownloadResponse,
    HomePositionQuery,
    MobilePositionNotify,
    SnapShotConfig,
    VideoParamOpt,
)
from vms.gb28181.manscdp.registry import (
    COMMANDS,
    CONFIG_TYPES,
    EDITIONS,
    Answer,
    Command,
    ConfigType,
    Direction,
    Root,
    command_of,
    supported,
)
from vms.gb28181.version import Edition

CAMERA = DeviceId("34020000001320000001")


def name_of(example: Example) -> str:
    return type(example.message).__name__


def declared(edition: Edition) -> str:
    charset = "GB18030" if edition is Edition.E2022 else "GB2312"
    return f'<?xml version="1.0" encoding="{charset}"?>'


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_is_read_without_forgiving_anything(example: Example) -> None:
    assert decode(example.xml.encode("gb18030")) == Decoded(example.message)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_is_written_byte_for_byte_in_the_editions_that_have_it(
    example: Example,
) -> None:
    for edition in example.editions:
        lines = encode(example.message, edition).decode("gb18030").split("\r\n")

        assert "".join(lines) == declared(edition) + example.written
        assert lines[-1] == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.root} {command.name}")
def test_every_command_has_an_example_in_each_of_its_editions(command: Command) -> None:
    examples = [example for example in EXAMPLES if command_of(example.message) is command]

    shown = {edition for example in examples for edition in example.editions}

    assert shown >= command.editions


@pytest.mark.parametrize("config_type", CONFIG_TYPES, ids=lambda one: one.name)
def test_every_block_has_an_example_in_each_of_its_editions(config_type: ConfigType) -> None:
    shown = {
        edition
        for example in EXAMPLES
        if isinstance(example.message, ConfigControl | ConfigDownloadResponse)
        and any(isinstance(block, config_type.cls) for block in example.message.blocks)
        for edition in example.editions
    }

    assert shown >= config_type.editions


def test_every_query_is_answered_with_data_under_its_own_name() -> None:
    answers = {command.cmd_type for command in COMMANDS if command.root is Root.RESPONSE}
    queries = [command for command in COMMANDS if command.root is Root.QUERY]

    assert {command.answer for command in queries} == {Answer.DATA}
    # Alarms and positions are answered by notifications as they happen.
    assert {one.cmd_type for one in queries} - answers == {"MobilePosition"}


def test_the_controls_that_are_answered_are_those_of_the_standard() -> None:
    controls = [command for command in COMMANDS if command.root is Root.CONTROL]

    assert {one.name for one in controls if one.answer is Answer.RESULT} == {
        "RecordCmd",
        "GuardCmd",
        "AlarmCmd",
        "HomePosition",
        "DeviceUpgrade",
        "DeviceConfig",
    }
    assert {one.direction for one in controls} == {Direction.TO_DEVICE}


@pytest.mark.parametrize(
    ("edition", "names"),
    [
        (
            Edition.E2014,
            "DragZoomIn DragZoomOut DeviceConfig ConfigDownload PresetQuery Broadcast",
        ),
        (Edition.E2016, "IFrameCmd HomePosition MobilePosition"),
        (
            Edition.E2022,
            """PTZPreciseCtrl DeviceUpgrade FormatSDCard TargetTrack HomePositionQuery
            CruiseTrackListQuery CruiseTrackQuery PTZPosition SDCardStatus
            UploadSnapShotFinished VideoUploadNotify DeviceUpgradeResult""",
        ),
    ],
)
def test_each_edition_brought_its_commands(edition: Edition, names: str) -> None:
    earlier = ORDER[ORDER.index(edition) - 1]

    new = {
        command.name
        for command in COMMANDS
        if edition in command.editions and earlier not in command.editions
    }

    assert new == set(names.split())


def test_a_peer_that_does_not_say_is_taken_for_2016() -> None:
    assert supported(CatalogQuery, Edition.UNKNOWN)
    assert not supported(HomePositionQuery, Edition.UNKNOWN)
    assert not supported(SnapShotConfig, Edition.E2016)
    assert supported(SnapShotConfig, Edition.E2022)


def test_what_an_edition_has_no_form_for_is_written_in_the_nearest_that_has_one() -> None:
    query = HomePositionQuery(51, CAMERA)

    old = encode(query, Edition.E2011)

    assert b"GB2312" in old
    assert decode(old).message == query


@pytest.mark.parametrize(
    "control",
    [
        ConfigControl(1, CAMERA, ()),
        ConfigControl(1, CAMERA, (VideoParamOpt(),)),
        ConfigControl(1, CAMERA, (AudioParamOpt(),)),
    ],
)
def test_what_no_edition_can_write_is_refused(control: ConfigControl) -> None:
    for edition in ORDER:
        with pytest.raises(ProtocolError):
            encode(control, edition)


def test_several_positions_do_not_fit_the_form_of_2016() -> None:
    with pytest.raises(ProtocolError, match="room for one"):
        encode(MobilePositionNotify(1, CAMERA), Edition.E2016)


def test_a_password_is_written_where_2014_wants_it_and_never_read_back() -> None:
    control = ConfigControl(1, CAMERA, (BasicParam("NVR", password="12345678"),))

    old, new = encode(control, Edition.E2014), encode(control, Edition.E2016)

    assert b"<Password>12345678</Password>" in old
    assert b"12345678" not in new
    assert "12345678" not in repr(control)
    assert decode(old).message == ConfigControl(1, CAMERA, (BasicParam("NVR"),))


def test_every_edition_of_a_command_is_one_of_the_four() -> None:
    assert all(editions and editions <= EVERY for editions in EDITIONS.values())
