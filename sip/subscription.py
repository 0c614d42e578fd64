"""Subscriptions as usages of dialogs (RFC 6665; RFC 3265 for older peers), without sockets.

A `Usage` is one end's view of a subscription; `Usages` finds the one a NOTIFY or a SUBSCRIBE
belongs to, and tells which have run out.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from sip.dialog import Dialog
from sip.headers import NameAddr
from sip.message import Flow, Message, Request, Response
from sip.timers import LIMIT_S

LONGEST_S: Final = 7 * 86_400
"""No subscription outlives this without a refresh, whatever was granted."""

UNSTATED_S: Final = 3_600
"""How long one lives for which neither side has named a time."""

GRACE_S: Final = LIMIT_S
"""A subscription is forgotten this long after its end: a refresh or a last NOTIFY may be late."""

ENDS_IT: Final = frozenset(
    {404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604},
)
"""Answers to a refresh or a NOTIFY after which the subscription is over (RFC 5057, 5.1)."""

_SLOT_S: Final = 8


class Event(NamedTuple):
    """An Event header: `Catalog;id=1894`. The package compares without case, the id with it."""

    package: str
    identity: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Whatever the text: parameters other than `id` do not distinguish subscriptions."""
        package, *params = text.split(";")
        for param in params:
            name, _, value = param.partition("=")
            if name.strip().lower() == "id":
                return cls(package.strip().lower(), value.strip())
        return cls(package.strip().lower(), "")


def expires_of(message: Message) -> int | None:
    """The Expires header in seconds; None when absent or no number."""
    text = (message.headers.get("Expires") or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return None
    return min(int(text), LONGEST_S)


def termination_of(notify: Request) -> str | None:
    """Why a NOTIFY says that the subscription is over; None when it goes on.

    The reason of its Subscription-State, or `terminated` where it names none.
    """
    state, *params = (notify.headers.get("Subscription-State") or "").split(";")
    if state.strip().lower() != "terminated":
        return None
    for param in params:
        name, _, value = param.partition("=")
        if name.strip().lower() == "reason" and value.strip():
            return value.strip()[:64]
    return "terminated"


class Usage:
    """A subscription of ours, or one that we serve. `dialog` is there as soon as a 2xx is."""

    __slots__ = ("_first_flow", "call_id", "dialog", "event", "event_text", "local_tag", "slot")

    def __init__(self, call_id: str, event_text: str, local_tag: str, flow: Flow) -> None:
        self.call_id = call_id
        self.event_text = event_text
        self.event = Event.parse(event_text)
        self.local_tag = local_tag
        self.dialog: Dialog | None = None
        self.slot: int | None = None  # the table's note about its own clock
        self._first_flow = flow

    @classmethod
    def of_subscriber(cls, subscribe: Request, flow: Flow) -> Self:
        """We are about to send this SUBSCRIBE."""
        event = subscribe.headers.get("Event") or ""
        return cls(subscribe.call_id, event, subscribe.from_.tag, flow)

    @classmethod
    def of_notifier(cls, subscribe: Request, response: Response, flow: Flow) -> Self:
        """We answer this SUBSCRIBE with this 2xx, which has its To tag already."""
        tag = NameAddr.parse(response.headers.get("To") or "").tag
        usage = cls(subscribe.call_id, subscribe.headers.get("Event") or "", tag, flow)
        usage.dialog = Dialog.of_callee(subscribe, response, flow)
        return usage

    @property
    def flow(self) -> Flow:
        """The road to the other end."""
        return self._first_flow if self.dialog is None else self.dialog.flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self._first_flow = flow
        if self.dialog is not None:
            self.dialog.flow = flow

    def owns(self, request: Request) -> bool:
        """Whether its tags are those of this dialog, as far as they are known."""
        if self.dialog is None:
            return request.to.tag == self.local_tag
        return self.dialog.owns(request)

    def likeness(self, notify: Request) -> int:
        """How well a NOTIFY with this Call-ID fits: Event first, then tags; 0 is not at all.

        Some devices leave the To tag out or write tags of their own, and some forget the Event.
        """
        event = Event.parse(notify.headers.get("Event") or "")
        same_event = event == self.event
        similar = not event.identity and event.package in {"", self.event.package}
        return 1 + self.owns(notify) + 4 * same_event + 2 * similar


class Usages:
    """The table. Times are monotonic seconds; what runs out is found within eight."""

    def __init__(self) -> None:
        self._by_call: dict[str, list[Usage]] = {}
        self._slots: dict[int, set[Usage]] = {}
        self._swept: int | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Usage]:
        return (usage for usages in list(self._by_call.values()) for usage in list(usages))

    def add(self, usage: Usage, lives_s: float, now: float) -> None:
        """Remember it for so long."""
        self._by_call.setdefault(usage.call_id, []).append(usage)
        self._count += 1
        self.keep(usage, lives_s, now)

    def keep(self, usage: Usage, lives_s: float, now: float) -> None:
        """Its end is in `lives_s`, and some grace, from now on; nothing for one that is gone."""
        if usage not in self._by_call.get(usage.call_id, ()):
            return
        self._leave_slot(usage)
        usage.slot = int(now + min(lives_s, LONGEST_S) + GRACE_S) // _SLOT_S + 1
        self._slots.setdefault(usage.slot, set()).add(usage)
        if self._swept is None:
            self._swept = int(now) // _SLOT_S

    def remove(self, usage: Usage) -> bool:
        """Forget it; False when it is forgotten already."""
        usages = self._by_call.get(usage.call_id)
        if usages is None or usage not in usages:
            return False
        usages.remove(usage)
        if not usages:
            del self._by_call[usage.call_id]
        self._count -= 1
        self._leave_slot(usage)
        return True

    def of_notify(self, notify: Request, flow: Flow) -> Usage | None:
        """The subscription that a NOTIFY from there belongs to; the most alike one."""
        usages = [
            usage
            for usage in self._by_call.get(notify.call_id, ())
            if usage.flow.remote.host == flow.remote.host
        ]
        return max(usages, key=lambda usage: usage.likeness(notify), default=None)

    def of_subscribe(self, subscribe: Request) -> Usage | None:
        """The served subscription that a SUBSCRIBE refreshes: tags have to match."""
        for usage in self._by_call.get(subscribe.call_id, ()):
            if usage.owns(subscribe):
                return usage
        return None

    @property
    def deadline(self) -> float | None:
        """When `run_out` is worth asking; None while there is nothing."""
        if not self._count or self._swept is None:
            return None
        return float((self._swept + 1) * _SLOT_S)

    def run_out(self, now: float) -> list[Usage]:
        """Those whose time has passed; they are forgotten."""
        last = int(now) // _SLOT_S
        ended: list[Usage] = []
        if self._swept is not None:
            for slot in range(self._swept + 1, last + 1):
                ended += self._slots.get(slot, ())
        for usage in ended:
            self.remove(usage)
        self._swept = last if self._count else None
        return ended

    def _leave_slot(self, usage: Usage) -> None:
        if usage.slot is None:
            return
        others = self._slots[usage.slot]
        others.discard(usage)
        if not others:
            del self._slots[usage.slot]
        usage.slot = None
