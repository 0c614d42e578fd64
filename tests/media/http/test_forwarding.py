"""Who watches, behind a proxy."""

import pytest

from media.http.forwarding import TrustedProxies

OURS = TrustedProxies(("127.0.0.1", "10.9.0.0/16", "2001:db8::/64"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7, 10.9.3.1", "192.0.2.7"),
        ("2001:db8::5", "2001:db8:1::7", "2001:db8:1::7"),
        ("127.0.0.1", "", None),
        ("127.0.0.1", "unknown", None),
        ("127.0.0.1", "192.0.2.7, <script>", None),
        ("127.0.0.1", "10.9.3.1", None),
        ("192.0.2.1", "192.0.2.7", None),
        ("", "192.0.2.7", None),
    ],
)
def test_only_what_our_own_proxies_saw_is_believed(
    peer: str, forwarded: str, visitor: str | None
) -> None:
    assert OURS.visitor(peer, forwarded) == visitor


def test_without_proxies_nobody_is_believed() -> None:
    assert TrustedProxies(()).visitor("127.0.0.1", "192.0.2.7") is None


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"proxy\.example\.org"):
        TrustedProxies(("proxy.example.org",))
