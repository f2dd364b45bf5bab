"""The download of one recording: from hosts that may be asked, without any token, as a stream to disk."""

import gzip
import logging
import string
import time
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from socket import EAI_NONAME, gaierror
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

import requests
import urllib3
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.exceptions import InvalidProxyURL, InvalidURL
from requests.utils import select_proxy

from source_squadstack.components.recording_files import StagedFile, StagingDirectory, extension_of
from source_squadstack.components.recording_hosts import HostRefusedError, RecordingHosts
from squadstack_common.certificates import certificate_problem, untrusted_certificate
from squadstack_common.clock import Clock, SystemClock
from squadstack_common.overall_timeout import OverallTimeoutAdapter, Pace, answer_too_slow
from squadstack_common.retry_after import header_wait

DOWNLOAD_ATTEMPTS = 5
LONGEST_WAIT = 60.0
MOST_REDIRECTS = 5
CHUNK_BYTES = 256 * 1024
# A download that is slower than this on the whole, after its first minute, counts as no answer: a host that sends a
# byte now and then would else hold the sync for ever.
PACE = Pace(grace_seconds=60.0, bytes_a_second=8 * 1024)
# Addresses are asked for once a minute, not for each recording, and a connection to one of them is used again.
ADDRESSES_SECONDS = 60.0
MOST_HOSTS = 32
BEGINNING_BYTES = 512
PAGE_BEGINNINGS = (b"<!doctype html", b"<html", b"<?xml")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429})
SERVER_ERRORS = range(500, 600)
# Python makes no number of thousands of digits.
MOST_DIGITS = 18
PORTS = {"http": 80, "https": 443}
# It warns of a header that is none with the address of the recording, which is a field of a record.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class RecordingStatus(StrEnum):
    """What became of a recording; the comment says when."""

    DOWNLOADED = "downloaded"  # the file is there, whole
    NOT_REQUESTED = "not_requested"  # the connection does not ask for files
    EXPIRED = "expired"  # HTTP 401 or 403: links to recordings end after a while
    MISSING = "missing"  # HTTP 404 or 410
    EMPTY = "empty"  # nothing in it
    WEB_PAGE = "web_page"  # a page in the place of a recording, such as a login
    HOST_REFUSED = "host_refused"  # an address that this connection does not connect to
    REFUSED = "refused"  # any other HTTP status 3xx or 4xx
    UNAVAILABLE = "unavailable"  # it failed in every attempt, while its host answered for others


STATUS_OF = {
    204: RecordingStatus.EMPTY,
    401: RecordingStatus.EXPIRED,
    403: RecordingStatus.EXPIRED,
    404: RecordingStatus.MISSING,
    410: RecordingStatus.MISSING,
}


@dataclass(frozen=True, slots=True)
class Recording:
    """What became of a recording, and its file, if there is one."""

    status: RecordingStatus
    file: StagedFile | None = None


class PassingError(Exception):
    """An attempt that failed and may succeed when it is made again.

    Attributes:
        address: What was asked.
        how: What happened, without the address: it may be a secret.
        wait: The seconds that the host asks to wait, if it does.
        unknown_host: Whether the host's name does not exist.
        certificate: What is wrong with the host's certificate, empty if nothing is.
    """

    def __init__(
        self, address: str, how: str, *, wait: float = 0.0, unknown_host: bool = False, certificate: str = ""
    ) -> None:
        super().__init__(how)
        self.address = address
        self.how = how
        self.wait = wait
        self.unknown_host = unknown_host
        self.certificate = certificate


class AddressAdapter(OverallTimeoutAdapter):
    """Connects to the address in a request's URL, and has the host of its header prove by TLS that it is the one."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """Return what a connection is made by; the certificate must be that of the host in the header."""
        host, connection = super().build_connection_pool_key_attributes(request, verify, cert)
        name = request.headers.get("Host")
        if name and host["scheme"] == "https":
            return host, {**connection, "server_hostname": urlsplit(f"//{name}").hostname}
        return host, connection


class Downloader:
    """Downloads recordings; any number of threads may use it.

    A recording that failed in all its attempts is either to blame itself, or its host is down. A row with a status may
    never be downloaded again, so an outage must not make rows: the host is asked for what it gave before, else for its
    root. If it does not answer that either, the sync fails with a transient error, and the next one goes on there.
    Other recordings of a host that is down get one attempt each, until one of them is answered.

    Args:
        hosts: The hosts that may be asked.
        staging: Where files go.
        timeouts: The seconds to wait for a connection, and for the next bytes.
        connections: How many connections to a host are kept.
        clock: What time goes by.
    """

    def __init__(
        self,
        hosts: RecordingHosts,
        staging: StagingDirectory,
        *,
        timeouts: tuple[float, float],
        connections: int,
        clock: Clock | None = None,
    ) -> None:
        self._hosts = hosts
        self._staging = staging
        self._timeouts = timeouts
        self._clock = clock or SystemClock()
        self._session = requests.Session()
        adapter = AddressAdapter(self._clock, PACE, pool_connections=MOST_HOSTS, pool_maxsize=connections)
        for scheme in PORTS:
            self._session.mount(f"{scheme}://", adapter)
        self._answered: dict[str, str] = {}
        self._down: set[str] = set()
        self._found: dict[tuple[str, str, int], tuple[float, list[str]]] = {}

    def download(self, url: str, key: str) -> Recording:
        """Download a recording, in as many attempts as it takes.

        Raises:
            AirbyteTracedException: its host is down, its certificate is not trusted, or the disk is full.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._attempt(url.strip(), key)
            except ValueError:
                # Each library has its own idea of what an address is, and says so in its own way and place.
                return Recording(RecordingStatus.HOST_REFUSED)
            except PassingError as failed:
                host = urlsplit(failed.address).netloc
                if host in self._down:
                    raise outage(failed, attempts) from None
                if attempts == DOWNLOAD_ATTEMPTS:
                    if failed.unknown_host or self._is_up(failed.address):
                        return Recording(RecordingStatus.UNAVAILABLE)
                    self._down.add(host)
                    raise outage(failed, attempts) from None
                self._clock.sleep(max(2.0 ** (attempts - 1), min(failed.wait, LONGEST_WAIT)))

    def _attempt(self, url: str, key: str) -> Recording:
        for _ in range(MOST_REDIRECTS + 1):
            with self._answer(url) as response:
                location = response.headers.get("Location") if response.status_code in REDIRECTS else None
                if location is None:
                    recording = self._take(response, url, key)
                    host = urlsplit(url).netloc
                    self._answered[host] = url
                    self._down.discard(host)
                    return recording
                url = urljoin(url, as_text(location))
        return Recording(RecordingStatus.REFUSED)

    def _take(self, response: requests.Response, url: str, key: str) -> Recording:
        """Make of an answer that is no redirect what it means."""
        if response.status_code != requests.codes.ok:
            return Recording(STATUS_OF.get(response.status_code, RecordingStatus.REFUSED))
        content_type = response.headers.get("Content-Type", "")
        if content_type.partition(";")[0].strip().lower() == "text/html":
            return Recording(RecordingStatus.WEB_PAGE)
        beginning = b""
        with self._staging.new_file() as file:
            for chunk in self._chunks(response, url):
                beginning += chunk[: BEGINNING_BYTES - len(beginning)]
                file.write(chunk)
            if not file.size:
                return Recording(RecordingStatus.EMPTY)
            if beginning.removeprefix(BOM_UTF8).lstrip().lower().startswith(PAGE_BEGINNINGS):
                return Recording(RecordingStatus.WEB_PAGE)
            return Recording(RecordingStatus.DOWNLOADED, self._staging.keep(file, key, extension_of(url, content_type)))

    def _chunks(self, response: requests.Response, url: str) -> Iterator[bytes]:
        """Yield a body as it comes; raises `PassingError` unless all of it came."""
        received = 0
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        with passing_errors(url):
            if encoding in {"gzip", "x-gzip"}:
                # urllib3 takes gzip that ends in the middle for whole.
                with gzip.GzipFile(fileobj=response.raw) as unpacked:
                    yield from iter(lambda: unpacked.read1(CHUNK_BYTES), b"")
                return
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                received += len(chunk)
                yield chunk
        length = announced_bytes(response)
        if length is not None and not response.headers.get("Content-Encoding") and length != received:
            raise PassingError(url, "cut off")

    def _is_up(self, address: str) -> bool:
        """Tell whether a host answers: for what it answered before, else at its root."""
        parts = urlsplit(address)
        other = self._answered.get(parts.netloc)
        if other is None:
            # A port where nothing ever listened is no outage of a host that answers at another.
            same_name = (url for url in list(self._answered.values()) if urlsplit(url).hostname == parts.hostname)
            other = next(same_name, f"{parts.scheme}://{parts.netloc}/")
        try:
            with self._answer(other):
                return True
        except PassingError:
            return False
        except ValueError:
            return True

    @contextmanager
    def _answer(self, url: str) -> Iterator[requests.Response]:
        """Ask for a URL, and for nothing that it leads to; raises `PassingError` for what is no answer."""
        prepared, parts = prepare(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").rstrip(".")
        with passing_errors(url):
            # The environment's proxies and certificates; nothing that would add credentials is asked.
            settings = self._session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        if select_proxy(prepared.url or "", settings["proxies"]):
            self._hosts.check(parts.scheme, host, port)  # the proxy resolves the name, and has rules of its own
            addresses = [""]
        else:
            addresses = self._addresses(url, parts.scheme, host, port)
        response = self._first_response(prepared, url, addresses, port, settings)
        try:
            status = response.status_code
            if status in PASSING or status in SERVER_ERRORS:
                wait = header_wait(response.headers, time.time()) or 0.0
                raise PassingError(url, f"HTTP {status}", wait=wait)
            yield response
        finally:
            # A connection can be used again only if its answer was read to the end.
            length = announced_bytes(response)
            if response.status_code != requests.codes.ok and length is not None and length <= CHUNK_BYTES:
                response.raw.drain_conn()
            response.close()

    def _addresses(self, url: str, scheme: str, host: str, port: int) -> list[str]:
        """Return the addresses of a host that were found within the last minute, and may be connected to."""
        until, found = self._found.get((scheme, host, port), (0.0, []))
        if self._clock.monotonic() < until:
            return found
        try:
            found = self._hosts.addresses(scheme, host, port)
        except gaierror as error:
            raise PassingError(url, "no address", unknown_host=error.errno == EAI_NONAME) from None
        self._found[scheme, host, port] = self._clock.monotonic() + ADDRESSES_SECONDS, found
        return found

    def _first_response(
        self, prepared: requests.PreparedRequest, url: str, addresses: list[str], port: int, settings: Any
    ) -> requests.Response:
        """Return what the first address that can be connected to answers; an empty one stands for a proxy."""
        for number, address in enumerate(addresses, 1):
            request = to_address(prepared, address, port) if address else prepared
            try:
                with passing_errors(url):
                    # Not the session's `send`: it parses a redirect's target, and reads its body, as it sees fit.
                    return self._session.get_adapter(request.url or "").send(
                        request, timeout=self._timeouts, **settings
                    )
            except PassingError as error:
                if number == len(addresses) or not isinstance(error.__cause__, requests.ConnectionError):
                    raise
        raise PassingError(url, "no address")


def prepare(url: str) -> tuple[requests.PreparedRequest, SplitResult]:
    """Return the request for a URL, without any credentials, and the parts of its URL as it goes out.

    Raises:
        ValueError: It is no URL.
    """
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "source-squadstack"}
    prepared = requests.Request("GET", url.strip(), headers).prepare()
    parts = urlsplit(prepared.url or "")
    # A user in the URL would be sent as credentials; a port that is none raises.
    if "@" in parts.netloc or not parts.hostname or parts.port == 0:
        raise HostRefusedError
    return prepared, parts


def to_address(prepared: requests.PreparedRequest, address: str, port: int) -> requests.PreparedRequest:
    """Return a request as it goes to one address of its host."""
    request = prepared.copy()
    parts = urlsplit(prepared.url or "")
    request.headers["Host"] = parts.netloc
    bracketed = f"[{address}]" if ":" in address else address
    request.url = urlunsplit((parts.scheme, f"{bracketed}:{port}", parts.path, parts.query, ""))
    return request


def announced_bytes(response: requests.Response) -> int | None:
    """Return the size of an answer's body, `None` where its header tells none that a number can be."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) <= MOST_DIGITS else None


def as_text(header: str) -> str:
    """Return a header that holds an address; its bytes, of which http.client makes Latin-1, may be those of UTF-8."""
    sent = header.encode("latin-1")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return quote(sent, safe=string.printable)


@contextmanager
def passing_errors(url: str) -> Iterator[None]:
    """Make one kind of error of all that requests and urllib3 raise when there is no whole answer."""
    try:
        yield
    except PassingError:
        raise
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        HTTPException,
        EOFError,
        zlib.error,
        OSError,
    ) as error:
        if isinstance(error, InvalidURL) and not isinstance(error, InvalidProxyURL):
            raise HostRefusedError from None
        how = "too slow" if answer_too_slow(error) else type(error).__name__
        raise PassingError(url, how, certificate=certificate_problem(error)) from error


def outage(failed: PassingError, attempts: int) -> AirbyteTracedException:
    """Return the error of a host that does not answer."""
    host = urlsplit(failed.address).hostname or ""
    if failed.certificate:
        words = untrusted_certificate(f"the recordings' host {host}", failed.certificate)
        return AirbyteTracedException(message=words, failure_type=FailureType.config_error)
    return AirbyteTracedException(
        message=f"The recordings' host {host} kept failing: {failed.how}, {attempts} attempt(s), and it answers "
        "nothing else. Sync again later: nothing is skipped, the next sync goes on from the last state. If the host is "
        "gone for good, name the hosts that there still are in `squadstack.recording_hosts`: recordings elsewhere "
        "become rows without a file.",
        failure_type=FailureType.transient_error,
    )
