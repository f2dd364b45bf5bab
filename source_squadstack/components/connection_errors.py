"""Connection errors: their descriptions, and those that the user can fix."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.certificates import NO_CERTIFICATES_FILE, untrusted_certificate
from squadstack_common.overall_timeout import answer_too_slow
from squadstack_common.proxies import proxy_login


def no_answer(error: Exception | None) -> str:
    """Describe why there was no response."""
    if answer_too_slow(error):
        return "an answer that did not come to its end in time"
    return f"no answer ({type(error).__name__})"


def untrusted(address: str, reason: str) -> AirbyteTracedException:
    """Return the error of a certificate that is not trusted, which says how to trust it."""
    return AirbyteTracedException(
        message=untrusted_certificate(f"`{address}`", reason), failure_type=FailureType.config_error
    )


def proxy_error(address: str) -> AirbyteTracedException:
    """Return the error of a proxy that asks for a login."""
    return AirbyteTracedException(message=proxy_login(f"`{address}`"), failure_type=FailureType.config_error)


def environment_error() -> AirbyteTracedException:
    """Return the error of a certificates file that the environment names and that cannot be read."""
    return AirbyteTracedException(message=NO_CERTIFICATES_FILE, failure_type=FailureType.config_error)
