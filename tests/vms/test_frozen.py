"""What is made quickly is what `dataclasses` would have made."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest

from vms.frozen import altered, quickly_made
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.model import Channel, ChannelKey, Device, DeviceKey, ReportedChannel


@dataclass(frozen=True, slots=True)
class Slow:
    """As the standard library makes it."""

    number: int
    word: str = "none"
    counts: dict[str, int] = field(default_factory=dict[str, int])
    mark: int | None = field(default=7, init=False, compare=False)


@quickly_made
@dataclass(frozen=True, slots=True)
class Quick:
    """The same, made quickly."""

    number: int
    word: str = "none"
    counts: dict[str, int] = field(default_factory=dict[str, int])
    mark: int | None = field(default=7, init=False, compare=False)


def test_it_holds_what_the_slow_one_holds_whether_given_by_place_by_name_or_not_at_all() -> None:
    slow, quick = Slow(3, counts={"a": 1}), Quick(3, counts={"a": 1})
    assert [getattr(quick, each.name) for each in fields(quick)] == [3, "none", {"a": 1}, 7]
    assert repr(quick) == repr(slow).replace("Slow", "Quick")
    assert Quick(4, "four") == Quick(word="four", number=4)
    assert Quick(4) != Quick(5)
    assert list(signature(Quick).parameters) == ["number", "word", "counts"]


def test_each_has_a_default_of_its_own() -> None:
    one, other = Quick(1), Quick(2)
    one.counts["seen"] = 1
    assert other.counts == {}


def test_it_is_as_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Quick(1).word = "other"  # type: ignore[misc]  # that is the question
    assert type(Quick(1)) is Quick


def test_what_is_missing_or_unknown_is_refused() -> None:
    with pytest.raises(TypeError):
        Quick()  # type: ignore[call-arg]  # that is the question
    with pytest.raises(KeyError):
        altered(Quick(1), mark=8)


def test_an_altered_copy_is_what_replace_gives_and_leaves_the_first_as_it_was() -> None:
    first = Quick(1, "one")
    assert altered(first, word="uno") == replace(first, word="uno") == Quick(1, "uno")
    assert first.word == "one"


def test_what_stands_on_a_class_of_its_own_keeps_what_that_says() -> None:
    device = Device(DeviceKey(1), DeviceId("34020000001110000001"))
    assert altered(device, name="Gate").name == "Gate"
    reported = ReportedChannel(ChannelId("34020000001310000001"), name="Yard")
    channel = Channel(ChannelKey(1), DeviceKey(1), device.device_id, reported)
    assert (channel.name, channel.channel_id) == ("Yard", "34020000001310000001")
    assert altered(channel, name_override="Door").name == "Door"
