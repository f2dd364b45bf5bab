"""Untrusted certificates: OpenSSL's reason, and the environment variables that name trusted ones."""

import ssl

# requests looks for the file before it sends anything; no later call would find it either.
NO_CERTIFICATES_FILE = (
    "The environment variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names no file that can be read. Correct it in the "
    "connector's container."
)


def certificate_problem(error: BaseException | None) -> str:
    """Return OpenSSL's reason for not trusting a server's certificate; empty if something else failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message)
        error = error.__cause__ or error.__context__
    return ""


def untrusted_certificate(address: str, reason: str) -> str:
    """Return the sentences about a certificate that is not trusted; `address` is the config's field that names it."""
    return (
        f"The certificate at {address} is not trusted ({reason}). If the server signs its own, as contact centers on "
        "port 9443 often do, put that certificate, or its authority's, in PEM format into the connector's container "
        "and name the file in the environment variable REQUESTS_CA_BUNDLE. The file takes the place of the usual "
        "authorities: add those that other addresses need. One that expired or names another host has to be renewed."
    )
