"""What simulated devices do wrong, as a platform sees it."""

from dataclasses import replace

import pytest

from tests.support.sip_peer import Message
from tests.support.waiting import until
from tests.vms.simulator.peer_platform import (
    CHANNEL,
    DEVICE,
    WirePlatform,
    one_device,
)
from vms.gb28181.version import Edition
from vms.simulator.brands import BRANDS
from vms.simulator.simulation import running

CONFIG = "<ConfigType>{}</ConfigType>"
A_YEAR = "<StartTime>{0}-01-01T00:00:00</StartTime><EndTime>{0}-12-31T23:59:59</EndTime>"


async def catalogue(platform: WirePlatform) -> Message:
    return await platform.query("Catalog", target=DEVICE)


async def test_a_device_in_the_wrong_domain_names_it_everywhere() -> None:
    async with one_device("wrong-domain") as (platform, _):
        register = platform.registers[0]
    assert register.start == "REGISTER sip:34020000002000000001@3409999999 SIP/2.0"
    assert register["To"] == f"<sip:{DEVICE}@3409999999>"


async def test_a_device_may_sign_with_another_user_name() -> None:
    async with WirePlatform.open() as platform:
        platform.challenge = 'Digest realm="3402000000", nonce="abc", algorithm=MD5'
        async with running(platform.options("mismatched-username")) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
    signed = next(one for one in platform.registers if "Authorization" in one)
    assert 'username="admin"' in signed["Authorization"]


async def test_a_skewed_clock_is_not_set_by_the_server() -> None:
    async with WirePlatform.open() as platform:
        platform.register_headers = [("Date", "2024-05-01T16:00:00.000")]
        async with running(platform.options("clock-skew=3600")) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            ahead = simulation.cameras[0].link.wall()
            status = await platform.query("DeviceStatus", target=DEVICE)
    assert ahead.year > 2024
    assert not status.element("DeviceTime").startswith("2024")


async def test_a_device_may_register_and_fall_silent() -> None:
    async with WirePlatform.open() as platform:
        quick = replace(platform.options("silent-after-register"), keepalive_s=0.01)
        async with running(quick) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            await catalogue(platform)
    assert simulation.summary.keepalives_sent == 0


async def test_two_units_may_have_one_identifier() -> None:
    async with WirePlatform.open() as platform:
        two = replace(platform.options("duplicate-id@1"), devices=1)
        async with running(two) as simulation:
            await until(lambda: simulation.summary.registered == 2)
        firsts = [one for one in platform.registers if one["Expires"] != "0"]
    assert {one["To"] for one in firsts} == {f"<sip:{DEVICE}@3402000000>"}
    assert len({one["Contact"] for one in firsts}) == 2


async def test_a_redirection_is_followed_to_where_it_leads() -> None:
    async with WirePlatform.open() as first, WirePlatform.open() as second:
        first.redirect_to = f"<sip:34020000002000000002@127.0.0.1:{second.peer.port}>"
        async with running(first.options()) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            await catalogue(second)
        assert len(second.registers) == 2
    assert (len(first.registers), simulation.summary.redirected) == (1, 1)


async def test_a_redirection_to_a_stranger_is_not_followed() -> None:
    async with WirePlatform.open() as platform:
        platform.redirect_to = "<sip:34020000002000000002@192.0.2.1:5060>"
        async with running(platform.options()) as simulation:
            await until(lambda: simulation.summary.errors != [])
    assert "leads nowhere" in simulation.summary.errors[0]
    assert not simulation.cameras[0].is_registered


async def test_long_answers_may_lose_parts() -> None:
    async with one_device("lost-parts=50", channels=12) as (platform, simulation):
        first = await catalogue(platform)
        await until(lambda: simulation.summary.commands_answered.get("Catalog") == 1)
        parts = [first, *(one for one in platform.peer.requests if one.method == "MESSAGE")]
    assert first.element("SumNum") == "12"
    assert sum(one.body.count(b"<Item>") for one in parts) == 6


async def test_a_recorder_may_list_so_many_recordings_and_no_more() -> None:
    async with one_device("record-limit=5") as (platform, simulation):
        year = simulation.cameras[0].link.wall().year
        first = await platform.query("RecordInfo", A_YEAR.format(year))
    assert first.element("SumNum") == "5"


async def test_bodies_may_be_written_carelessly() -> None:
    async with one_device("unescaped-xml", "status-words", "parental-65535") as (platform, _):
        body = (await catalogue(platform)).body
    assert b"<Address>Gate 1 & 2 <east></Address>" in body
    assert b"<Status>ONLINE</Status>" in body
    assert b"<Parental>65535</Parental>" in body


async def test_a_label_may_name_another_charset() -> None:
    async with one_device("mislabelled-charset", edition=Edition.E2016) as (platform, _):
        body = (await catalogue(platform)).body
    assert b'encoding="GB2312"' in body
    assert "测试画面".encode() in body


async def test_items_may_come_one_by_one() -> None:
    async with one_device("one-item", channels=4) as (platform, simulation):
        await catalogue(platform)
        await until(lambda: simulation.summary.catalog_parts == 4)


async def test_some_devices_never_answer() -> None:
    async with one_device("no-answer") as (platform, simulation):
        await platform.say("<Query>\r\n<CmdType>DeviceInfo</CmdType>\r\n</Query>\r\n", DEVICE)
        await until(lambda: simulation.summary.commands_received != {})
    assert simulation.summary.commands_answered == {}


@pytest.mark.parametrize(("fault", "status"), [("refuse-invite", 486), ("refuse-invite=503", 503)])
async def test_calls_may_be_refused(fault: str, status: int) -> None:
    async with one_device(fault) as (platform, _):
        assert (await platform.invite(CHANNEL)).status == status


async def test_a_call_may_be_answered_without_any_media() -> None:
    async with one_device("answer-without-media") as (platform, simulation):
        answer = await platform.invite(CHANNEL)
    assert answer.status == 200
    assert b"m=" not in answer.body
    assert simulation.summary.streams == 0


async def test_a_device_may_answer_with_an_ssrc_of_its_own() -> None:
    async with one_device("own-ssrc") as (platform, _):
        answer = await platform.invite(CHANNEL)
    assert b"y=0200000001" not in answer.body
    assert b"y=0205000001" in answer.body


async def test_hikvision_answers_each_type_alone_and_the_unknown_ones_with_a_result() -> None:
    async with one_device(brand="hikvision") as (platform, simulation):
        asked = CONFIG.format("BasicParam/FrameMirror/OddParam")
        first = await platform.query("ConfigDownload", asked, target=DEVICE)
        sn = int(first.element("SN"))
        second = await platform.answer("ConfigDownload", sn)
        third = await platform.answer("ConfigDownload", sn)
        assert not await simulation.cameras[0].raise_alarm()
        await platform.control("<GuardCmd>SetGuard</GuardCmd>", DEVICE)
        await until(lambda: simulation.cameras[0].unit.is_armed)
        assert await simulation.cameras[0].raise_alarm()

    assert b"<BasicParam>" in first.body
    assert b"<FrameMirror>0</FrameMirror>" in second.body
    assert third.element("Result") == "OK"
    assert b"Param" not in third.body


async def test_dahua_wants_the_device_for_settings_and_all_types_for_recordings() -> None:
    async with one_device(brand="dahua") as (platform, simulation):
        year = simulation.cameras[0].link.wall().year
        nothing = await platform.query("RecordInfo", A_YEAR.format(year))
        everything = await platform.query("RecordInfo", A_YEAR.format(year) + "<Type>all</Type>")
        more = CONFIG.format("BasicParam")
        await platform.say(f"<Query>\r\n<CmdType>ConfigDownload</CmdType>\r\n{more}</Query>\r\n")
        told = await platform.query("ConfigDownload", more, target=DEVICE)

    assert nothing.element("SumNum") == "0"
    assert int(everything.element("SumNum")) > 100
    assert told.element("HeartBeatCount") == "3"


async def test_uniview_registers_anew_instead_of_answering_what_it_does_not_know() -> None:
    async with one_device(brand="uniview") as (platform, _):
        await platform.say("<Query>\r\n<CmdType>DeviceInfo</CmdType>\r\n</Query>\r\n", DEVICE)
        requests = platform.peer.requests
        await until(lambda: any(b"<DeviceName>\xcf\x01\xc9Camera" in one.body for one in requests))
        requests.clear()
        told = await platform.query("ConfigDownload", CONFIG.format("BasicParam"), target=DEVICE)
        more = CONFIG.format("OddParam")
        await platform.say(f"<Query>\r\n<CmdType>ConfigDownload</CmdType>\r\n{more}</Query>\r\n")
        await until(lambda: len(platform.registers) == 2)

    assert b"<BasicParamInfo>" in told.body


async def test_huawei_never_refreshes_and_names_no_time_for_subscriptions() -> None:
    async with WirePlatform.open() as platform:
        platform.expires = "1"
        quick = replace(platform.options(), brand=BRANDS["huawei"], keepalive_s=0.3)
        async with running(quick) as simulation:
            await until(lambda: simulation.summary.keepalives_answered >= 5)
            assert "Expires" not in await platform.subscribe("Catalog")
    assert simulation.summary.registrations == 1


async def test_tiandy_sends_a_catalogue_nobody_asked_for() -> None:
    async with one_device(brand="tiandy", channels=3) as (platform, _):
        unasked = await platform.peer.asked("MESSAGE", "Catalog")
    assert unasked.element("SumNum") == "1"
    assert unasked["User-Agent"] == "Tiandy"
    assert unasked.element("Manufacturer") == "Tiandy"
