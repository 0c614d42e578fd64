"""A dialog (RFC 3261, 12): what both ends of a call know in common."""

from collections.abc import Iterable
from typing import Self

from sip.errors import ProtocolError
from sip.headers import Headers, NameAddr
from sip.message import Flow, Request, Response


class Dialog:
    """Made by a 2xx to an INVITE, in either role; it writes the requests of the call.

    Requests go to the peer's Contact by name and to `flow`, where its last message came from, by
    road: devices behind NAT do not know their own address.
    """

    __slots__ = (
        "_local",
        "_local_seq",
        "_remote",
        "_remote_seq",
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
        self._remote_seq: int | None = None

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

    def owns(self, message: Request) -> bool:
        """Whether tags say that the request belongs here (12.2.2).

        A peer that never gave a tag may send any.
        """
        if message.to.tag != self.local_tag:
            return False
        return not self.remote_tag or message.from_.tag == self.remote_tag

    def is_in_order(self, request: Request) -> bool:
        """False for a CSeq lower than one already seen; remembers the highest."""
        number = request.cseq.number
        if self._remote_seq is not None and number < self._remote_seq:
            return False
        self._remote_seq = number
        return True

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


def _contact_of(message: Request | Response) -> tuple[tuple[str, str], ...]:
    contact = message.headers.get("Contact")
    return () if contact is None else (("Contact", contact),)


def _target(message: Request | Response) -> str | None:
    try:
        contact = message.contact
    except ProtocolError:
        return None
    return None if contact is None else str(contact.uri)
