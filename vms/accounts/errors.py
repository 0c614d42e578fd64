"""Why somebody is not let in."""

from vms.errors import VmsError


class WrongCredentialsError(VmsError):
    """The name, the password or the set-up code is wrong; which one is never told."""

    code = "wrong_credentials"


class TooManyAttemptsError(VmsError):
    """This account is locked for this source; try again after `retry_after_s`."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            f"too many attempts; try again in {retry_after_s:.0f} s", retry_after_s=retry_after_s
        )
        self.retry_after_s = retry_after_s
