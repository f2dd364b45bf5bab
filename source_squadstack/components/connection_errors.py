"""Errors of a connection that the user can mend: a certificate, a file that the environment names."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.certificates import NO_CERTIFICATES_FILE, untrusted_certificate


def untrusted(address: str, reason: str) -> AirbyteTracedException:
    """Return the error that names a certificate which cannot be trusted, and the way to trust it."""
    return AirbyteTracedException(
        message=untrusted_certificate(f"`{address}`", reason), failure_type=FailureType.config_error
    )


def environment_error() -> AirbyteTracedException:
    """Return the error that says that requests lacks a file which the environment names."""
    return AirbyteTracedException(message=NO_CERTIFICATES_FILE, failure_type=FailureType.config_error)
