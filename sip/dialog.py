"""A dialog (RFC 3261, 12): what both ends of a call know in common."""

from collections.abc import Iterable
from typing import Final, Self

from sip.errors import ProtocolError
from sip.headers import Headers, NameAddr
from sip.message import Flow, Request, Response


class Ordered:
    """What comes in within a dialog has numbers that rise (12.2.2)."""

    __slots__ = ("_remote_seq",)

    def __init__(self) -> None:
        self._remote_seq: int | None = None

    def is_in_order(self, request: Request) -> bool:
        """False for a CSeq lower than one already seen; remembers the highest."""
        number = request.cseq.number
        if self._remote_seq is not None and number < self._remote_seq:
            return False
        self._remote_seq = number
        return True


class Dialog(Ordered):
    """Made by a 2xx to an INVITE, in either role; it writes the requests of the call.

    Requests go to the peer's Contact by name and to `flow`, where its last message came from, by
    road: devices behind NAT do not know their own address.
    """

    __slots__ = (
        "_local",
        "_local_seq",
        "_remote",
        "_routes",
        "ack",
        "call_id",
        "contact_header",
        "flow",
        "invite_seq",
        "local_tag",
        "remote_tag",
        "target",
    )

    def __init__(
        self, *, call_id: str, local: str, remote: str, target: str, routes: list[str], flow: Flow
    ) -> None:
        super().__init__()
        self.call_id = call_id
        self.local_tag = NameAddr.parse(local).tag
        self.remote_tag = NameAddr.parse(remote).tag
        self.target = target
        self.flow = flow
        self.ack: bytes | None = None  # the ACK we sent, to be repeated with a repeated 2xx
        self.invite_seq = 0
        self.contact_header: tuple[tuple[str, str], ...] = ()  # ours, where it has to be repeated
        self._local = local
        self._remote = remote
        self._routes = routes
        self._local_seq = 0

    @classmethod
    def of_caller(cls, invite: Request, response: Response, flow: Flow) -> Self:
        """We invited and this 2xx came (12.1.2). Without a Contact the INVITE's URI stands in."""
        dialog = cls(
            call_id=invite.call_id,
            local=invite.headers.get("From") or "",
            remote=response.headers.get("To") or "",
            target=_target(response) or invite.uri,
            routes=response.headers.get_all("Record-Route")[::-1],
            flow=flow,
        )
        dialog._local_seq = dialog.invite_seq = invite.cseq.number
        dialog.contact_header = _contact_of(invite)
        return dialog

    @classmethod
    def of_callee(cls, invite: Request, response: Response, flow: Flow) -> Self:
        """We were invited and send this 2xx (12.1.1). Without a Contact the From stands in."""
        dialog = cls(
            call_id=invite.call_id,
            local=response.headers.get("To") or "",
            remote=invite.headers.get("From") or "",
            target=_target(invite) or str(invite.from_.uri),
            routes=invite.headers.get_all("Record-Route"),
            flow=flow,
        )
        dialog._remote_seq = dialog.invite_seq = invite.cseq.number
        dialog.contact_header = _contact_of(response)
        return dialog

    @classmethod
    def unfolded(cls, folded: str, call_id: str, contact: str, flow: Flow) -> Self:
        """What was `folded`; with what whoever folded it has anyway. `contact` may be empty."""
        _, _, number, local, remote, target, *routes = folded.split(_FOLD)
        dialog = cls(
            call_id=call_id, local=local, remote=remote, target=target, routes=routes, flow=flow
        )
        dialog._local_seq = int(number)
        if contact:
            dialog.contact_header = (("Contact", contact),)
        return dialog

    def folded(self) -> str:
        """What its next request needs, in one text, and `is_of_folded`: five texts and the objects
        around them take three times the memory, and a city's subscriptions rest for an hour.

        A call's own (its ACK, the INVITE's number, the highest CSeq of the peer) is not in it.
        """
        tags = self.local_tag, self.remote_tag, str(self._local_seq)
        return _FOLD.join((*tags, self._local, self._remote, self.target, *self._routes))

    def owns(self, message: Request) -> bool:
        """Whether tags say that the request belongs here (12.2.2).

        A peer that never gave a tag may send any.
        """
        return _are_tags(message, self.local_tag, self.remote_tag)

    def refresh_target(self, response: Response) -> None:
        """A 2xx to a re-INVITE may name another Contact (12.2.1.2)."""
        self.target = _target(response) or self.target

    def request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The next request of this call, without its Via; ACK takes the INVITE's CSeq."""
        if method == "ACK":
            number = self.invite_seq
        else:
            self._local_seq += 1
            number = self._local_seq
            if method == "INVITE":
                self.invite_seq = number
                self.ack = None
        made = Headers(
            [
                ("From", self._local),
                ("To", self._remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
                *(("Route", route) for route in self._routes),
                ("Max-Forwards", "70"),
                *headers,
            ]
        )
        if content_type is not None:
            made.add("Content-Type", content_type)
        return Request(method, self.target, made, body)


_FOLD: Final = "\n"
"""Stands in no header value, and so in nothing that is taken from one."""


def is_of_folded(folded: str, message: Request) -> bool:
    """As `Dialog.owns`, of one that was folded."""
    local_tag, remote_tag, _ = folded.split(_FOLD, 2)
    return _are_tags(message, local_tag, remote_tag)


def _are_tags(message: Request, local_tag: str, remote_tag: str) -> bool:
    if message.to.tag != local_tag:
        return False
    return not remote_tag or message.from_.tag == remote_tag


def _contact_of(message: Request | Response) -> tuple[tuple[str, str], ...]:
    contact = message.headers.get("Contact")
    return () if contact is None else (("Contact", contact),)


def _target(message: Request | Response) -> str | None:
    try:
        contact = message.contact
    except ProtocolError:
        return None
    return None if contact is None else str(contact.uri)
