"""The media plane as a child of a benchmark: a `Relay` on uvloop, as it runs inside the server."""

import secrets
import time
from collections.abc import Mapping

from benchmarks.support import Answer, obey, run_child
from media.door import MediaEvent, StreamId, Transport, ViewerId
from media.plan import Place, RelayPlan
from media.relay import Relay

HOST = "127.0.0.1"
RTP_PORTS = (20_000, 29_999)


def _ignore(_: MediaEvent) -> None:
    """Nobody plays a trace here."""


async def serve() -> None:
    """Run until told to end."""
    relay = Relay(
        RelayPlan(RTP_PORTS, Place(HOST, 0), (HOST,), media_host=HOST),
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=_ignore,
    )
    await relay.start()

    async def open_stream(asked: Answer) -> Mapping[str, object]:
        ssrc = asked.number("ssrc")
        stream = await relay.open(Transport(asked.text("transport")), ssrc, HOST)
        remote_port = asked.number("remote_port")
        await relay.expect(stream.stream_id, ssrc, HOST, remote_port or None)
        return {"stream_id": stream.stream_id, "port": stream.port}

    async def figures(asked: Answer) -> Mapping[str, object]:
        found = await relay.figures(StreamId(asked.text("stream_id")))
        return {
            "packets": found.packets,
            "lost": found.lost,
            "damaged": found.damaged_units,
            "foreign": found.foreign,
            "tolerated": [f"{name} {times}" for name, times in found.tolerated],
            "key_pictures": found.key_pictures,
            "viewers": [viewer.viewer_id for viewer in found.viewers],
            "sent": [viewer.packets_sent for viewer in found.viewers],
            "dropped": [viewer.pictures_dropped for viewer in found.viewers],
        }

    async def close_stream(asked: Answer) -> Mapping[str, object]:
        await relay.close(StreamId(asked.text("stream_id")))
        return {}

    async def answer(asked: Answer) -> Mapping[str, object]:
        stream_id, viewer_id = StreamId(asked.text("stream_id")), ViewerId(asked.text("viewer_id"))
        return {"sdp": await relay.answer(stream_id, viewer_id, asked.text("offer"))}

    try:
        await obey(
            {},
            {
                "open": open_stream,
                "figures": figures,
                "close": close_stream,
                "answer": answer,
            },
        )
    finally:
        await relay.stop()


if __name__ == "__main__":
    run_child(serve())
