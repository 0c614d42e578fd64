"""How jobs end that are broken off."""

import asyncio
from functools import partial

import pytest

from vms.errors import NoAnswerError
from vms.signalling.jobs import JobState, ending


def test_a_refusal_ends_the_job_and_goes_no_further() -> None:
    ended: list[tuple[JobState, str]] = []

    def end(state: JobState, sentence: str) -> None:
        ended.append((state, sentence))

    with ending(end):
        raise NoAnswerError("no answer to Catalog")
    with ending(end, refused=lambda: JobState.INCOMPLETE):
        raise NoAnswerError("no answer to RecordInfo")

    assert ended == [
        (JobState.FAILED, "no answer to Catalog"),
        (JobState.INCOMPLETE, "no answer to RecordInfo"),
    ]


@pytest.mark.parametrize(
    ("broken_by", "state", "sentence"),
    [
        (asyncio.CancelledError(), JobState.INCOMPLETE, "the server was stopped"),
        (ZeroDivisionError(), JobState.FAILED, "a fault of this server; see its log"),
    ],
)
def test_a_stop_and_a_fault_end_the_job_and_are_raised_again(
    broken_by: BaseException, state: JobState, sentence: str
) -> None:
    ended: list[tuple[str, JobState, str]] = []

    def end(job_id: str, state: JobState, sentence: str) -> None:
        ended.append((job_id, state, sentence))

    with (
        pytest.raises(type(broken_by)),
        ending(partial(end, "1"), stopped=JobState.INCOMPLETE),
    ):
        raise broken_by

    assert ended == [("1", state, sentence)]
