"""The hosts that recordings may come from, and the addresses that may be connected to for one."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], list[str]]

# An IPv4 address that a gateway of an IPv6 network connects to.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Python calls site-local addresses and `::` before an IPv4 address global; the internet's own begin so.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class HostRefusedError(ValueError):
    """A recording's address that must not be connected to, or is none."""


def resolve_host(host: str, port: int) -> list[str]:
    """Return a host's addresses, the preferred one first; raises `OSError` where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class RecordingHosts:
    """Says which addresses may be connected to for a recording.

    A recording's address is data of others: without these rules it could make the connector ask the cloud's metadata
    service, or whatever else trusts this network. The caller connects to an address that is returned here and resolves
    no name again: a name may resolve to another address the next time (DNS rebinding).

    Args:
        listed: The hosts to take recordings from, `host`, `*.host` or either with a port; none is any https host.
        loopback: Whether this machine's own addresses are allowed for any host: where the API itself is one.
        resolve: What gives a host's addresses.
    """

    def __init__(self, listed: Iterable[str] = (), *, loopback: bool = False, resolve: Resolve = resolve_host) -> None:
        self._listed = [entry.lower() for entry in listed]
        self._loopback = loopback
        self._resolve = resolve

    @classmethod
    def of(cls, config: Mapping[str, Any], resolve: Resolve = resolve_host) -> "RecordingHosts":
        """Return the hosts of a source's config."""
        section = config.get("squadstack", {})
        api = urlsplit(str(section.get("base_url", ""))).hostname or ""
        address = ip_address(api)
        loopback = api == "localhost" or (address is not None and address.is_loopback)
        return cls(section.get("recording_hosts", ()), loopback=loopback, resolve=resolve)

    def check(self, scheme: str, host: str, port: int) -> None:
        """Raise `HostRefusedError` for what can be told without resolving a name."""
        if scheme not in {"http", "https"} or (self._listed and not self._is_listed(host, port)):
            raise HostRefusedError
        literal = ip_address(host)
        if literal is not None:
            self._check_address(literal, scheme, host, port)

    def addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """Return the addresses of a host; raises `HostRefusedError` if one of them is not allowed."""
        self.check(scheme, host, port)
        found = [host] if ip_address(host) is not None else self._resolve(host, port)
        for text in found:
            address = ip_address(text)
            if address is None:
                raise HostRefusedError
            self._check_address(address, scheme, host, port)
        return found

    def _check_address(self, address: IPAddress, scheme: str, host: str, port: int) -> None:
        if address.is_loopback and (self._loopback or self._is_listed(host, port)):
            return
        if scheme != "https" or not (is_public(address) or self._is_listed(host, port)):
            raise HostRefusedError

    def _is_listed(self, host: str, port: int) -> bool:
        return any(matches(entry, host, port) for entry in self._listed)


def matches(entry: str, host: str, port: int) -> bool:
    """Tell whether a host is the one of an entry, or one below that of an entry with `*.`."""
    name, colon, given = entry.rpartition(":")
    if colon and given.isdecimal() and (name.endswith("]") or ":" not in name):
        if int(given) != port:
            return False
    else:
        name = entry
    name = name.strip("[]")
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def ip_address(text: str) -> IPAddress | None:
    """Return the IP address that a host is, `None` of a name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is one of the internet, by itself and by any IPv4 address that lies in it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in GLOBAL_UNICAST or (address.sixtofour is not None and not is_public(address.sixtofour)):
            return False
    return address.is_global and not address.is_multicast
