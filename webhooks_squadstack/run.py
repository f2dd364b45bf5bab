"""Entry point of the console script `webhooks-squadstack`."""

import sys


def run() -> None:
    """Run the command that the command line names."""
    from webhooks_squadstack.cli import main  # noqa: PLC0415 - a missing extra is to be reported by the interpreter, not by setuptools

    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
