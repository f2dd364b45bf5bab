"""Connection errors that the user can fix: an untrusted certificate, a missing file of certificates."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.certificates import NO_CERTIFICATES_FILE, untrusted_certificate


def untrusted(address: str, reason: str) -> AirbyteTracedException:
    """Return the error of a certificate that is not trusted, which says how to trust it."""
    return AirbyteTracedException(
        message=untrusted_certificate(f"`{address}`", reason), failure_type=FailureType.config_error
    )


def environment_error() -> AirbyteTracedException:
    """Return the error of a certificates file that the environment names and that cannot be read."""
    return AirbyteTracedException(message=NO_CERTIFICATES_FILE, failure_type=FailureType.config_error)
