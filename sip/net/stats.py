"""What an endpoint counts; plain integers that anybody may read."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class EndpointStats:
    """Counts since the endpoint opened, and a few figures as of now."""

    received: int = 0
    """Messages, repeats included."""
    sent: int = 0
    pings: int = 0
    """Blank lines and NULs that devices send to keep a NAT binding open."""
    parse_errors: dict[str, int] = field(default_factory=dict[str, int])
    """By `ProtocolError.reason`."""
    retransmissions: int = 0
    """Sent again by our timers."""
    repeats_absorbed: int = 0
    """Requests that came again and did not reach the application."""
    overflows: int = 0
    """Times that no more transactions could be remembered."""
    strangers_ignored: int = 0
    """Messages of strangers dropped unread, because their allowance was used up."""
    strangers_ignored_bytes: int = 0
    strangers_answered: int = 0
    """Answers that strangers got, within their allowance."""
    strangers_answered_bytes: int = 0
    strangers_unanswered: int = 0
    """Answers to strangers not sent, for the same reason or because they were too long."""
    strangers_unanswered_bytes: int = 0
    bans: int = 0
    """Sources banned now."""
    bans_imposed: int = 0
    """Bans since the endpoint opened."""
    banned_dropped: int = 0
    """Messages of banned sources, dropped unread."""
    banned_dropped_bytes: int = 0
    connections_barred: int = 0
    """Connections of banned sources, closed at once."""
    connections: int = 0
    """TCP connections open now."""
    connections_closed: dict[str, int] = field(default_factory=dict[str, int])
    """Connections we closed, by cause."""
    send_errors: int = 0
    """Datagrams the kernel would not take."""
    transactions: int = 0
    """Remembered now."""
    dialogs: int = 0
    """Calls established now."""
    subscriptions: int = 0
    """Subscriptions now, ours and those that we serve."""
    socket_drops: int = 0
    """Datagrams the kernel dropped because our receive buffer was full."""
    wanted_receive_buffer_bytes: int = 0
    granted_receive_buffer_bytes: int = 0

    def count_error(self, reason: str) -> None:
        """One more message that made no sense."""
        self.parse_errors[reason] = self.parse_errors.get(reason, 0) + 1

    def count_closed(self, cause: str) -> None:
        """One more connection that we closed."""
        self.connections_closed[cause] = self.connections_closed.get(cause, 0) + 1
