"""Viewers by low-latency HLS as a child of a benchmark: each does what a player does.

A connection that stays open, the playlist asked for with the part that comes next (RFC 8216bis,
6.2.5.2), then each part that is new in it.
"""

import asyncio
import re
import time
from collections.abc import Mapping

from benchmarks.output_process import HOST
from benchmarks.support import Answer, run_audience

STREAM_LIMIT_BYTES = 2**20
FOLDER = "/live/34020000001320000001/34020000001310000001/"
_PARTS = re.compile(r'#EXT-X-PART:.*URI="part([0-9]+)\.mp4"')
_SEQUENCE = re.compile(r"#EXT-X-MEDIA-SEQUENCE:([0-9]+)")
_LOCATION = re.compile(rb"(?i)\r\nlocation: ([^\r]+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)")


class Player:
    """One viewer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.bytes = 0
        self.gaps = 0
        self.has_picture = asyncio.Event()
        self._reader = reader
        self._writer = writer

    async def play(self) -> None:
        """Until cancelled, or the stream is over."""
        head, _ = await self._get(f"{FOLDER}index.m3u8?token=t")
        location = _LOCATION.search(head)
        if location is None:
            raise RuntimeError(head.decode())
        playlist = FOLDER + location[1].decode()
        folder = playlist.rpartition("/")[0]
        text = await self._file(playlist)
        await self._file(f"{folder}/init1.mp4")
        last = None
        while text:
            for number in map(int, _PARTS.findall(text)):
                if last is None or number > last:
                    self.gaps += last is not None and number != last + 1
                    await self._file(f"{folder}/part{number}.mp4")
                    self.has_picture.set()
                    last = number
            text = await self._file(f"{playlist}?{_next(text)}")

    def close(self) -> None:
        """Go."""
        self._writer.close()

    async def _file(self, path: str) -> str:
        """Empty where there is none."""
        head, body = await self._get(path)
        if not head.startswith(b"HTTP/1.1 200"):
            return ""
        self.bytes += len(body)
        return body.decode("ascii", "replace") if path.find(".m3u8") > 0 else "media"

    async def _get(self, path: str) -> tuple[bytes, bytes]:
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head, await self._reader.readexactly(int(length[1]) if length else 0)


def _next(text: str) -> str:
    """What is asked for with the next playlist: the part behind the last one in this."""
    found = _SEQUENCE.search(text)
    segment = (int(found[1]) if found else 0) + text.count("#EXTINF:")
    _, _, unfinished = text.rpartition("#EXTINF:")
    return f"_HLS_msn={segment}&_HLS_part={len(_PARTS.findall(unfinished))}"


class Audience:
    """All viewers of this process."""

    def __init__(self) -> None:
        self._players: list[Player] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, asked: Answer) -> Mapping[str, object]:
        """One more viewer; how long it waited for its first part."""
        began_s = time.perf_counter()
        port = asked.number("port")
        streams = await asyncio.open_connection(HOST, port, limit=STREAM_LIMIT_BYTES)
        player = Player(*streams)
        self._players.append(player)
        self._tasks.append(asyncio.create_task(player.play()))
        has_picture = asyncio.create_task(player.has_picture.wait())
        await asyncio.wait([has_picture, self._tasks[-1]], return_when=asyncio.FIRST_COMPLETED)
        if self._tasks[-1].done():
            await self._tasks[-1]
        return {"first_ms": (time.perf_counter() - began_s) * 1e3}

    async def figures(self, _: Answer) -> Mapping[str, object]:
        """What each got, and how often a part was missed."""
        return {
            "bytes": [player.bytes for player in self._players],
            "gaps": sum(player.gaps for player in self._players),
        }

    async def close(self) -> None:
        """All go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for player in self._players:
            player.close()


if __name__ == "__main__":
    run_audience(Audience)
