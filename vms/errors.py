"""What the world may refuse us. `api.errors` is the one place that makes an HTTP status of these.

    VmsError
      NotFoundError        there is no such thing
      ConflictError        it contradicts what is there
      InvalidError         what was asked makes no sense
      ForbiddenError       whoever asks may not
      DeviceOfflineError   the device is not reachable now
      NoAnswerError        the device did not answer in time
      RejectedError        the device answered no
      UnsupportedError     the device's edition of the standard has no such thing
      NoMediaError         the device said yes and sent nothing that plays
      ExhaustedError       a bounded resource is used up
      UnavailableError     a part of this server cannot serve now

A nonsense *message* is no `VmsError`: `sip`, `media` and `vms.gb28181` each have a `ProtocolError`.
"""


class VmsError(Exception):
    """The world did not cooperate; the caller decides. `code` is stable and part of the API."""

    code = "error"

    def __init__(self, message: str, **facts: str | int | float) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class NotFoundError(VmsError):
    """There is no such device, channel, session or user."""

    code = "not_found"


class ConflictError(VmsError):
    """What was asked contradicts what is there, for instance a second device with one ID."""

    code = "conflict"


class InvalidError(VmsError):
    """A value from a person or an integrator makes no sense."""

    code = "invalid"


class ForbiddenError(VmsError):
    """Whoever asks may not do this."""

    code = "forbidden"


class DeviceOfflineError(VmsError):
    """The device is not reachable now."""

    code = "device_offline"


class NoAnswerError(VmsError):
    """The device did not answer in time."""

    code = "no_answer"


class RejectedError(VmsError):
    """The device answered with a refusal; `status` is its SIP status, 200 where it took the
    message and answered ERROR."""

    code = "rejected"

    def __init__(self, message: str, status: int, **facts: str | int | float) -> None:
        super().__init__(message, sip_status=status, **facts)
        self.status = status


class UnsupportedError(VmsError):
    """The device's edition of GB/T 28181 does not have what was asked; it was not sent."""

    code = "unsupported"


class NoMediaError(VmsError):
    """The device accepted the call, and no picture that can be shown arrived."""

    code = "no_media"


class ExhaustedError(VmsError):
    """A bounded resource (ports, SSRCs, transcoders, viewers) is used up; `what` names it."""

    code = "exhausted"

    def __init__(self, message: str, what: str, **facts: str | int | float) -> None:
        super().__init__(message, what=what, **facts)
        self.what = what


class UnavailableError(VmsError):
    """A part of this server cannot serve now, for instance its database."""

    code = "unavailable"
