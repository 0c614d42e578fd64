"""Which of our functions run, and from within which others, while a block runs."""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType


@dataclass
class Trace:
    """`calls`: (caller, callee) with the caller anywhere on the stack. `seen`: the moments of a
    function's calls, as counts of all calls so far."""

    calls: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    seen: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def follows(self, earlier: str, later: str) -> bool:
        """Whether `later` was called after the first call of `earlier`."""
        return bool(self.seen.get(earlier)) and any(
            moment > self.seen[earlier][0] for moment in self.seen.get(later, ())
        )


@contextmanager
def tracing(names: Iterable[str]) -> Generator[Trace]:
    """Watch the functions of these dotted names (module.Class.function) in this thread.

    An arrow through an inlined coroutine counts: the frame of whoever awaits is on the stack of
    what it awaits.
    """
    wanted = frozenset(names)
    trace = Trace()
    known: dict[CodeType, str | None] = {}
    moment = 0

    def name_of(frame: FrameType) -> str | None:
        code = frame.f_code
        if code not in known:
            name = f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}"
            known[code] = name if name in wanted else None
        return known[code]

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal moment
        if event != "call":
            return
        callee = name_of(frame)
        if callee is None:
            return
        moment += 1
        trace.seen.setdefault(callee, []).append(moment)
        caller = frame.f_back
        while caller is not None:
            name = name_of(caller)
            if name is not None:
                trace.calls.add((name, callee))
            caller = caller.f_back

    sys.setprofile(profile)
    try:
        yield trace
    finally:
        sys.setprofile(None)
