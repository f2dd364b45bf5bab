"""Entry point of the console script `destination-squadstack`."""

import sys


def run() -> None:
    """Run the command that the command line names."""
    from destination_squadstack.cli import main  # noqa: PLC0415 - a broken import is to be reported by the interpreter, not by setuptools

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
