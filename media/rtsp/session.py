"""One admitted viewer on its connection: SETUP, PLAY, PAUSE, TEARDOWN (RFC 2326, 10)."""

from collections.abc import Callable
from dataclasses import dataclass

from media.door import Admission
from media.rtsp.connection import SESSION_TIMEOUT_S, Connection
from media.rtsp.request import Headers, Request
from media.rtsp.stream import RtspStream
from media.rtsp.transport import Interleave, UdpPorts, parse_transport
from media.rtsp.urls import base_of, track_of
from media.rtsp.viewer import RtspViewer
from media.rtsp.ways import InterleavedWay, UdpPair, UdpQueue, UdpWay

UDP_WAYS = 8
"""Tracks set up by datagrams, each again included: there are two."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and headers of an answer without a body."""

    status: int
    headers: Headers = ()


class Session:
    """Made with DESCRIBE, when the viewer is admitted; the protocol's session begins with SETUP.

    Datagrams go to the host of the connection and to no other; `udp` None: not at all.
    """

    def __init__(
        self,
        connection: Connection,
        admission: Admission,
        token: str,
        stream: RtspStream,
        *,
        session_id: str,
        udp: UdpPair | None,
        now: Callable[[], float],
        wall_ahead_s: float,
    ) -> None:
        self.connection = connection
        self.admission = admission
        self.token = token
        self.stream = stream
        self.has_joined = False
        self.udp_ways: list[UdpWay] = []
        self._id = session_id
        self._udp = udp
        self._queue = None if udp is None else UdpQueue(udp)
        self._channels: dict[int, str] = {}
        host, port = connection.remote
        self.viewer = RtspViewer(
            admission.viewer_id,
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            now=now,
            wall_ahead_s=wall_ahead_s,
            waiting_bytes=self._waiting_bytes,
        )

    @property
    def is_udp(self) -> bool:
        """Its packets are datagrams."""
        return bool(self.udp_ways)

    def knows(self, request: Request) -> bool:
        """The request names this session, or none."""
        named = request.headers.get("session", "").partition(";")[0].strip()
        return named in {"", self._id}

    def set_up(self, request: Request) -> Reply:
        """SETUP of one track."""
        track = self.stream.track(track_of(request.url))
        if track is None:
            return Reply(404)
        if self.viewer.is_playing:
            return Reply(455)
        asked = parse_transport(request.headers.get("transport", ""), self._free_channel())
        match asked:
            case Interleave(rtp, rtcp) if not self.is_udp and self._are_free(rtp, rtcp, track.name):
                self._channels |= {rtp: track.name, rtcp: track.name}
                self.viewer.set_up(track, InterleavedWay(rtp, rtcp, self.connection.write))
                told = f"RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={track.ssrc:08X}"
            case UdpPorts(rtp, rtcp) if self._takes_datagrams() and self._udp and self._queue:
                host = self.connection.remote[0]
                way = UdpWay(self._udp, self._queue, (host, rtp), (host, rtcp))
                self.udp_ways.append(way)
                self.viewer.set_up(track, way)
                ours = "-".join(map(str, self._udp.ports))
                told = (
                    f"RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={ours}"
                    f";ssrc={track.ssrc:08X}"
                )
            case _:
                return Reply(461)
        self.connection.has_session = True
        return Reply(200, [("Transport", told), *self.headers()])

    def play(self, request: Request) -> None:
        """PLAY: the answer goes before the first packet."""
        if not self.viewer.tracks:
            self.connection.answer(455)
            return
        if self.viewer.is_playing:
            self.connection.answer(200, self.headers())
            return
        base = base_of(request.url)
        start = self.stream.prepare(self.viewer)
        told = ",".join(
            f"url={base}/{name};seq={sequence & 0xFFFF}"
            + ("" if timestamp is None else f";rtptime={timestamp & 0xFFFFFFFF}")
            for name, (sequence, timestamp) in start.sequences.items()
        )
        self.connection.answer(200, [("Range", "npt=now-"), ("RTP-Info", told), *self.headers()])
        self.connection.is_kept = not self.is_udp
        self.stream.play(self.viewer, start)

    def pause(self) -> Reply:
        """PAUSE: the next PLAY begins with a key picture."""
        self.viewer.is_playing = False
        self.connection.is_kept = False
        return Reply(200, self.headers())

    def headers(self) -> Headers:
        """What every answer of the session carries."""
        return [("Session", f"{self._id};timeout={SESSION_TIMEOUT_S}")]

    def close(self) -> None:
        """Nothing more is sent. Idempotent."""
        self.viewer.close()
        self.stream.remove(self.viewer)
        if self._queue is not None:
            self._queue.close()

    def _waiting_bytes(self) -> int:
        if self.is_udp and self._queue is not None:
            return self._queue.waiting_bytes
        return self.connection.waiting_bytes()

    def _takes_datagrams(self) -> bool:
        return not self._channels and len(self.udp_ways) < UDP_WAYS

    def _free_channel(self) -> int:
        return next(n for n in range(0, 256, 2) if n not in self._channels)

    def _are_free(self, rtp: int, rtcp: int, track: str) -> bool:
        return all(self._channels.get(channel, track) == track for channel in (rtp, rtcp))
