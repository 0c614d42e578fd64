"""What can go wrong below the application: nonsense, silence, a broken road."""


class ProtocolError(Exception):
    """The peer sent nonsense; nothing else leaves a parser of this package.

    `reason` is one of a bounded set of sentences, fit to count by. `status` is the SIP status to
    answer with where the message can be answered at all, else None.
    """

    def __init__(self, reason: str, status: int | None = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class TransactionTimeoutError(Exception):
    """No final answer came within 64 * T1 (timers B and F of RFC 3261) or the caller's limit."""


class TransportError(Exception):
    """A request could not be sent, or its connection broke before the answer (RFC 3261, 17.1.4)."""
