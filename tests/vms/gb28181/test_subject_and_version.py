"""The two headers of the standard's own: Subject and X-GB-Ver."""

import pytest

from vms.gb28181.errors import ProtocolError
from vms.gb28181.subject import Subject
from vms.gb28181.version import Edition, edition_of, version_of

EXAMPLE = "34020000001320000001:0200000001,34020000002000000001:1"


def test_a_subject_is_written_as_it_was_read() -> None:
    subject = Subject.parse(EXAMPLE)

    assert subject == Subject("34020000001320000001", "0200000001", "34020000002000000001", "1")
    assert str(subject) == EXAMPLE


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("1 : 0 , 2 : 3", Subject("1", "0", "2", "3")),
        ("1,2", Subject("1", "", "2", "")),
        ("1", Subject("1", "", "", "")),
    ],
)
def test_serials_and_receiver_may_be_missing(text: str, subject: Subject) -> None:
    assert Subject.parse(text) == subject


def test_a_subject_without_a_sender_is_nonsense() -> None:
    with pytest.raises(ProtocolError):
        Subject.parse(":1,2:3")


@pytest.mark.parametrize(
    ("header", "edition"),
    [
        ("1.0", Edition.E2011),
        ("1.1", Edition.E2014),
        (" 2.0 ", Edition.E2016),
        ("3.0", Edition.E2022),
        ("9.9", Edition.UNKNOWN),
        ("", Edition.UNKNOWN),
        (None, Edition.UNKNOWN),
    ],
)
def test_the_header_names_an_edition(header: str | None, edition: Edition) -> None:
    assert edition_of(header) is edition


def test_every_known_edition_has_a_header_and_the_unknown_one_has_none() -> None:
    for edition in Edition:
        version = version_of(edition)
        assert (version is None) == (edition is Edition.UNKNOWN)
        assert edition_of(version) is edition
