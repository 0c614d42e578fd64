"""Devices are told an address of ours that they can reach."""

from ipaddress import ip_network

from vms.signalling.addresses import AddressBook


def test_the_narrowest_segment_counts() -> None:
    book = AddressBook(
        [
            (ip_network("10.0.0.0/8"), "10.0.0.1"),
            (ip_network("10.20.0.0/16"), "10.20.0.1"),
            (ip_network("0.0.0.0/0"), "192.0.2.1"),
        ]
    )

    assert book.seen_from("10.20.3.4") == "10.20.0.1"
    assert book.seen_from("10.30.3.4") == "10.0.0.1"
    assert book.seen_from("198.51.100.7") == "192.0.2.1"


def test_what_no_segment_holds_is_left_to_the_kernel() -> None:
    book = AddressBook([(ip_network("10.20.0.0/16"), "10.20.0.1")])

    assert book.seen_from("10.30.3.4") is None
    assert book.seen_from("no address") is None
