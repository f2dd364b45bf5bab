"""What the config says about the store for rejected rows. `places` opens it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class S3Store:
    """A path in a bucket of S3, or of a server that speaks its language."""

    bucket: str
    region: str
    endpoint: str | None
    key: str
    secret: str = field(repr=False)
    path: str

    @property
    def url(self) -> str:
        """The address as people and programs write it."""
        return f"s3://{self.bucket}/{self.path.strip('/')}".rstrip("/")

    def options(self) -> dict[str, Any]:
        """Return what fsspec needs to get there."""
        client = {"region_name": self.region, "endpoint_url": self.endpoint}
        return {
            "key": self.key,
            "secret": self.secret,
            "client_kwargs": {name: value for name, value in client.items() if value is not None},
            # Tried once: whoever uses it tries again, and tries of the library would multiply with those.
            "config_kwargs": {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 1}},
        }


Store = LocalStore | S3Store


def parse_store(given: Mapping[str, Any]) -> Store | None:
    """Turn the section `object_storage_config`, which has been checked, into a store."""
    match given.get("storage_type"):
        case "Local":
            return LocalStore(given["bucket_path"])
        case "S3":
            return S3Store(
                bucket=given["s3_bucket_name"],
                region=given["s3_bucket_region"],
                endpoint=given.get("s3_endpoint") or None,
                key=given["access_key_id"],
                secret=given["secret_access_key"],
                path=given["bucket_path"],
            )
        case _:
            return None
