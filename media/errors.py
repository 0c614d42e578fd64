"""What `media` raises about bytes a peer sent: one error, counted and dropped by the edge."""


class ProtocolError(Exception):
    """The peer sent what RTP, RTCP or a program stream does not allow; `reason` is a short name.

    Every parser in `media` raises this and nothing else, whatever bytes it meets.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
