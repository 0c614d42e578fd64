"""RTP over a connection (RFC 4571; GB/T 28181-2022, annex D): two bytes of length, one packet.

Some devices send the `$`, channel, length of RTSP instead (RFC 2326, 10.12); some lose their place.
"""

import struct

from media.errors import ProtocolError

RESYNC_LIMIT = 256 * 1024
"""Bytes searched for the next packet before the connection is given up."""

_SHORTEST_RTP = 12
_SHORTEST_RTCP = 8
_LONGEST_RTCP = 2048
_KNOWN_SSRCS = 4
_DOLLAR = 0x24
_NO_PACKET = (0, 0)


def frame(packet: bytes) -> bytes:
    """`packet` as it travels on a connection."""
    return struct.pack(">H", len(packet)) + packet


class Deframer:
    """Bytes of one connection in, RTP and RTCP packets out, however the bytes are cut.

    It keeps its place by what RTP headers look like: version 2, and an SSRC seen before; a packet
    of another SSRC counts when a second header follows where its length says. Having lost its place
    it searches for the next such packet; `resyncs` counts these, `skipped` the bytes passed over.
    `ProtocolError` after `RESYNC_LIMIT` bytes without a packet: close the connection.
    """

    def __init__(self) -> None:
        self.resyncs = 0
        self.skipped = 0
        self._data = b""
        self._ssrcs: list[bytes] = []
        self._last_ssrc = b""
        self._lost_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now."""
        data = self._data + data if self._data else data
        packets: list[bytes] = []
        at = 0
        size = len(data)
        if self._lost_bytes:
            at = self._seek_known(data)
        while at + 2 <= size:
            start = at + 2
            end = start + (data[at] << 8 | data[at + 1])
            if (
                end - start >= _SHORTEST_RTP
                and end <= size
                and data[start + 8 : start + 12] == self._last_ssrc
                and data[start] & 0xC0 == 0x80
                and not self._lost_bytes
            ):
                packets.append(data[start:end])
                at = end
                continue
            if data[at] == 0 and data[at + 1] == 0 and not self._lost_bytes:
                at += 2
                continue
            found = self._frame_at(data, at)
            if found is None:
                break
            start, end = found
            if end:
                packets.append(data[start:end])
                self._lost_bytes = 0
                at = end
            else:
                at = self._lose(data, at)
                if self._ssrcs:
                    at += self._seek_known(data[at:])
        self._data = data[at:]
        return packets

    def _frame_at(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Start and end of the packet whose length stands at `at`; None: too early to say.

        After a `$` the four bytes of RTSP are tried too, and first if a known sender stands there.
        """
        sizes: tuple[int, ...] = (2,)
        if data[at] == _DOLLAR and not self._lost_bytes:
            if at + 4 + _SHORTEST_RTP > len(data):
                return None
            sizes = (4, 2) if data[at + 12 : at + 16] in self._ssrcs else (2, 4)
        for size in sizes:
            found = self._packet(data, at + size)
            if found != _NO_PACKET:
                return found
        return _NO_PACKET

    def _packet(self, data: bytes, start: int) -> tuple[int, int] | None:
        if start + _SHORTEST_RTP > len(data) and not self._is_whole_rtcp(data, start):
            return None
        end = start + (data[start - 2] << 8 | data[start - 1])
        is_rtcp = 192 <= data[start + 1] <= 223 and end - start <= _LONGEST_RTCP
        if end - start < (_SHORTEST_RTCP if is_rtcp else _SHORTEST_RTP):
            return _NO_PACKET
        if not self._is_version_2(data[start]):
            return _NO_PACKET
        if not (is_rtcp and self._ssrcs and not self._lost_bytes):
            is_packet = self._is_known(data, start) or self._is_followed(data, start, end)
            if not is_packet:
                return None if is_packet is None else _NO_PACKET
        return (start, end) if end <= len(data) else None

    def _is_whole_rtcp(self, data: bytes, start: int) -> bool:
        """The shortest RTCP packets are shorter than any RTP header; they need not wait."""
        return (
            start + _SHORTEST_RTCP <= len(data)
            and 192 <= data[start + 1] <= 223
            and start + (data[start - 2] << 8 | data[start - 1]) <= len(data)
        )

    def _is_version_2(self, first: int) -> bool:
        """While searching, only the bare header counts: a weaker sign would be found too often."""
        return first == 0x80 if self._lost_bytes else first & 0xC0 == 0x80

    def _is_known(self, data: bytes, start: int) -> bool:
        ssrc = data[start + 8 : start + 12]
        if ssrc in self._ssrcs:
            self._last_ssrc = ssrc
            return True
        if not self._ssrcs and not self._lost_bytes and data[start - 2] != _DOLLAR:
            self._learn(ssrc)
            return True
        return False

    def _is_followed(self, data: bytes, start: int, end: int) -> bool | None:
        """Does a packet of the same or a known SSRC follow? None while that cannot be seen."""
        ssrc = data[start + 8 : start + 12]
        likely = (ssrc, *self._ssrcs)
        for following in (end + 2, end + 4):
            if following + _SHORTEST_RTP > len(data):
                return None
            is_rtcp = 192 <= data[following + 1] <= 223
            next_ssrc = data[following + (4 if is_rtcp else 8) :][:4]
            if data[following] & 0xC0 == 0x80 and next_ssrc in likely:
                self._learn(ssrc)
                return True
        return False

    def _learn(self, ssrc: bytes) -> None:
        self._ssrcs = [*self._ssrcs[-(_KNOWN_SSRCS - 1) :], ssrc]
        self._last_ssrc = ssrc

    def _seek_known(self, data: bytes) -> int:
        """A known sender's header anywhere ends the search; else it goes on at the front."""
        found = min(
            (
                place - 10
                for ssrc in self._ssrcs
                if (place := data.find(ssrc, 10)) >= 0 and data[place - 8] == 0x80
            ),
            default=0,
        )
        if found:
            self.skipped += found
            self._lost_bytes = 0
        return found

    def _lose(self, data: bytes, at: int) -> int:
        """The next place worth a look. Every version 2 header with a bare first byte is one."""
        if not self._lost_bytes:
            self.resyncs += 1
        candidate = data.find(b"\x80", at + 3)
        following = max(at + 1, len(data) - 2) if candidate < 0 else candidate - 2
        self.skipped += following - at
        self._lost_bytes += following - at
        if self._lost_bytes > RESYNC_LIMIT:
            raise ProtocolError("no-rtp-on-connection")
        return following
