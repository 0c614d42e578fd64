"""Tokens are known by their seal."""

import pytest

from media.seal import Seal


def test_a_seal_knows_its_tokens_and_nothing_else() -> None:
    seal = Seal()
    token = seal.token()
    changed = [
        token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        for at in range(len(token))
    ]

    assert seal.is_ours(token)
    assert Seal(seal.key).is_ours(token)
    assert not Seal().is_ours(token)
    assert not any(map(seal.is_ours, changed))
    assert not any(map(seal.is_ours, ("", "é" * 44, "=" * 44, "A" * 44, token + "A", "*" + token)))


def test_a_token_is_spelt_in_one_way() -> None:
    seal = Seal()
    token = next(token for token in iter(seal.token, "") if "-" in token)

    assert not seal.is_ours(token.replace("-", "+"))


def test_each_token_is_another_and_long_enough_that_nobody_guesses_it() -> None:
    seal = Seal()

    assert {len(seal.token()) for _ in range(100)} == {44}
    assert len({seal.token() for _ in range(100)}) == 100


@pytest.mark.parametrize("key", ["", "00", "no digits"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of `bytes.fromhex` or ours
        Seal(key)
