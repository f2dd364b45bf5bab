"""Recordings in the staging directory, where a platform takes files over from a source."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

# A name comes from others and may hold anything, a customer's name as well: of it these endings alone are kept.
EXTENSIONS = frozenset(
    {".aac", ".amr", ".flac", ".gsm", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".webm", ".wma"}
)
EXTENSION_OF_TYPE = {
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/wave": ".wav",
    "audio/x-wav": ".wav",
    "audio/vnd.wave": ".wav",
    "audio/webm": ".webm",
}
PART = ".part"
DEAD_PART_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A whole file in the staging directory; `name` is its path at the destination."""

    path: Path
    name: str
    size: int
    sha256: str


class FileWriter:
    """A file that is being written under a name that nobody refers to."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.size = 0
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write on."""
        self._hash.update(data)
        with staging_errors():
            self._file.write(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal digits."""
        return self._hash.hexdigest()


class StagingDirectory:
    """The folder of a stream in the staging directory.

    The name of a file says what is in it and whose it is, by hashes alone, and each file lies at a path of its own: a
    destination deletes what it has taken, and another row may bring the same file.
    """

    def __init__(self, root: Path, stream: str) -> None:
        self._folder = root / stream
        self._stream = stream

    def open(self) -> None:
        """Make the folder, and remove what syncs that were killed had begun to write."""
        with staging_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.glob(f"*{PART}"):
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > DEAD_PART_SECONDS:
                        path.unlink()

    @contextmanager
    def new_file(self) -> Iterator[FileWriter]:
        """Give a new file to write to; what was not kept is removed."""
        path = self._folder / f"{uuid.uuid4().hex}{PART}"
        with staging_errors():
            file = path.open("xb", buffering=0)
        try:
            with file:
                yield FileWriter(path, file)
        finally:
            path.unlink(missing_ok=True)

    def keep(self, written: FileWriter, key: str, extension: str) -> StagedFile:
        """Give a file that is whole the name that a record refers to; from then on it is there, and all of it."""
        name = f"{written.sha256}-{key}{extension}"
        path = written.path.with_suffix(f".{name}")
        with staging_errors():
            written.path.rename(path)
        return StagedFile(path, f"{self._stream}/{name}", written.size, written.sha256)

    def placeholder(self, key: str, status: str) -> StagedFile:
        """Write a file that stands for a recording that is not to be had."""
        with self.new_file() as file:
            file.write(f"No recording: {status}\n".encode())
            return self.keep(file, key, f".{status}.txt")


def key_of(row: Mapping[str, Any]) -> str:
    """Return what tells a recording's file from every other: a hash of the row's key, as the row leaves.

    Of anything that is not in the row a hash would tell too much: all phone numbers can be tried.
    """
    identity = json.dumps([row["campaign_id"], row["lead_id"], row["recording_url"]], default=str)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def extension_of(url: str, content_type: str) -> str:
    """Return the ending of a file's name, by its address, else by its type, empty where neither is known."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix in EXTENSIONS:
        return suffix
    return EXTENSION_OF_TYPE.get(content_type.partition(";")[0].strip().lower(), "")


@contextmanager
def staging_errors() -> Iterator[None]:
    """Let a directory that cannot be written to end the sync: no recording is to blame for it."""
    try:
        yield
    except OSError as error:
        raise AirbyteTracedException(
            message=f"The staging directory of files cannot be written to ({error.strerror or type(error).__name__}). "
            "Give the sync a larger one, or one that it may write to (environment variable AIRBYTE_STAGING_DIRECTORY); "
            "nothing is skipped, the next sync goes on from the last state.",
            failure_type=FailureType.system_error,
        ) from None
