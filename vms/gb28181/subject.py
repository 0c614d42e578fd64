"""The Subject header of an INVITE (GB/T 28181-2022 annex L, 2016 annex K)."""

from dataclasses import dataclass
from typing import Self

from vms.gb28181.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Subject:
    """`<sender>:<serial>,<receiver>:<serial>`: who sends which stream to whom.

    A device that is invited again with the same sender and sender serial ends the older stream, so
    parallel streams need distinct serials. The sender serial begins with 0 for live, 1 for history.
    """

    sender_id: str
    sender_serial: str
    receiver_id: str
    receiver_serial: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a header value; serials and the receiver may be missing, blanks are dropped.

        Raises `ProtocolError` where not even a sender is named.
        """
        sender, _, receiver = text.partition(",")
        sender_id, _, sender_serial = sender.partition(":")
        receiver_id, _, receiver_serial = receiver.partition(":")
        if not sender_id.strip():
            raise ProtocolError(f"a Subject without a sender: {text[:80]!r}")
        return cls(
            sender_id.strip(), sender_serial.strip(), receiver_id.strip(), receiver_serial.strip()
        )

    def __str__(self) -> str:
        return f"{self.sender_id}:{self.sender_serial},{self.receiver_id}:{self.receiver_serial}"
