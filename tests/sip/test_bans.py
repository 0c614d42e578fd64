"""Bans and allowances as values: what fails, what drains away, what stays bounded."""

import pytest

from sip import allowance, bans, stream
from sip.allowance import NETWORK_SHARE, StrangersAllowance, host_of, network_of
from sip.bans import UNANSWERED_CHALLENGE, WINDOW_S, Bans
from sip.message import Address, Flow
from sip.net import gate
from sip.net.stats import EndpointStats


def fail(table: Bans, host: str, times: int, now: float = 0.0, weight: float = 1.0) -> None:
    for _ in range(times):
        table.note_failure(host, "wrong_password", now, weight)


def test_a_source_that_fails_too_often_is_banned_for_a_while() -> None:
    table = Bans(60, 300)
    fail(table, "192.0.2.1", 60)
    assert not table.holds("192.0.2.1", 0.0)
    fail(table, "192.0.2.1", 1)

    assert table.holds("192.0.2.1", 299.0)
    assert not table.holds("192.0.2.2", 0.0)
    (ban,) = table.listed(299.0)
    assert (ban.host, ban.since, ban.until, ban.why, ban.dropped) == (
        "192.0.2.1",
        0.0,
        300.0,
        "wrong_password",
        1,
    )
    assert not table.holds("192.0.2.1", 300.0)
    assert table.listed(300.0) == []


def test_failures_drain_away() -> None:
    table = Bans(60, 300)
    for minute in range(20):
        fail(table, "192.0.2.1", 50, minute * WINDOW_S)

    assert table.listed(20 * WINDOW_S) == []


def test_a_success_clears_a_host() -> None:
    table = Bans(60, 300)
    fail(table, "192.0.2.1", 60)
    table.note_success("192.0.2.1", 0.0)
    fail(table, "192.0.2.1", 60)

    assert table.listed(0.0) == []


def test_a_success_clears_what_its_host_cost_its_network() -> None:
    table = Bans(60, 300)
    for number in range(100):
        fail(table, f"192.0.2.{number}", 50)
        table.note_success(f"192.0.2.{number}", 0.0)
    for number in range(100, 250):
        fail(table, f"192.0.2.{number}", 6)

    assert table.listed(0.0) == []
    fail(table, "192.0.2.250", 60)
    fail(table, "192.0.2.251", 1)
    assert [ban.host for ban in table.listed(0.0)] == ["192.0.2.0/24"]


def test_challenges_count_little() -> None:
    table = Bans(60, 300)
    fail(table, "192.0.2.1", 290, weight=UNANSWERED_CHALLENGE)
    assert table.listed(0.0) == []
    fail(table, "192.0.2.1", 11, weight=UNANSWERED_CHALLENGE)
    assert len(table.listed(0.0)) == 1


def test_hosts_that_fail_together_take_their_network_with_them() -> None:
    table = Bans(60, 300)
    for number in range(250):
        fail(table, f"192.0.2.{number}", 4)

    assert [ban.host for ban in table.listed(0.0)] == ["192.0.2.0/24"]
    assert table.holds("192.0.2.254", 0.0)
    assert not table.holds("192.0.3.1", 0.0)


def test_a_ban_can_be_lifted_by_its_name() -> None:
    table = Bans(1, 300)
    fail(table, "192.0.2.1", 2)

    assert not table.lift("192.0.2.2")
    assert table.lift("192.0.2.1")
    assert not table.holds("192.0.2.1", 0.0)


def test_nobody_is_banned_when_that_is_turned_off() -> None:
    table = Bans(0, 300)
    fail(table, "192.0.2.1", 10_000)

    assert not table.holds("192.0.2.1", 0.0)


def test_both_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bans, "MAX_BANS", 100)
    monkeypatch.setattr(bans, "MAX_FAILING", 100)
    table = Bans(1, 300)
    for number in range(500):
        fail(table, f"10.{number}.2.1", 2)

    assert len(table) == 100
    assert not table.holds("10.0.2.1", 0.0)
    assert table.holds("10.499.2.1", 0.0)
    assert table.imposed == 500


def test_a_host_of_version_six_is_its_sixty_four() -> None:
    assert host_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert (host_of("192.0.2.7"), network_of("192.0.2.7")) == ("192.0.2.7", "192.0.2.0/24")


def spent(
    strangers: StrangersAllowance, sources: list[Address], *, registered: int = 0, now: float = 0.0
) -> int:
    return sum(strangers.spend(source, 100, now, registered=registered) for source in sources)


def test_the_ban_of_a_network_does_not_hold_where_a_device_is_registered() -> None:
    registered = {"192.0.2.7": 1}
    policy = gate.PeerPolicy(lambda host: registered.get(host, 0), ban_after_failures=1)
    door = gate.Gate(EndpointStats(), now=lambda: 0.0, policy=policy)

    def come_from(host: str) -> Flow:
        return Flow("UDP", Address("192.0.2.1", 5060), Address(host, 5060))

    for number in range(100, 117):
        door.note_failure(come_from(f"192.0.2.{number}"), "wrong_password")

    assert [ban.host for ban in door.bans()] == ["192.0.2.0/24"]
    assert not door.admits(b"REGISTER", come_from("192.0.2.200"), 0.0)
    assert door.admits(b"REGISTER", come_from("192.0.2.7"), 0.0)
    assert not door.bars(come_from("192.0.2.7"))


def test_what_strangers_may_cost_is_as_it_was_promised() -> None:
    assert (gate.STRANGER_ANSWERS_PER_S, gate.STRANGER_BYTES_PER_S) == (10, 8192)
    assert gate.REFLECTION_LIMIT == 1.6
    assert (gate.PeerPolicy().silence_limit_s, gate.PeerPolicy().ban_s) == (30, 300)
    assert (stream.UNTRUSTED_LIMIT_BYTES, stream.TRUSTED_LIMIT_BYTES) == (65_536, 16_777_216)
    assert (bans.MAX_BANS, bans.MAX_FAILING) == (100_000, 100_000)


def test_another_port_gives_no_second_allowance() -> None:
    ports = [Address("192.0.2.1", port) for port in range(1, 1_000)]

    assert spent(StrangersAllowance(10, 8_192), ports) == 10


def test_where_devices_are_registered_others_get_more_and_no_port_more_than_one_share() -> None:
    ports = [Address("192.0.2.1", port) for port in range(1, 1_000)]
    strangers = StrangersAllowance(10, 8_192)

    assert spent(strangers, ports, registered=9) == 100
    assert spent(strangers, [Address("192.0.2.9", 1)] * 50, registered=9) == 10


def test_a_network_of_strangers_has_its_limit_and_another_network_its_own() -> None:
    strangers = StrangersAllowance(10, 8_192)
    hosts = [Address(f"192.0.2.{number}", 1) for number in range(250)] * 10

    assert spent(strangers, hosts) == 10 * NETWORK_SHARE
    assert spent(strangers, [Address("198.51.100.1", 1)]) == 1


def test_a_site_behind_one_address_is_registered_within_seconds() -> None:
    # Each camera needs one answer as a stranger, and is none any more.
    strangers = StrangersAllowance(10, 8_192)
    waiting = [Address("192.0.2.1", port) for port in range(1, 5_001)]
    seconds = 0
    while waiting:
        registered = 5_000 - len(waiting)
        done = {
            source
            for source in waiting
            if strangers.spend(source, 500, float(seconds), registered=registered)
        }
        waiting = [source for source in waiting if source not in done]
        seconds += 1

    assert seconds <= 10


def test_the_memory_of_allowances_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MAX_SOURCES", 100)
    one = allowance.Allowance(10, 8_192)
    for number in range(1_000):
        one.spend(number, 1, 0.0)

    assert len(one) == 100


def test_who_was_unseen_for_a_second_is_forgotten_while_others_come() -> None:
    one = allowance.Allowance(10, 8_192)
    for number in range(1_000):
        one.spend(number, 1, number / 1_000)
    assert len(one) == 1_000

    for number in range(500):
        one.spend("another", 1, 3.0 + number)

    assert len(one) == 1
    assert sum(one.spend(7, 1, 600.0) for _ in range(20)) == 10
