"""Which recordings a device has: in parts, in slices, with its own idea of the time (9.7)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE, registered, stage
from vms.errors import ExhaustedError, InvalidError, NotFoundError, UnsupportedError
from vms.gb28181.manscdp.messages import CatalogItem
from vms.gb28181.version import Edition
from vms.server import Server
from vms.signalling.jobs import JobState
from vms.signalling.record_search import RecordSearchJob
from vms.signalling.record_slices import RecordQuery

BEIJING = timezone(timedelta(hours=8))
MAY_1 = datetime(2024, 5, 1, tzinfo=BEIJING)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.signalling.record_slices.FIRST_PART_LIMIT_S", 1.0)
    monkeypatch.setattr("vms.signalling.record_slices.GAP_LIMIT_S", 0.4)


@asynccontextmanager
async def recorder_of(server: Server, offset_s: float = 0.0) -> AsyncGenerator[SipPeer]:
    """A recorder with one channel whose clock is known to be ahead by so much."""
    async with registered(server) as peer:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        server.inventory.note_clock_offset(DEVICE, offset_s)
        yield peer


def query(start: datetime = MAY_1, hours: float = 24.0) -> RecordQuery:
    return RecordQuery(DEVICE, CHANNEL, start, start + timedelta(hours=hours))


def item(start: datetime, minutes: int = 30) -> str:
    end = start + timedelta(minutes=minutes)
    return (
        f"<Item><DeviceID>{CHANNEL}</DeviceID><Name>Camera 01</Name>"
        f"<FilePath>ch1_{start:%d%H%M}</FilePath><Address>Address</Address>"
        f"<StartTime>{start:%Y-%m-%dT%H:%M:%S}</StartTime>"
        f"<EndTime>{end:%Y-%m-%dT%H:%M:%S}</EndTime><Secrecy>0</Secrecy><Type>time</Type>"
        "<RecorderID>34020000003000000001</RecorderID><FileSize>1073741824</FileSize></Item>"
    )


def part(sn: str, total: int, *starts: datetime) -> str:
    """One part of an answer (A.2.6.8); without recordings there is no list."""
    items = "".join(item(start) for start in starts)
    listed = f'<RecordList Num="{len(starts)}">{items}</RecordList>' if starts else ""
    return (
        '<?xml version="1.0" encoding="GB2312"?>\n<Response><CmdType>RecordInfo</CmdType>'
        f"<SN>{sn}</SN><DeviceID>{CHANNEL}</DeviceID><Name>Camera 01</Name>"
        f"<SumNum>{total}</SumNum>{listed}</Response>"
    )


async def asked(recorder: SipPeer) -> Message:
    return await recorder.asked("MESSAGE", "RecordInfo")


async def finished(server: Server, job: RecordSearchJob) -> RecordSearchJob:
    records = server.commands.records
    await until(lambda: records.job(job.job_id).finished)
    return records.job(job.job_id)


def at(hour: int, minute: int = 0) -> datetime:
    return MAY_1 + timedelta(hours=hour, minutes=minute)


async def test_parts_come_in_any_order_and_twice(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        question = await asked(recorder)
        sn = question.element("SN")

        for starts in ((at(9),), (at(1), at(5)), (at(9),), (at(7),)):
            await recorder.tell(part(sn, 4, *starts))
        done = await finished(server, job)

        assert question.element("DeviceID") == CHANNEL
        assert question.element("StartTime") == "2024-05-01T00:00:00"
        assert question.element("EndTime") == "2024-05-02T00:00:00"
        assert question.element("Type") == "all"
        assert question.element("Secrecy") == "0"
        assert (done.state, done.received, done.announced) == (JobState.COMPLETE, 4, 4)
        assert done.is_complete
        assert [each.start for each in done.recordings] == [at(1), at(5), at(7), at(9)]
        assert done.recordings[0].item.file_path == "ch1_010100"


async def test_streams_that_were_recorded_side_by_side_are_recordings_of_their_own(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        sn = (await asked(recorder)).element("SN")
        for number in (0, 1):
            of_stream = f"<StreamNumber>{number}</StreamNumber></Item>"
            nameless = part(sn, 2, at(9)).replace("<FilePath>ch1_010900</FilePath>", "")
            await recorder.tell(nameless.replace("</Item>", of_stream))
        done = await finished(server, job)

        assert (done.state, done.received) == (JobState.COMPLETE, 2)
        assert [each.item.stream_number for each in done.recordings] == [0, 1]


async def test_whatever_the_standard_lets_ask_for_is_asked_in_its_order(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        alarms = replace(
            query(),
            file_path="ch1",
            address="Gate",
            recorder_id="34020000003000000001",
            stream_number=1,
            is_indistinct=True,
            methods=(2, 5),
            types=(6,),
        )
        for since_2022 in (alarms, replace(query(), stream_number=1)):
            with pytest.raises(UnsupportedError, match="2022"):
                server.commands.records.start(since_2022)
        await server.inventory.patch_device(DEVICE, {"edition_override": Edition.E2022})

        server.commands.records.start(alarms)

        body = (await asked(recorder)).body.decode()
        assert "".join(body.partition("<EndTime>")[2].split()) == (
            "2024-05-02T00:00:00</EndTime><FilePath>ch1</FilePath><Address>Gate</Address>"
            "<Secrecy>0</Secrecy><Type>all</Type><RecorderID>34020000003000000001</RecorderID>"
            "<IndistinctQuery>1</IndistinctQuery><StreamNumber>1</StreamNumber>"
            "<AlarmMethod>2/5</AlarmMethod><AlarmType>6</AlarmType></Query>"
        )


async def test_no_recordings_is_an_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        await recorder.tell(part((await asked(recorder)).element("SN"), 0))

        done = await finished(server, job)

        assert (done.state, done.recordings) == (JobState.COMPLETE, ())


async def test_what_is_missing_is_asked_for_again_and_then_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())

        for _ in range(2):
            sn = (await asked(recorder)).element("SN")
            await recorder.tell(part(sn, 3, at(1), at(2)))
        done = await finished(server, job)

        assert done.state is JobState.INCOMPLETE
        assert done.sentence == "2 of 3 recordings came"
        assert len(done.recordings) == 2


async def test_a_long_span_is_asked_day_by_day_with_a_progress(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        records = server.commands.records
        job = records.start(query(hours=60))
        assert (job.slices, job.slices_done) == (3, 0)

        for number, end in enumerate(("02T00:00:00", "03T00:00:00", "03T12:00:00"), start=1):
            question = await asked(recorder)
            assert question.element("EndTime") == f"2024-05-{end}"
            # This one crosses midnight, so both days have it.
            await recorder.tell(part(question.element("SN"), 1, at(23, 45)))
            await until(lambda: records.job(job.job_id).slices_done == number)  # noqa: B023
        done = await finished(server, job)

        assert (done.state, done.received, done.announced) == (JobState.COMPLETE, 1, 1)


async def test_the_profile_says_how_long_a_slice_is(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        await server.inventory.patch_device(DEVICE, {"profile": "hikvision"})

        assert server.commands.records.start(query()).slices == 2
        assert (await asked(recorder)).element("EndTime") == "2024-05-01T12:00:00"


async def test_an_answer_that_cannot_be_read_is_asked_for_in_halves(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        await asked(recorder)

        assert (await recorder.tell(b"<Response><CmdType>Rec")).status == 400
        for end, start in (("01T12:00:00", at(1)), ("02T00:00:00", at(13))):
            question = await asked(recorder)
            assert question.element("EndTime") == f"2024-05-{end}"
            await recorder.tell(part(question.element("SN"), 1, start))
        done = await finished(server, job)

        assert (done.state, done.received, done.announced) == (JobState.COMPLETE, 2, 2)


async def test_a_clock_that_is_off_is_allowed_for_both_ways(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server, -8 * 3600.0) as recorder:
        job = server.commands.records.start(query(at(10), hours=2))
        question = await asked(recorder)
        await recorder.tell(part(question.element("SN"), 1, at(2, 30)))

        done = await finished(server, job)

        assert question.element("StartTime") == "2024-05-01T02:00:00"
        assert question.element("EndTime") == "2024-05-01T04:00:00"
        assert done.clock_offset_s == -28_800
        [recording] = done.recordings
        assert recording.start == at(10, 30)
        assert recording.item.start == at(2, 30)


async def test_a_device_whose_clock_is_not_known_is_asked_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as recorder:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        job = server.commands.records.start(query(at(10), hours=2))
        sn = (await recorder.asked("MESSAGE", "DeviceStatus")).element("SN")
        its_time = datetime.now(BEIJING) + timedelta(hours=1)
        await recorder.tell(
            f"<Response><CmdType>DeviceStatus</CmdType><SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID>"
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status>"
            f"<DeviceTime>{its_time:%Y-%m-%dT%H:%M:%S}</DeviceTime></Response>"
        )

        question = await asked(recorder)
        await recorder.tell(part(question.element("SN"), 0))
        done = await finished(server, job)

        assert abs(done.clock_offset_s - 3600) < 60
        assert question.element("StartTime").startswith("2024-05-01T1")


async def test_parts_of_a_question_that_is_over_are_late_and_not_mislabelled(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query(hours=48))
        first = (await asked(recorder)).element("SN")
        await recorder.tell(part(first, 1, at(1)))
        second = (await asked(recorder)).element("SN")

        await recorder.tell(part(first, 9, at(2)))
        await recorder.tell(part(second, 1, at(25)))
        done = await finished(server, job)

        assert (done.state, done.received, done.announced) == (JobState.COMPLETE, 2, 2)


async def test_parts_with_an_sn_that_was_never_ours_are_taken(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        await asked(recorder)

        for number, start in enumerate((at(1), at(2))):
            await recorder.tell(part(str(900_000 + number), 2, start))

        assert (await finished(server, job)).received == 2


async def test_a_device_that_never_answers_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query(hours=72))
        await asked(recorder)

        done = await finished(server, job)

        assert done.state is JobState.FAILED
        assert done.sentence == f"no RecordInfo answer from {DEVICE} in 1 s"
        assert done.slices_done == 1


async def test_a_refused_search_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        recorder.answers["MESSAGE"] = 488

        done = await server.commands.records.searched(query())

        assert (done.state, done.sentence) == (
            JobState.FAILED,
            f"{DEVICE} answered 488 No to a MESSAGE",
        )


async def test_the_same_wish_joins_the_search_that_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        records = server.commands.records
        first, second = records.start(query()), records.start(query())

        assert first.job_id == second.job_id
        await recorder.tell(part((await asked(recorder)).element("SN"), 0))
        await finished(server, first)


async def test_nonsense_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder_of(server):
        records = server.commands.records
        for start, end in (
            (MAY_1, MAY_1),
            (MAY_1, MAY_1 + timedelta(days=367)),
            (MAY_1.replace(tzinfo=None), MAY_1 + timedelta(hours=1)),
            (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
            (datetime.min.replace(tzinfo=BEIJING), datetime(1, 1, 2, tzinfo=UTC)),
        ):
            with pytest.raises(InvalidError):
                records.start(RecordQuery(DEVICE, CHANNEL, start, end))
        with pytest.raises(NotFoundError):
            records.start(
                RecordQuery(DEVICE, "34020000001320000099", MAY_1, datetime(2024, 5, 2, tzinfo=UTC))
            )


async def test_a_device_that_repeats_a_part_for_ever_does_not_hold_a_search_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.record_slices.SLICE_LIMIT_S", 1.0)
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        job = server.commands.records.start(query())
        told = 0
        while not server.commands.records.job(job.job_id).finished:
            told += 1
            await recorder.tell(part(str(told), 2, at(9)))

        done = server.commands.records.job(job.job_id)
        assert (done.state, done.received, done.announced) == (JobState.INCOMPLETE, 1, 2)


async def test_searches_that_wait_are_limited_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.record_search.RUNNING_AT_ONCE", 2)
    async with stage(tmp_path) as server, recorder_of(server) as recorder:
        records = server.commands.records
        jobs = [records.start(query(hours=hours)) for hours in (1, 2)]

        with pytest.raises(ExhaustedError, match="2 searches"):
            records.start(query(hours=3))

        for job in jobs:
            await recorder.tell(part((await asked(recorder)).element("SN"), 0))
            await finished(server, job)
        records.start(query(hours=3))
        assert (await asked(recorder)).element("EndTime") == "2024-05-01T03:00:00"
