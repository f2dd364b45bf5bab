"""An untrusted certificate is named as such by both connectors, and trusted by the environment variable they name."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_squadstack.api.fix_messages import FixContext, fix_message
from destination_squadstack.api.outcomes import NotLoggedIn, classify_response
from destination_squadstack.api.transport import Transport
from destination_squadstack.operations import Request
from source_squadstack.components.contact_center_auth import session_at, usable
from source_squadstack.components.error_handler import ApiErrorHandler

# Signs itself, as contact centers on port 9443 usually do.
CERTIFICATE = Path(__file__).with_name("certificates") / "self_signed.pem"
TOKEN = json.dumps({"access_token": "token", "refresh_token": "r", "user": {}}).encode()


@pytest.fixture
def url(monkeypatch):
    """Return the address of a server that anybody may log in to, and that nobody trusts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(TOKEN)))
            self.end_headers()
            self.wfile.write(TOKEN)

        def log_message(self, *_):
            pass

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            """Keep quiet of clients that turn away."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class ClockAtRest:
    def monotonic(self):
        return 0.0

    def wall(self):
        return 0.0

    def sleep(self, _):
        pytest.fail("waits")


def log_in(url):
    """Log in as the source does, without waiting."""
    return usable(session_at(f"{url}/api/v2/login", {"username": "u"}, ClockAtRest()).token())


def call(url):
    """Make the destination's call."""
    transport = Transport(url)
    try:
        return transport.send(Request("POST", "/api/v2/login", b"{}"), {})
    finally:
        transport.close()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_source_and_destination_trust_a_certificate_that_the_environment_names(url, monkeypatch, variable):
    monkeypatch.setenv(variable, str(CERTIFICATE))
    assert log_in(url) == "token"
    assert call(url).status == 200


def test_the_sources_login_names_an_untrusted_certificate_and_the_way_to_trust_it(url):
    with pytest.raises(AirbyteTracedException, match="REQUESTS_CA_BUNDLE") as caught:
        log_in(url)
    assert caught.value.failure_type == FailureType.config_error
    assert "The certificate at `contact_center.portal_url` is not trusted (self-signed certificate)" in str(
        caught.value
    )


def test_the_sources_calls_name_an_untrusted_certificate_and_their_field(url):
    with pytest.raises(requests.RequestException) as failed:
        requests.post(url, timeout=15)
    with pytest.raises(AirbyteTracedException, match=r"`squadstack\.base_url`.*REQUESTS_CA_BUNDLE") as caught:
        ApiErrorHandler(config={}, parameters={}, response_filters=[]).interpret_response(failed.value)
    assert caught.value.failure_type == FailureType.config_error


def test_the_destination_names_an_untrusted_certificate_and_the_way_to_trust_it(url):
    answer = call(url)
    assert answer == NotLoggedIn("certificate", "self-signed certificate")
    refused = classify_response([], answer)
    for api, field in (("crm_v2", "squadstack.base_url"), ("contact_center", "contact_center.portal_url")):
        said = fix_message(refused.problem, refused.detail, FixContext(api, "e", "default", "default.ref_id"))
        assert said.startswith(f"The certificate at {field} is not trusted (self-signed certificate).")
        assert "REQUESTS_CA_BUNDLE" in said


def test_a_file_of_the_environment_that_is_not_there_is_named(url, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(AirbyteTracedException, match="REQUESTS_CA_BUNDLE") as caught:
        log_in(url)
    assert caught.value.failure_type == FailureType.config_error
    assert call(url) == NotLoggedIn("certificates_file")


def test_the_openssl_variable_is_no_way_to_trust_a_certificate(url, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert isinstance(call(url), NotLoggedIn)
