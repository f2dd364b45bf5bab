"""Where recordings may come from: the internet by https, what the config lists, and this machine in tests."""

import socket

import pytest

from source_squadstack.components.recording_hosts import HostRefusedError, RecordingHosts, resolve_host

ELSEWHERE = "93.184.216.34"
LISTED = {"recording_hosts": ["*.s3.amazonaws.com", "recordings.example.com:8443"]}


def hosts(resolved=(ELSEWHERE,), **squadstack):
    return RecordingHosts.of({"squadstack": squadstack}, lambda *_: list(resolved))


def refused(found, url_parts):
    try:
        found.addresses(*url_parts)
    except HostRefusedError:
        return True
    return False


def test_a_host_of_the_internet_is_connected_to_at_the_addresses_that_were_checked():
    assert hosts([ELSEWHERE, "2606:2800:220:1::1"]).addresses("https", "recordings.example.com", 443) == [
        ELSEWHERE,
        "2606:2800:220:1::1",
    ]


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", ""])
def test_any_scheme_but_https_is_refused(scheme):
    assert refused(hosts(), (scheme, "recordings.example.com", 80))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::127.0.0.3",
        "::93.184.216.34",
        "fec0::1",
        "feff::1",
        "4000::1",
        "ff0e::1",
        "no address",
    ],
)
def test_a_name_that_resolves_to_an_address_of_a_private_network_is_refused_and_so_is_one_of_several(address):
    assert refused(hosts([address]), ("https", "recordings.example.com", 443))
    assert refused(hosts([ELSEWHERE, address]), ("https", "recordings.example.com", 443))


@pytest.mark.parametrize(
    "address", ["2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
)
def test_an_address_of_the_internet_is_allowed_in_each_of_its_forms(address):
    assert not refused(hosts([address]), ("https", "recordings.example.com", 443))


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "::1", "fe80::1"])
def test_a_private_address_in_the_place_of_a_name_is_refused_before_anything_is_resolved(host):
    with pytest.raises(HostRefusedError):
        hosts().check("https", host, 443)


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("bucket.s3.amazonaws.com", 443, True),
        ("a.b.s3.amazonaws.com", 8443, True),
        ("s3.amazonaws.com", 443, False),
        ("evils3.amazonaws.com", 443, False),
        ("s3.amazonaws.com.example.com", 443, False),
        ("recordings.example.com", 8443, True),
        ("recordings.example.com", 443, False),
        ("x.recordings.example.com", 8443, False),
    ],
)
def test_with_a_list_of_hosts_these_alone_are_asked(host, port, allowed):
    assert refused(hosts(**LISTED), ("https", host, port)) is not allowed


def test_a_host_that_is_listed_may_lie_in_a_private_network_but_only_by_https():
    found = hosts(["10.0.0.1"], recording_hosts=["recordings.internal"])
    assert found.addresses("https", "recordings.internal", 443) == ["10.0.0.1"]
    assert refused(found, ("http", "recordings.internal", 80))


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8899", "http://localhost:8899", "http://[::1]:8899/api"])
def test_where_the_api_is_on_this_machine_recordings_may_be_too_and_without_tls(base_url):
    found = hosts(["127.0.0.1"], base_url=base_url)
    assert found.addresses("http", "localhost", 8899) == ["127.0.0.1"]
    assert refused(hosts(["10.0.0.1"], base_url=base_url), ("https", "recordings.example.com", 443))


def test_an_ipv6_host_is_listed_in_brackets_with_its_port_or_without():
    for entry in ("[::1]", "[::1]:8899"):
        assert hosts(recording_hosts=[entry]).addresses("http", "::1", 8899) == ["::1"]
    assert refused(hosts(recording_hosts=["[::1]:1"]), ("http", "::1", 8899))


def test_a_name_is_resolved_to_each_of_its_addresses_once(monkeypatch):
    found = [(socket.AF_INET, 0, 0, "", (address, 443)) for address in ("1.1.1.1", "1.0.0.1", "1.1.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert resolve_host("one.one.one.one", 443) == ["1.1.1.1", "1.0.0.1"]
