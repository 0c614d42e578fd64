"""At least one example of every MANSCDP message and block: its XML and what it says.

What the standard prints no example of is computed by hand.
"""

from tests.vms.gb28181.examples.common import Example
from tests.vms.gb28181.examples.configs import CONFIG_EXAMPLES
from tests.vms.gb28181.examples.controls import CONTROL_EXAMPLES
from tests.vms.gb28181.examples.notices import NOTICE_EXAMPLES
from tests.vms.gb28181.examples.queries import QUERY_EXAMPLES

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: tuple[Example, ...] = (
    *CONTROL_EXAMPLES,
    *CONFIG_EXAMPLES,
    *QUERY_EXAMPLES,
    *NOTICE_EXAMPLES,
)
