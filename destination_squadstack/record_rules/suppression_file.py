"""The file of the suppression list: on this machine or in a bucket, plain or compressed with gzip.

The list is read whole before anything is sent. Whatever keeps it from being read ends the sync: nobody is called on
half a list.
"""

import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from destination_squadstack.config import S3Store, Store
from destination_squadstack.errors import ConfigError, TransientError
from destination_squadstack.record_rules.suppression import SuppressionList, UnreadableLine, read_list
from destination_squadstack.rejected_records.storage import ObjectStorage, is_final

_PIECE = 1 << 20
_S3 = "s3://"
_GZIP = b"\x1f\x8b"
_WITH_GZIP_HEADER = zlib.MAX_WBITS | 16
_NOTHING_SENT = "Nothing was sent."


def load_suppression_list(path: str, store: Store | None) -> SuppressionList:
    """Read the list that the config names.

    Args:
        path: A path of this machine, or an address that begins with s3://.
        store: The config's object store, whose keys and endpoint open an address.

    Raises:
        ConfigError: There is no such list, or it cannot be read as one.
        TransientError: The bucket did not answer.
    """
    try:
        with closing(_pieces(path, store)) as pieces:
            found = read_list(_unpacked(pieces))
    except UnreadableLine as error:
        raise ConfigError(
            f"suppression.path: line {error.line} of the list is neither a phone number nor the SHA-256 hash of one. "
            f"Correct or remove it. {_NOTHING_SENT}"
        ) from None
    except zlib.error:
        raise ConfigError(
            f"suppression.path: the list begins like a gzip file and is not a whole one. {_NOTHING_SENT}"
        ) from None
    except OSError as error:
        raise _problem(path, error) from None
    if not len(found):
        raise ConfigError(
            f"suppression.path names an empty list. If it is meant to be, leave suppression out. {_NOTHING_SENT}"
        )
    return found


def _problem(path: str, error: OSError) -> ConfigError | TransientError:
    said = error.strerror or type(error).__name__
    if path.startswith(_S3) and not is_final(error):
        return TransientError(f"suppression.path: the bucket did not answer ({said}). {_NOTHING_SENT}")
    where = "from the bucket, with the keys of object_storage_config" if path.startswith(_S3) else "on this machine"
    return ConfigError(f"suppression.path: the list cannot be read {where} ({said}). {_NOTHING_SENT}")


def _pieces(path: str, store: Store | None) -> Generator[bytes, None, None]:
    if not path.startswith(_S3):
        with Path(path).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        return
    if not isinstance(store, S3Store):
        raise ConfigError(
            "suppression.path is an address in S3: object_storage_config has to be an S3 store, whose keys open it."
        )
    bucket, _, key = path.removeprefix(_S3).partition("/")
    yield from ObjectStorage(f"{_S3}{bucket}", **store.options()).pieces(key)


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack what begins like gzip, whatever it is called, and pass on what does not."""
    pieces = iter(pieces)
    first = next(pieces, b"")
    if not first.startswith(_GZIP):
        yield first
        yield from pieces
        return
    unpacker, rest = zlib.decompressobj(_WITH_GZIP_HEADER), first
    while rest or (rest := next(pieces, b"")):
        if unpacker.eof:  # several files, one after another, are one
            unpacker = zlib.decompressobj(_WITH_GZIP_HEADER)
        # A small file can unpack to an endless one: it is unpacked no faster than it is read.
        yield unpacker.decompress(rest, _PIECE)
        rest = unpacker.unused_data or unpacker.unconsumed_tail
    if not unpacker.eof:
        raise zlib.error("ends early")
