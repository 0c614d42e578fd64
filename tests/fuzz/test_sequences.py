"""A few of the conversations that `make fuzz` tries by the thousand."""

import pytest

from tests.fuzz.sequences import search

SEQUENCES = 20


@pytest.mark.timeout(600)
def test_what_was_promised_holds_in_conversations_of_any_order() -> None:
    search(SEQUENCES)
