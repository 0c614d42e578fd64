"""The life of a session as a table: states, what may happen in each, and where it leads."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a session stands; the values are those of the API."""

    INVITING = "inviting"
    AWAITING_MEDIA = "awaiting_media"
    STREAMING = "streaming"
    RECOVERING = "recovering"
    """The picture is lost and asked for again; viewers stay."""
    CLOSING = "closing"
    CLOSED = "closed"


class Input(StrEnum):
    """What can happen to a session."""

    RETRIED = "retried"
    ANSWERED = "answered"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    FIRST_PICTURE = "first_picture"
    NO_MEDIA = "no_media"
    INTERRUPTED = "interrupted"
    MEDIA_LOST = "media_lost"
    LAST_VIEWER_LEFT = "last_viewer_left"
    STOPPED = "stopped"
    DEVICE_LOST = "device_lost"
    BYE_RECEIVED = "bye_received"
    ENDED = "ended"


class ImpossibleInputError(Exception):
    """An input that the state does not list: our own mistake, or a peer's late word."""


TRANSITIONS: Mapping[tuple[State, Input], State] = {
    (State.INVITING, Input.RETRIED): State.INVITING,
    (State.INVITING, Input.ANSWERED): State.AWAITING_MEDIA,
    (State.INVITING, Input.REFUSED): State.CLOSING,
    (State.INVITING, Input.UNANSWERED): State.CLOSING,
    (State.INVITING, Input.STOPPED): State.CLOSING,
    (State.INVITING, Input.DEVICE_LOST): State.CLOSING,
    (State.AWAITING_MEDIA, Input.RETRIED): State.INVITING,
    (State.AWAITING_MEDIA, Input.FIRST_PICTURE): State.STREAMING,
    (State.AWAITING_MEDIA, Input.NO_MEDIA): State.CLOSING,
    (State.AWAITING_MEDIA, Input.MEDIA_LOST): State.CLOSING,
    (State.AWAITING_MEDIA, Input.STOPPED): State.CLOSING,
    (State.AWAITING_MEDIA, Input.DEVICE_LOST): State.CLOSING,
    (State.AWAITING_MEDIA, Input.BYE_RECEIVED): State.CLOSING,
    (State.STREAMING, Input.INTERRUPTED): State.RECOVERING,
    (State.RECOVERING, Input.FIRST_PICTURE): State.STREAMING,
    (State.RECOVERING, Input.MEDIA_LOST): State.CLOSING,
    (State.RECOVERING, Input.LAST_VIEWER_LEFT): State.CLOSING,
    (State.RECOVERING, Input.STOPPED): State.CLOSING,
    (State.RECOVERING, Input.DEVICE_LOST): State.CLOSING,
    (State.STREAMING, Input.MEDIA_LOST): State.CLOSING,
    (State.STREAMING, Input.LAST_VIEWER_LEFT): State.CLOSING,
    (State.STREAMING, Input.STOPPED): State.CLOSING,
    (State.STREAMING, Input.DEVICE_LOST): State.CLOSING,
    (State.STREAMING, Input.BYE_RECEIVED): State.CLOSING,
    (State.CLOSING, Input.ENDED): State.CLOSED,
}


def follow(state: State, happened: Input) -> State:
    """The next state; raises `ImpossibleInputError` for a pair the table does not list."""
    try:
        return TRANSITIONS[state, happened]
    except KeyError:
        raise ImpossibleInputError(f"{happened} in state {state}") from None


def is_possible(state: State, happened: Input) -> bool:
    """Whether the table lists the pair."""
    return (state, happened) in TRANSITIONS
