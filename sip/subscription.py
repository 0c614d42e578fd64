"""Subscriptions as usages of dialogs (RFC 6665; RFC 3265 for older peers), without sockets.

A `Usage` is one end's view of a subscription; `Usages` finds the one a NOTIFY or a SUBSCRIBE
belongs to, and tells which have run out.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, Self, TypeVar

from sip.dialog import Dialog, Ordered, is_of_folded
from sip.message import Flow, Message, Request
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


class Usage(Ordered):
    """A subscription of ours, or one that we serve: `event` as it was written, and the road to the
    other end. Its dialog is there as soon as a 2xx is, folded until it is to say something."""

    __slots__ = ("_contact", "_folded", "_local_tag", "call_id", "event", "flow", "slot")

    def __init__(self, call_id: str, event: str, local_tag: str, flow: Flow) -> None:
        super().__init__()
        self.call_id = call_id
        self.event = event
        self.flow = flow
        self.slot: int | None = None  # the table's note about its own clock
        self._local_tag = local_tag
        self._contact = ""
        self._folded: str | None = None

    @property
    def is_established(self) -> bool:
        """The first SUBSCRIBE was accepted."""
        return self._folded is not None

    def establish(self, dialog: Dialog) -> None:
        """The first SUBSCRIBE was accepted, and made this dialog."""
        [(_, self._contact)] = dialog.contact_header or (("", ""),)
        self._folded = dialog.folded()
        self._local_tag = ""

    def request(
        self, method: str, headers: Iterable[tuple[str, str]], body: bytes, content_type: str | None
    ) -> Request:
        """The next request of the dialog, with our Contact; LookupError before there is one."""
        if self._folded is None:
            raise LookupError("the SUBSCRIBE has no answer yet")
        dialog = Dialog.unfolded(self._folded, self.call_id, self._contact, self.flow)
        made = dialog.request(
            method,
            headers=[*dialog.contact_header, *headers],
            body=body,
            content_type=content_type if body else None,
        )
        self._folded = dialog.folded()
        return made

    def owns(self, request: Request) -> bool:
        """Whether its tags are those of this dialog, as far as they are known."""
        if self._folded is None:
            return request.to.tag == self._local_tag
        return is_of_folded(self._folded, request)

    def likeness(self, notify: Request) -> int:
        """How well a NOTIFY with this Call-ID fits: Event first, then tags; 0 is not at all.

        Some devices leave the To tag out or write tags of their own, and some forget the Event.
        """
        event, own = Event.parse(notify.headers.get("Event") or ""), Event.parse(self.event)
        similar = not event.identity and event.package in {"", own.package}
        return 1 + self.owns(notify) + 4 * (event == own) + 2 * similar


UsageKind = TypeVar("UsageKind", bound=Usage)


class Usages(Generic[UsageKind]):
    """The table. Times are monotonic seconds; what runs out is found within eight."""

    def __init__(self) -> None:
        self._by_call: dict[str, UsageKind | list[UsageKind]] = {}  # nearly always one
        self._slots: dict[int, set[UsageKind]] = {}
        self._swept: int | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[UsageKind]:
        return (usage for call_id in list(self._by_call) for usage in self._of_call(call_id))

    def add(self, usage: UsageKind, lives_s: float, now: float) -> None:
        """Remember it for so long."""
        others = self._of_call(usage.call_id)
        self._by_call[usage.call_id] = [*others, usage] if others else usage
        self._count += 1
        self.keep(usage, lives_s, now)

    def keep(self, usage: UsageKind, lives_s: float, now: float) -> None:
        """Its end is in `lives_s`, and some grace, from now on; nothing for one that is gone."""
        if usage not in self._of_call(usage.call_id):
            return
        self._leave_slot(usage)
        usage.slot = int(now + min(lives_s, LONGEST_S) + GRACE_S) // _SLOT_S + 1
        self._slots.setdefault(usage.slot, set()).add(usage)
        if self._swept is None:
            self._swept = int(now) // _SLOT_S

    def remove(self, usage: UsageKind) -> bool:
        """Forget it; False when it is forgotten already."""
        usages = self._of_call(usage.call_id)
        if usage not in usages:
            return False
        others = [other for other in usages if other is not usage]
        if others:
            self._by_call[usage.call_id] = others
        else:
            del self._by_call[usage.call_id]
        self._count -= 1
        self._leave_slot(usage)
        return True

    def of_notify(self, notify: Request, flow: Flow) -> UsageKind | None:
        """The subscription that a NOTIFY from there belongs to; the most alike one."""
        usages = [
            usage
            for usage in self._of_call(notify.call_id)
            if usage.flow.remote.host == flow.remote.host
        ]
        return max(usages, key=lambda usage: usage.likeness(notify), default=None)

    def of_subscribe(self, subscribe: Request) -> UsageKind | None:
        """The served subscription that a SUBSCRIBE refreshes: tags have to match."""
        for usage in self._of_call(subscribe.call_id):
            if usage.owns(subscribe):
                return usage
        return None

    @property
    def deadline(self) -> float | None:
        """When `run_out` is worth asking; None while there is nothing."""
        if not self._count or self._swept is None:
            return None
        return float((self._swept + 1) * _SLOT_S)

    def run_out(self, now: float) -> list[UsageKind]:
        """Those whose time has passed; they are forgotten."""
        last = int(now) // _SLOT_S
        ended: list[UsageKind] = []
        if self._swept is not None:
            for slot in range(self._swept + 1, last + 1):
                ended += self._slots.get(slot, ())
        for usage in ended:
            self.remove(usage)
        self._swept = last if self._count else None
        return ended

    def _of_call(self, call_id: str) -> Sequence[UsageKind]:
        found = self._by_call.get(call_id)
        if found is None:
            return ()
        return found if isinstance(found, list) else (found,)

    def _leave_slot(self, usage: UsageKind) -> None:
        if usage.slot is None:
            return
        others = self._slots[usage.slot]
        others.discard(usage)
        if not others:
            del self._slots[usage.slot]
        usage.slot = None
