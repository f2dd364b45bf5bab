"""Errors of a connection that the user can mend: a certificate, a file that the environment names."""

import ssl

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def certificate_problem(error: BaseException | None) -> str:
    """Return what OpenSSL has against a server's certificate, nothing where that is not what failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message)
        error = error.__cause__ or error.__context__
    return ""


def untrusted(address: str, reason: str) -> AirbyteTracedException:
    """Return the error that names a certificate which cannot be trusted, and the way to trust it."""
    return AirbyteTracedException(
        message=f"The certificate at `{address}` is not trusted ({reason}). If the server signs its own, as portals on "
        "port 9443 often do, put that certificate, or its authority's, in PEM format into the connector's container "
        "and name the file in the environment variable REQUESTS_CA_BUNDLE. The file takes the place of the usual "
        "authorities: add those that other addresses need. One that expired or names another host has to be renewed.",
        failure_type=FailureType.config_error,
    )


def environment_error() -> AirbyteTracedException:
    """Return the error that says that requests lacks a file which the environment names."""
    return AirbyteTracedException(
        message="The environment variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names no file that can be read. Correct "
        "it in the connector's container.",
        failure_type=FailureType.config_error,
    )
