"""Entry point of the console script `destination-squadstack`."""

import os
import sys

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def run() -> None:
    """Run the command that the command line names."""
    if _closed(_STDOUT):
        if not _closed(_STDERR):
            os.write(
                _STDERR, b"destination-squadstack: stdout is closed, so nothing can be reported or acknowledged.\n"
            )
        sys.exit(1)
    _keep_their_numbers()
    from destination_squadstack.cli import main  # noqa: PLC0415 - a broken import is to be reported by the interpreter, not by setuptools

    sys.exit(main(sys.argv[1:]))


def _closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def _keep_their_numbers() -> None:
    """Open the closed standard streams: a connection that got stdin's number would be read as input."""
    for descriptor in (_STDIN, _STDERR):
        if _closed(descriptor):
            os.open(os.devnull, os.O_WRONLY)


if __name__ == "__main__":
    run()
