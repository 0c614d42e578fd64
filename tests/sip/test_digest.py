"""Digest: verified vectors, habits of devices, nonces that cannot be forged or replayed."""

from collections.abc import Callable

import pytest

from sip.digest import (
    DIGEST_ODDITIES,
    MAX_REMEMBERED_NONCES,
    Challenge,
    Credentials,
    Nonces,
    NonceVerdict,
    authorization,
    challenge_header,
    choose_challenge,
    parse_challenge,
    parse_credentials,
    response_digest,
    verify,
)
from sip.errors import ProtocolError

KEY = b"a key of the tests, 32 bytes lg."
USER = "34020000001180000001"
NOW_S = 1_700_000_000.0


def credentials(
    *,
    nonce: str = "44010b73623249f6916a6acf7c316b8e",
    response: str = "",
    algorithm: str = "MD5",
    qop: str | None = None,
    nc: str | None = None,
    cnonce: str | None = None,
) -> Credentials:
    return Credentials(
        USER,
        "3402000000",
        nonce,
        "sip:34020000002000000001@3402000000",
        response,
        algorithm,
        qop,
        nc,
        cnonce,
    )


def is_right(given: Credentials, method: str, password: str) -> bool:
    return verify(given, method, password, request_uri=given.uri).is_right


@pytest.mark.parametrize(
    ("algorithm", "qop", "expected"),
    [
        ("MD5", None, "7d39b1239781c30cb51c6b4445e87681"),
        ("MD5", "auth", "3ebfd2428d0e2962c47a19524d43f6ea"),
        ("SHA-256", None, "4c5ca7ae2854daf18701da158ce5819df7d34d7a301c91cc4e4cd0cc8ee54354"),
        ("SHA-256", "auth", "cce34528d61af512463c525d08a648f310f9c9d800dc055959625355ffcf4c3a"),
    ],
)
def test_the_response_of_known_credentials(algorithm: str, qop: str | None, expected: str) -> None:
    given = credentials(algorithm=algorithm, qop=qop, nc="00000001", cnonce="0a4f113b")

    assert response_digest(given, "REGISTER", "12345678") == expected
    assert is_right(given._replace(response=expected), "REGISTER", "12345678")


def test_the_vector_printed_in_the_standard() -> None:
    given = parse_credentials(
        'Digest username="64010000002020000001", realm="64010000", nonce="6fe9ba44a76be22a", '
        'uri="sip:64010000002000000001@172.18.16.5:5060", '
        'response="9625d92d1bddea7a911926e0db054968", algorithm=MD5'
    )

    assert is_right(given, "REGISTER", "12345678")
    assert not is_right(given, "REGISTER", "12345679")


def test_a_wrong_password_is_wrong_however_it_is_hashed() -> None:
    for algorithm in ("MD5", "SHA-256"):
        right = response_digest(credentials(algorithm=algorithm), "REGISTER", "right")

        assert not is_right(credentials(algorithm=algorithm, response=right), "REGISTER", "wrong")


def test_a_device_may_hash_the_method_as_it_wrote_it_or_in_upper_case() -> None:
    for hashed in ("Register", "REGISTER"):
        response = response_digest(credentials(), hashed, "secret")

        assert is_right(credentials(response=response), "Register", "secret")


def test_a_response_in_capital_digits_is_right_too() -> None:
    response = response_digest(credentials(), "REGISTER", "secret").upper()

    assert is_right(credentials(response=response), "REGISTER", "secret")


@pytest.mark.parametrize("algorithm", ["SM3", "MD5-SESS", "SHA-512-256", ""])
def test_an_algorithm_that_is_not_spoken_here_is_never_right(algorithm: str) -> None:
    assert not is_right(credentials(algorithm=algorithm), "REGISTER", "secret")


def test_a_response_with_bytes_that_are_no_text_is_wrong_and_no_crash() -> None:
    assert not is_right(credentials(response="\udcb1\udca0"), "REGISTER", "secret")


def test_values_may_be_quoted_or_not() -> None:
    bare = parse_credentials(
        "Digest username=u, realm=r, nonce=n, uri=sip:a@b, response=x, "
        "algorithm=md5, qop=auth, nc=0000000A, cnonce=c"
    )
    quoted = parse_credentials(
        'digest  USERNAME="u",realm="r",nonce="n",uri="sip:a@b",response="x",'
        'algorithm="MD5",qop="auth",nc="0000000A",cnonce="c"'
    )

    assert bare == quoted
    assert bare.nc == "0000000A"


def test_a_comma_inside_a_quoted_value_does_not_end_it() -> None:
    parsed = parse_credentials(
        'Digest username="a, \\"b\\"", realm="r", nonce="n", uri="sip:x", response="y"'
    )

    assert parsed.username == 'a, "b"'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        "Basic abc",
        'Capability algorithm="A:RSA"',
        'Digest username="u"',
        'Digest username="u", realm="r", nonce="n", uri="x", response="y", qop=auth',
        'Digest username="u",realm="r",nonce="n",uri="x",response="y",qop=auth,nc=z,cnonce=c',
        'Digest username="u", realm="r", nonce="n", uri="x", response="y", qop=auth, nc=1',
    ],
)
def test_incomplete_credentials_are_refused(header: str) -> None:
    with pytest.raises(ProtocolError):
        parse_credentials(header)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [None, "auth"])
def test_a_client_s_answer_to_a_challenge_is_right(algorithm: str, qop: str | None) -> None:
    challenge = parse_challenge(challenge_header("3402000000", "abc", algorithm=algorithm, qop=qop))

    header = authorization(challenge, "REGISTER", "sip:a@b", "user", "secret", cnonce="c", nc=10)
    parsed = parse_credentials(header)

    assert is_right(parsed, "REGISTER", "secret")
    assert parsed.nc == ("0000000a" if qop else None)


def test_the_challenge_old_devices_understand() -> None:
    assert (
        challenge_header("3402000000", "44010b73623249f6916a6acf7c316b8e")
        == 'Digest realm="3402000000", nonce="44010b73623249f6916a6acf7c316b8e", algorithm=MD5'
    )


def test_a_stale_challenge_says_so() -> None:
    assert parse_challenge(challenge_header("r", "n", stale=True)).stale


def test_of_several_challenges_the_first_understood_is_chosen() -> None:
    chosen = choose_challenge(
        [
            "Unidirection random1=abc",
            'Digest realm="r", nonce="n", algorithm=SM3',
            'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-int,auth"',
            'Digest realm="r", nonce="n"',
        ]
    )

    assert chosen == Challenge("r", "n", "SHA-256", ("auth-int", "auth"))


def used(nonce: str, nc: str | None = None) -> Credentials:
    return credentials(nonce=nonce, qop="auth" if nc else None, nc=nc, cnonce="c" if nc else None)


def test_a_nonce_without_qop_is_good_once() -> None:
    nonces = Nonces(KEY, "3402000000")
    nonce = nonces.issue(NOW_S, USER)

    assert nonces.judge(used(nonce), USER, NOW_S + 1) is NonceVerdict.FRESH
    assert nonces.judge(used(nonce), USER, NOW_S + 2) is NonceVerdict.REPLAYED
    assert nonces.judge(used(nonce, "00000001"), USER, NOW_S + 2) is NonceVerdict.REPLAYED


def test_with_qop_the_count_must_rise() -> None:
    nonces = Nonces(KEY, "3402000000")
    nonce = nonces.issue(NOW_S, USER)
    verdicts = [
        nonces.judge(used(nonce, nc), USER, NOW_S)
        for nc in ("00000001", "00000002", "00000002", "00000001", "0000000a", "00000009")
    ]

    fresh, replayed = NonceVerdict.FRESH, NonceVerdict.REPLAYED
    assert verdicts == [fresh, fresh, replayed, replayed, fresh, replayed]
    assert nonces.judge(used(nonce), USER, NOW_S) is replayed


def test_a_nonce_lives_for_300_s() -> None:
    nonces = Nonces(KEY, "3402000000")

    assert nonces.judge(used(nonces.issue(NOW_S, USER)), USER, NOW_S + 300) is NonceVerdict.FRESH
    assert nonces.judge(used(nonces.issue(NOW_S, USER)), USER, NOW_S + 301) is NonceVerdict.STALE


def test_a_nonce_from_the_future_is_stale() -> None:
    nonces = Nonces(KEY, "3402000000")

    assert nonces.judge(used(nonces.issue(NOW_S + 60, USER)), USER, NOW_S) is NonceVerdict.STALE


FORGERIES: list[Callable[[str], str]] = [
    lambda nonce: "0" * len(nonce),
    lambda nonce: nonce[:-1] + ("A" if nonce[-1] != "A" else "B"),
    lambda nonce: nonce[:-4] + "====",
    lambda nonce: nonce + "A",
    lambda _: "",
    lambda nonce: "\udcff" * len(nonce),
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_nonce_that_was_not_issued_here_is_forged(forge: Callable[[str], str]) -> None:
    nonces = Nonces(KEY, "3402000000")

    assert nonces.judge(used(forge(nonces.issue(NOW_S, USER))), USER, NOW_S) is NonceVerdict.FORGED


def test_a_nonce_belongs_to_its_user_and_realm() -> None:
    nonces = Nonces(KEY, "3402000000")
    nonce = nonces.issue(NOW_S, USER)

    assert nonces.judge(used(nonce), "34020000001180000002", NOW_S) is NonceVerdict.FORGED
    assert Nonces(KEY, "other").judge(used(nonce), USER, NOW_S) is NonceVerdict.FORGED
    assert Nonces(b"x" * 32, "3402000000").judge(used(nonce), USER, NOW_S) is NonceVerdict.FORGED


@pytest.mark.parametrize("downtime_s", [0.002, 0.4, 30.0])
def test_a_nonce_of_an_earlier_life_is_stale_because_its_use_is_forgotten(
    downtime_s: float,
) -> None:
    nonce = Nonces(KEY, "3402000000").issue(NOW_S, USER)
    nonces = Nonces(KEY, "3402000000", NOW_S + downtime_s)

    assert nonces.judge(used(nonce), USER, NOW_S + downtime_s + 1) is NonceVerdict.STALE


def test_two_lives_within_one_second_do_not_take_each_others_nonces() -> None:
    first = Nonces(KEY, "3402000000", NOW_S + 0.10)
    nonces = [first.issue(NOW_S + at_s, USER) for at_s in (0.10, 0.15)]
    second = Nonces(KEY, "3402000000", NOW_S + 0.20)

    verdicts = [second.judge(used(nonce), USER, NOW_S + 0.21) for nonce in nonces]
    assert verdicts == [NonceVerdict.STALE, NonceVerdict.STALE]


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.0, 299.0])
def test_a_nonce_issued_right_after_the_start_is_good_at_once(after_s: float) -> None:
    nonces = Nonces(KEY, "3402000000", NOW_S + 0.6)
    nonce = nonces.issue(NOW_S + 0.6, USER)

    assert nonces.judge(used(nonce), USER, NOW_S + 0.6 + after_s) is NonceVerdict.FRESH


def test_a_clock_that_is_set_back_after_the_start_keeps_nobody_out() -> None:
    nonces = Nonces(KEY, "3402000000", NOW_S)
    nonce = nonces.issue(NOW_S - 3_600, USER)

    assert nonces.judge(used(nonce), USER, NOW_S - 3_599) is NonceVerdict.FRESH


@pytest.mark.parametrize(
    ("changes", "oddity"),
    [
        ({"response": "7D39B1239781C30CB51C6B4445E87681"}, "digest_upper_case_hex"),
        ({"says_algorithm": False}, "digest_algorithm_missing"),
        ({}, "digest_qop_missing"),
    ],
)
def test_habits_of_devices_are_told_by_name(changes: dict[str, object], oddity: str) -> None:
    given = credentials(response="7d39b1239781c30cb51c6b4445e87681")._replace(**changes)  # type: ignore[arg-type]  # names of the fields above
    verified = verify(
        given, "REGISTER", "12345678", request_uri=given.uri, offered_qop="qop" in oddity
    )

    assert verified == (True, (oddity,))
    assert oddity in DIGEST_ODDITIES


def test_another_uri_and_another_spelling_of_the_method_are_told() -> None:
    given = credentials(response="7d39b1239781c30cb51c6b4445e87681")
    verified = verify(given, "Register", "12345678", request_uri="sip:3402000000")

    assert verified == (True, ("digest_uri_mismatch", "digest_upper_case_method"))


def test_a_wrong_response_tells_no_habits() -> None:
    given = credentials(response="7D39")

    assert verify(given, "REGISTER", "12345678", request_uri="sip:x") == (False, ())


def test_no_two_nonces_are_alike_and_all_fit_into_old_devices() -> None:
    nonces = Nonces(KEY, "3402000000")
    issued = {nonces.issue(NOW_S, USER) for _ in range(1_000)}

    assert len(issued) == 1_000
    assert {len(nonce) for nonce in issued} == {32}


def test_forgetting_used_nonces_does_not_make_them_good_again() -> None:
    nonces = Nonces(KEY, "3402000000")
    first = nonces.issue(NOW_S, USER)
    nonces.judge(used(first), USER, NOW_S)
    for _ in range(MAX_REMEMBERED_NONCES):
        nonces.judge(used(nonces.issue(NOW_S + 5, USER)), USER, NOW_S + 5)

    assert nonces.judge(used(first), USER, NOW_S + 6) is NonceVerdict.STALE


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Nonces(b"short", "r")
