"""What sends pictures to WebRTC viewers, whatever it is written in: `LEAVES` names all there are.

Receivers are aiortc's depacketiser and libsrtp; nothing of the leaf's inside is looked at.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.rtp import RtpPacket, unwrap_rtx
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from media.codecs import annexb
from media.outputs.webrtc_dtls import SecurityError
from media.outputs.webrtc_leaf import CatchUp, Leaf, Outlet, PayloadTypes, PythonLeaf
from media.unit import Codec

LEAVES: list[Callable[[int], Leaf]] = [PythonLeaf]
"""Each is made with the number of its first packet."""

CAPACITY = 1_024
"""What every leaf keeps at least."""

LIMIT_BYTES = 1_200
"""No packet is longer, header and all, before it is encrypted."""

SSRC, RTX_SSRC = 0xA1B2C3D4, 0xA1B2C3D5
H264 = PayloadTypes(96, 97)
SRTP_KEY = bytes(range(44))


def policy(kind: str) -> Policy:
    """As after a DTLS handshake; pylibsrtp does not tell the types of its constants."""
    names = cast("Any", Policy)
    made = Policy(
        key=SRTP_KEY,
        ssrc_type=getattr(names, kind),
        srtp_profile=names.SRTP_PROFILE_AEAD_AES_256_GCM,
    )
    made.allow_repeat_tx, made.window_size = True, 1_024
    return made


class Receiver:
    """A viewer: libsrtp on both ends of its wire."""

    def __init__(self, *, rtx: int | None = 97, payload_type: int = 96) -> None:
        self.packets: list[RtpPacket] = []
        self.room = 1_000_000
        self._ours, self._theirs = (
            Session(policy(kind)) for kind in ("SSRC_ANY_OUTBOUND", "SSRC_ANY_INBOUND")
        )
        types = {Codec.H264: PayloadTypes(payload_type, rtx), Codec.H265: PayloadTypes(49, None)}
        self.outlet = Outlet(types, SSRC, RTX_SSRC, self._take, self._ours.protect)

    @property
    def numbers(self) -> list[int]:
        return [packet.sequence_number for packet in self.packets]

    def units(self) -> list[bytes]:
        return annexb.nal_units(b"".join(h264_depayload(one.payload) for one in self.packets))

    def _take(self, datagrams: Sequence[bytes]) -> int:
        taken = datagrams[: self.room]
        self.room -= len(taken)
        for datagram in taken:
            packet = self._theirs.unprotect(datagram)
            assert len(packet) <= LIMIT_BYTES
            self.packets.append(RtpPacket.parse(packet))
        return len(taken)


@pytest.fixture(params=LEAVES)
def leaf(request: pytest.FixtureRequest) -> Leaf:
    make: Callable[[int], Leaf] = request.param
    return make(1_000)


def picture(*sizes: int, key: bool = False) -> bytes:
    """Slices of these sizes."""
    head = b"\x65" if key else b"\x41"
    return annexb.join([head + bytes((1 + at % 255,)) * size for at, size in enumerate(sizes)])


def test_what_is_sent_is_the_picture_marked_at_its_end(leaf: Leaf) -> None:
    data = picture(20, 5_000, 30)
    receiver = Receiver()

    numbers = leaf.add(Codec.H264, data, 4_711, is_key=False)
    assert leaf.send([receiver.outlet], numbers) == [len(numbers)]

    assert receiver.units() == annexb.nal_units(data)
    assert receiver.numbers == list(numbers) == list(range(1_000, leaf.next_sequence))
    assert {packet.timestamp for packet in receiver.packets} == {4_711}
    assert {packet.ssrc for packet in receiver.packets} == {SSRC}
    assert [packet.marker for packet in receiver.packets] == [0] * (len(numbers) - 1) + [1]
    assert receiver.outlet.packets == len(numbers)
    assert receiver.outlet.octets == sum(len(one.payload) for one in receiver.packets)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 4_000), min_size=1, max_size=6), max_size=8))
def test_any_pictures_arrive_as_they_were(pictures: list[list[int]]) -> None:
    for make in LEAVES:
        leaf, receiver = make(0), Receiver()
        for sizes in pictures:
            numbers = leaf.add(Codec.H264, picture(*sizes), 0, is_key=False)
            leaf.send([receiver.outlet], numbers)

        sent = b"".join(picture(*sizes) for sizes in pictures)
        assert receiver.units() == annexb.nal_units(sent)


def test_each_viewer_gets_it_under_its_own_names_and_numbers(leaf: Leaf) -> None:
    plain, other, shifted = Receiver(), Receiver(payload_type=102), Receiver()
    shifted.outlet.shift = 70_000
    numbers = leaf.add(Codec.H264, picture(3_000), 0, is_key=True)

    leaf.send([plain.outlet, other.outlet, shifted.outlet], numbers)

    assert [one.packets[0].payload_type for one in (plain, other, shifted)] == [96, 102, 96]
    assert shifted.numbers == [(number + 70_000) & 0xFFFF for number in numbers]
    assert plain.units() == other.units() == shifted.units()


def test_a_full_socket_takes_what_it_has_room_for_and_holds_up_nobody(leaf: Leaf) -> None:
    full, free = Receiver(), Receiver()
    full.room = 2
    numbers = leaf.add(Codec.H264, picture(5_000), 0, is_key=True)

    assert leaf.send([full.outlet, free.outlet], numbers) == [2, len(numbers)]

    full.room = 1_000
    rest = range(numbers.start + 2, numbers.stop)
    assert leaf.send([full.outlet], rest) == [len(rest)]
    assert full.units() == free.units()
    assert full.outlet.packets == len(numbers)


def test_a_viewer_that_cannot_be_encrypted_for_holds_up_nobody(leaf: Leaf) -> None:
    def refuse(packet: bytes) -> bytes:
        raise SecurityError(f"{len(packet)} bytes refused")

    broken, well = Receiver(), Receiver()
    broken.outlet.protect = refuse
    numbers = leaf.add(Codec.H264, picture(5_000), 0, is_key=True)

    assert leaf.send([broken.outlet, well.outlet], numbers) == [0, len(numbers)]
    assert broken.outlet.is_broken


def test_a_viewer_that_does_not_know_the_coding_gets_nothing(leaf: Leaf) -> None:
    receiver = Receiver()
    receiver.outlet.payload_types = {Codec.H265: PayloadTypes(49, None)}
    numbers = leaf.add(Codec.H264, picture(50), 0, is_key=True)

    assert leaf.send([receiver.outlet], numbers) == [0]
    assert leaf.resend(receiver.outlet, [numbers.start], numbers.stop) == 0


def test_lost_packets_come_again_by_rfc_4588(leaf: Leaf) -> None:
    receiver = Receiver()
    numbers = leaf.add(Codec.H264, picture(6_000), 90, is_key=True)
    leaf.send([receiver.outlet], numbers)
    sent = list(receiver.packets)

    assert leaf.resend(receiver.outlet, [numbers[1], numbers[3]], numbers.stop) == 2

    again = receiver.packets[len(sent) :]
    assert [(one.payload_type, one.ssrc) for one in again] == [(97, RTX_SSRC)] * 2
    assert again[1].sequence_number == (again[0].sequence_number + 1) & 0xFFFF
    originals = [unwrap_rtx(one, 96, SSRC).serialize() for one in again]
    assert originals == [sent[1].serialize(), sent[3].serialize()]
    assert receiver.outlet.resent == 2


def test_without_rfc_4588_the_same_packet_comes_again(leaf: Leaf) -> None:
    receiver = Receiver(rtx=None)
    wire: list[bytes] = []
    take = receiver.outlet.send

    def note(datagrams: Sequence[bytes]) -> int:
        wire.extend(datagrams)
        return take(datagrams) if len(wire) <= len(numbers) else len(datagrams)

    receiver.outlet.send = note
    numbers = leaf.add(Codec.H264, picture(6_000), 90, is_key=True)
    leaf.send([receiver.outlet], numbers)

    leaf.resend(receiver.outlet, [numbers[2]], numbers.stop)

    assert wire[-1] == wire[2]


def test_what_was_not_sent_or_under_another_number_does_not_come_again(leaf: Leaf) -> None:
    receiver = Receiver()
    numbers = leaf.add(Codec.H264, picture(6_000), 90, is_key=True)
    leaf.send([receiver.outlet], numbers[:3])

    assert leaf.resend(receiver.outlet, [numbers[3], numbers[0] - 1, 40_000], numbers[3]) == 0
    receiver.outlet.valid_from = numbers[2]
    assert leaf.resend(receiver.outlet, [numbers[1], numbers[2]], numbers[3]) == 1


@pytest.mark.parametrize("make", LEAVES)
def test_numbers_go_on_over_the_wrap_and_so_does_resending(make: Callable[[int], Leaf]) -> None:
    leaf, receiver = make(65_534), Receiver()
    numbers = leaf.add(Codec.H264, picture(5_000), 0, is_key=True)
    leaf.send([receiver.outlet], numbers)
    assert receiver.numbers == [65_534, 65_535, 0, 1, 2]

    assert leaf.resend(receiver.outlet, [65_535, 1], numbers.stop) == 2
    assert [unwrap_rtx(one, 96, SSRC).sequence_number for one in receiver.packets[5:]] == [
        65_535,
        1,
    ]


def test_the_last_thousand_packets_are_kept_and_the_oldest_give_way(leaf: Leaf) -> None:
    receiver = Receiver()
    for _ in range(3 * CAPACITY):
        leaf.add(Codec.H264, picture(10), 0, is_key=False)
    end = leaf.next_sequence

    assert end - leaf.oldest_sequence >= CAPACITY
    assert leaf.resend(receiver.outlet, [(leaf.oldest_sequence - 1) & 0xFFFF], end) == 0
    assert leaf.resend(receiver.outlet, [(end - CAPACITY) & 0xFFFF, end - 1 & 0xFFFF], end) == 2


def test_a_group_can_be_begun_with_while_it_is_whole(leaf: Leaf) -> None:
    assert leaf.group is None
    key = leaf.add(Codec.H264, picture(5_000), 100, is_key=True)
    leaf.add(Codec.H264, picture(50), 200, is_key=False)

    group = leaf.group
    assert group is not None
    assert (group.start, group.timestamp) == (key.start, 200)
    assert group.last_picture - group.first_picture == 1
    while leaf.oldest_sequence <= key.start:
        leaf.add(Codec.H264, picture(5_000), 300, is_key=False)
    assert leaf.group is None


def test_a_late_viewer_gets_the_past_under_dates_of_its_own(leaf: Leaf) -> None:
    early, late = Receiver(), Receiver()
    for number in range(4):
        leaf.add(Codec.H264, picture(50), 3_600 * number, is_key=number == 0)
    group = leaf.group
    assert group is not None
    late.outlet.catch_up = CatchUp(group.first_picture, group.last_picture, 10_260, 180)

    leaf.send([early.outlet, late.outlet], range(group.start, leaf.next_sequence))
    following = leaf.add(Codec.H264, picture(50), 14_400, is_key=False)
    leaf.send([early.outlet, late.outlet], following)

    assert [one.timestamp for one in early.packets] == [0, 3_600, 7_200, 10_800, 14_400]
    assert [one.timestamp for one in late.packets] == [10_260, 10_440, 10_620, 10_800, 14_400]
    assert early.units() == late.units()


def test_with_another_coding_what_was_is_forgotten(leaf: Leaf) -> None:
    receiver = Receiver()
    older = leaf.add(Codec.H264, picture(50), 0, is_key=True)

    newer = leaf.add(Codec.H265, annexb.join([b"\x26\x01" + b"\x9b" * 2_000]), 1, is_key=True)
    leaf.send([receiver.outlet], newer)

    assert {one.payload_type for one in receiver.packets} == {49}
    assert leaf.oldest_sequence == older.stop == newer.start
    assert leaf.resend(receiver.outlet, [older.start], newer.stop) == 0
    assert all(after - before == 1 for before, after in pairwise(receiver.numbers))


def test_a_picture_of_nothing_is_no_packet(leaf: Leaf) -> None:
    assert len(leaf.add(Codec.H264, b"", 0, is_key=True)) == 0
    assert leaf.next_sequence == 1_000
    assert leaf.group is None
