"""Files that are whole at any moment: each commit replaces the file, and one that has grown is followed by another.

What is kept in them is safe once `append` has returned. A crash leaves the old file or the new one.
"""

import math

from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.rejected_records.storage import ATTEMPT_SECONDS, RejectedRecordStorage, is_final
from squadstack_common.clock import Clock

# A commit writes its file again, so a file that has grown beyond this is left alone and the next one begun.
FILE_BYTES = 256 * 1024
# A storage that fails is tried again after so many seconds; then the sync fails, and its states have not left. Nothing
# else goes on meanwhile, so no try begins after these seconds: with the last one that makes a minute at most.
RETRY_AFTER = (1.0, 2.0, 4.0, 8.0)
NO_TRY_AFTER = 60.0 - ATTEMPT_SECONDS


class StorageWriter:
    """Writes files to a storage, again where that may help. `what` names in a message what is kept there."""

    def __init__(self, storage: RejectedRecordStorage, clock: Clock, *, what: str) -> None:
        self.storage = storage
        self._clock = clock
        self._what = what
        self._failed: SyncError | None = None

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one.

        Raises:
            SyncError: It cannot be written.
        """
        if self._failed is not None:
            # Not tried again at the end of the sync: the storage has had its time, and SIGTERM leaves little.
            raise self._failed
        until = self._clock.monotonic() + NO_TRY_AFTER
        for wait in (*RETRY_AFTER, math.inf):
            try:
                self.storage.put(path, content)
            except OSError as error:
                final = is_final(error)
                if final or self._clock.monotonic() + wait > until:
                    kind = ConfigError if final else TransientError
                    self._failed = kind(self._sentence(self.storage.field(error), error))
                    raise self._failed from None
                self._clock.sleep(wait)
            else:
                return

    def _sentence(self, field: str, error: OSError) -> str:
        return (
            f"object_storage_config.{field}: {self._what} cannot be stored there "
            f"({error.strerror or type(error).__name__}). The states that cover them have not been acknowledged."
        )


class PartFile:
    """A file that grows by whole members, and the ones that follow it."""

    def __init__(self, writer: StorageWriter, prefix: str, ending: str) -> None:
        self._writer = writer
        self._prefix = prefix
        self._ending = ending
        self._number = 0
        self._content = b""

    @property
    def is_new(self) -> bool:
        """Whether the next member will be the first of its file."""
        return not self._content

    def append(self, member: bytes) -> str:
        """Add a member to the file; return the file's name.

        Raises:
            SyncError: It cannot be written.
        """
        content = self._content + member
        name = f"{self._prefix}{self._number:06d}{self._ending}"
        self._writer.put(name, content)
        full = len(content) >= FILE_BYTES
        self._number, self._content = (self._number + 1, b"") if full else (self._number, content)
        return name
