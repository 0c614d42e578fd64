"""What the core asks of whoever drives it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sip.dialog import Dialog
    from sip.message import Flow, Request, Response


class ServerKey(NamedTuple):
    """Names a server transaction (RFC 3261, 17.2.3).

    Call-ID, CSeq and source stand beside the branch, because some devices use one branch for all.
    """

    branch: str
    call_id: str
    cseq: int
    method: str
    remote: tuple[str, int]
    connection: int


class ClientKey(NamedTuple):
    """Names a client transaction (RFC 3261, 17.1.3)."""

    branch: str
    method: str


@dataclass(slots=True)
class Send:
    """Put these bytes on the road. A repeat is one nobody asked for but a timer."""

    data: bytes
    flow: "Flow"
    is_answer: bool = False
    is_repeat: bool = False


@dataclass(slots=True)
class Deliver:
    """A new request for the application, which answers it by its key, now or later."""

    key: ServerKey
    request: "Request"
    flow: "Flow"
    dialog: "Dialog | None" = None


@dataclass(slots=True)
class Cancelled:
    """The peer cancelled this INVITE; 487 has been answered already."""

    key: ServerKey


@dataclass(slots=True)
class Answered:
    """A response to a request of ours; `dialog` is there with a 2xx to an INVITE."""

    key: ClientKey
    response: "Response"
    dialog: "Dialog | None" = None


@dataclass(slots=True)
class TimedOut:
    """No answer came to a request of ours within `limit_s`."""

    key: ClientKey
    flow: "Flow"
    limit_s: float


@dataclass(slots=True)
class Broken:
    """The connection went before the answer to a request of ours came."""

    key: ClientKey


@dataclass(slots=True)
class Acknowledged:
    """The ACK of a 2xx of ours arrived."""

    dialog: "Dialog"
    request: "Request"


@dataclass(slots=True)
class Ended:
    """A dialog is over: `bye` (the peer's, answered already) or `no ack`."""

    dialog: "Dialog"
    reason: str


Effect = Send | Deliver | Cancelled | Answered | TimedOut | Broken | Acknowledged | Ended
