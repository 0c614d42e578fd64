"""The timers of RFC 3261 (table 4, with RFC 6026's L and M), in seconds."""

from typing import Final

T1: Final = 0.5
"""Estimate of the round trip."""

T2: Final = 4.0
"""Longest interval between repeats of anything but an INVITE."""

T4: Final = 5.0
"""How long a message may stay in the network."""

LIMIT_S: Final = 64 * T1
"""Timers B, D, F, H, J, L and M: nobody waits longer for an answer or a late repeat."""

TIMER_C_S: Final = 180.0
"""An INVITE that was answered with provisional responses only is given up after this."""

TRYING_AFTER_S: Final = 0.2
"""When the application has not answered an INVITE by then, 100 keeps the peer from repeating."""
