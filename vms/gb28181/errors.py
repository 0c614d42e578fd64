"""What the standard's codecs raise, and nothing else."""


class ProtocolError(Exception):
    """The peer sent nonsense: count it, answer 400 where an answer is possible, go on."""
