"""Where streams get their footage: what all simulated cameras of a process share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from media.unit import Codec
from vms.clock import Clock
from vms.simulator.clip import Clip, ClipPlayer
from vms.simulator.footage import Footage, TestCard
from vms.simulator.packing import Manners, packer_of
from vms.simulator.sound import tone
from vms.simulator.stream import MediaStream, Pace
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
        is_mute: Callable[[], bool] = lambda: False,
        manners: Manners | None = None,
        codec: Codec | None = None,
        is_sub: bool = False,
    ) -> MediaStream:
        """A stream of one channel, beginning with a key picture; `codec` where it is its own.

        `is_sub`: the sub-stream, which is H.264 and small whatever the main one is.
        """
        footage: Footage
        prepare: Callable[[], None] | None = None
        if is_sub:
            footage = card = TestCard(channel_id, Codec.H264, is_sub=True)
            prepare = _captioned(card, caption)
        elif self._clip and codec in (None, self._clip.codec):
            footage = ClipPlayer(self._clip)
        else:
            footage = card = TestCard(channel_id, codec or self._codec)
            prepare = _captioned(card, caption)
        packer = packer_of(footage.codec, self._tone, manners or Manners(), ssrc)
        return MediaStream(
            self._pace, footage, packer, is_lost=is_lost, is_mute=is_mute, prepare=prepare
        )

    def codec(self, own: Codec | None, *, is_sub: bool) -> Codec:
        """What a stream will be coded in."""
        if is_sub:
            return Codec.H264
        if self._clip and own in (None, self._clip.codec):
            return self._clip.codec
        return own or self._codec

    async def close(self) -> None:
        """End the threads; a picture being coded is finished."""
        await asyncio.to_thread(self._executor.shutdown)


def _captioned(card: TestCard, caption: Callable[[], str]) -> Callable[[], None]:
    def prepare() -> None:
        card.caption = caption()

    return prepare
