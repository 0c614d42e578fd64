"""Who stands before a worker's ports: what cannot be right is refused without asking the owner."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

from media.door import Admission, Admit, Form, MediaError, OnMediaEvent, ViewerLeft
from media.seal import Seal

ASK_AGAIN_S = 1.0
"""A token that was refused is not asked about again before that: it may be given back."""

REFUSED_KEPT = 4_096


class Doorman:
    """`media.door.Admit` before the owner's `admit`.

    A token that was not made with `seal` (None: any may be right) costs the owner nothing, and one
    that it refused costs it one call a second. So nobody has to be judged by where they come from,
    and whoever shares an address with a guesser, behind a proxy for instance, notices nothing.

    Whoever is let in and is no longer waited for is told of by `ViewerLeft`.
    """

    def __init__(
        self, admit: Admit, seal: Seal | None, *, now: Callable[[], float], on_event: OnMediaEvent
    ) -> None:
        self._admit = admit
        self._seal = seal
        self._now = now
        self._on_event = on_event
        self._refused_s: OrderedDict[str, float] = OrderedDict()
        self._asking: set[asyncio.Task[Admission]] = set()
        self.refusals = 0
        """Tokens that were refused since the start, by the owner or without it."""

    async def admit(self, token: str, form: Form) -> Admission:
        """Judge a token; raises as the owner does."""
        if not self._may_be_right(token):
            self.refusals += 1
            raise MediaError(MediaError.NOT_ADMITTED, "this token does not count")
        asking = asyncio.ensure_future(self._ask(token, form))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(self._nobody_waits)
            raise
        finally:
            # A refusal remembers this frame: together with what asked it would be garbage.
            del asking

    async def close(self) -> None:
        """Nobody is waited for any more. Idempotent."""
        for asking in tuple(self._asking):
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _may_be_right(self, token: str) -> bool:
        if self._seal is not None and not self._seal.is_ours(token):
            return False
        refused_s = self._refused_s.get(token)
        return refused_s is None or self._now() - refused_s >= ASK_AGAIN_S

    async def _ask(self, token: str, form: Form) -> Admission:
        try:
            return await self._admit(token, form)
        except MediaError as error:
            if error.code == MediaError.NOT_ADMITTED:
                self._note_refused(token)
            raise

    def _note_refused(self, token: str) -> None:
        self.refusals += 1
        self._refused_s[token] = self._now()
        self._refused_s.move_to_end(token)
        if len(self._refused_s) > REFUSED_KEPT:
            self._refused_s.popitem(last=False)

    def _nobody_waits(self, asked: asyncio.Task[Admission]) -> None:
        with contextlib.suppress(asyncio.CancelledError, MediaError):
            admission = asked.result()
            if admission.place is None:
                self._on_event(ViewerLeft(admission.stream_id, admission.viewer_id, "left"))
