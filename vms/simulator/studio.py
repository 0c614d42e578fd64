"""Where streams get their footage: what all simulated cameras of a process share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from media.unit import Codec
from vms.clock import Clock
from vms.simulator.clip import Clip, ClipPlayer
from vms.simulator.footage import Footage, TestCard
from vms.simulator.sound import tone
from vms.simulator.stream import Manners, MediaStream, Pace
from vms.simulator.summary import Summary

ENCODING_THREADS = 4


class Studio:
    """One codec, one tone, one clip or the test card, and the threads that code it."""

    def __init__(
        self, codec: Codec, audio: Codec | None, clip: Clip | None, clock: Clock, summary: Summary
    ) -> None:
        self._codec = codec
        self._clip = clip
        self._tone = tone(audio) if audio is not None else None
        self._executor = ThreadPoolExecutor(ENCODING_THREADS, thread_name_prefix="footage")
        self._pace = Pace(self._executor, clock, summary)

    def stream(
        self,
        channel_id: str,
        *,
        ssrc: int,
        is_lost: Callable[[], bool],
        caption: Callable[[], str],
        manners: Manners | None = None,
        codec: Codec | None = None,
    ) -> MediaStream:
        """A stream of one channel, beginning with a key picture; `codec` where it is its own."""
        footage: Footage
        prepare: Callable[[], None] | None = None
        if self._clip and codec in (None, self._clip.codec):
            footage = ClipPlayer(self._clip)
        else:
            footage = card = TestCard(channel_id, codec or self._codec)
            prepare = _captioned(card, caption)
        return MediaStream(
            self._pace,
            footage,
            self._tone,
            ssrc=ssrc,
            is_lost=is_lost,
            manners=manners or Manners(),
            prepare=prepare,
        )

    async def close(self) -> None:
        """End the threads; a picture being coded is finished."""
        await asyncio.to_thread(self._executor.shutdown)


def _captioned(card: TestCard, caption: Callable[[], str]) -> Callable[[], None]:
    def prepare() -> None:
        card.caption = caption()

    return prepare
