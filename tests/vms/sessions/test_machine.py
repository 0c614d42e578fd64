from vms.sessions.machine import TRANSITIONS, ImpossibleInputError, Input, State, follow


def test_every_pair_the_table_does_not_list_is_refused() -> None:
    for state in State:
        for happened in Input:
            if (state, happened) in TRANSITIONS:
                assert follow(state, happened) is TRANSITIONS[state, happened]
            else:
                try:
                    follow(state, happened)
                except ImpossibleInputError:
                    continue
                raise AssertionError(f"{happened} was let through in {state}")


def test_every_state_reaches_closed() -> None:
    reaches = {State.CLOSED}
    for _ in State:
        reaches |= {state for (state, _), target in TRANSITIONS.items() if target in reaches}

    assert reaches == set(State)


def test_nothing_leaves_closed() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is State.CLOSED]
