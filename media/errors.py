"""What `media` raises about bytes a peer sent, counted and dropped by the edge; and about ports."""


class ProtocolError(Exception):
    """The peer sent what RTP, RTCP or a program stream does not allow; `reason` is a short name.

    Every parser in `media` raises this and nothing else, whatever bytes it meets.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PortTakenError(OSError):
    """A viewers' port cannot be bound; `what` is `webrtc`, `http` or `rtsp`."""

    def __init__(self, what: str, port: int, error: OSError) -> None:
        self.reason = error.strerror or str(error)
        super().__init__(error.errno, f"{what} {port}: {self.reason}")
        self.what = what
        self.port = port
