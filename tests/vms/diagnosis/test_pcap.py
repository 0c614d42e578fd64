"""Captures, written and read; that real tools agree stands in tests/interop/test_tshark.py."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.diagnosis import pcap

OURS, CAMERA = ("192.0.2.1", 5060), ("192.0.2.7", 5062)
OURS_V6, CAMERA_V6 = ("2001:db8::1", 5060), ("2001:db8::7", 5062)


def datagram(payload: bytes, source: tuple[str, int] = CAMERA) -> pcap.Packet:
    target = OURS if source == CAMERA else CAMERA
    return pcap.Packet(1_772_352_000.25, source, target, False, payload)


def test_a_datagram_is_written_to_the_byte() -> None:
    written = pcap.write([datagram(b"ab")])

    assert written[:24] == bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000")
    assert struct.unpack("<IIII", written[24:40]) == (1_772_352_000, 250_000, 44, 44)
    # Ethernet; IPv4 with its checksum; UDP with its own, each by hand (RFC 791, 768, 1071)
    assert written[40:54] == bytes.fromhex("020000000001 020000000002 0800")
    assert written[54:74] == bytes.fromhex("45 00 001e 0000 4000 40 11 b6c6 c0000207 c0000201")
    assert written[74:82] == bytes.fromhex("13c6 13c4 000a f2e4")
    assert written[82:] == b"ab"


@pytest.mark.parametrize(("source", "target"), [(CAMERA, OURS), (CAMERA_V6, OURS_V6)])
@pytest.mark.parametrize("is_tcp", [False, True])
def test_what_was_written_is_read_again(
    source: tuple[str, int], target: tuple[str, int], is_tcp: bool
) -> None:
    packets = [
        pcap.Packet(1.5, source, target, is_tcp, b"OPTIONS"),
        pcap.Packet(1.75, target, source, is_tcp, b"SIP/2.0 200 OK"),
        pcap.Packet(2.0, source, target, is_tcp, b"x" * 50_001),
    ]

    read = list(pcap.read(pcap.write(packets)))

    assert [packet._replace(sequence=0) for packet in read] == packets
    if is_tcp:
        assert [packet.sequence for packet in read] == [1, 1, 8]


def test_a_long_message_over_tcp_goes_in_segments() -> None:
    long = pcap.Packet(1.0, CAMERA, OURS, True, bytes(range(256)) * 500)

    read = list(pcap.read(pcap.write([long])))

    assert [len(packet.payload) for packet in read] == [60_000, 60_000, 8_000]
    assert b"".join(packet.payload for packet in read) == long.payload


def test_what_was_cut_off_leaves_a_gap_in_the_stream() -> None:
    cut = pcap.Packet(1.0, CAMERA, OURS, True, b"abc", missing=7)

    read = list(pcap.read(pcap.write([cut, cut])))

    assert [packet.sequence for packet in read] == [1, 11]


@pytest.mark.parametrize("data", [b"", b"\x0a\x0d\x0d\x0a" + bytes(60), b"no capture" * 9])
def test_other_files_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(pcap.NoCaptureError):
        list(pcap.read(data))


@given(st.data())
def test_a_damaged_capture_is_read_as_far_as_it_goes(data: st.DataObject) -> None:
    written = bytearray(pcap.write([datagram(b"first"), datagram(b"second", OURS)]))
    for _ in range(data.draw(st.integers(0, 5))):
        written[data.draw(st.integers(24, len(written) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(24, len(written)))

    list(pcap.read(bytes(written[:cut])))
