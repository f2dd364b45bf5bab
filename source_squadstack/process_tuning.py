"""Settings of the process that make a sync cheaper, each with what it gains."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Import modules without looking for garbage among them, which there is none of, and never look there again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def share_free_memory() -> None:
    """Let all threads use the same free memory: glibc would keep freed pages for each of them, 5 MB a worker."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


M_ARENA_MAX = -8  # of glibc's malloc.h
