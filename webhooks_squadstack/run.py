"""Entry point of the console script `webhooks-squadstack`."""

import sys

_OURS = frozenset({"webhooks_squadstack", "squadstack_common"})
_NOT_INSTALLED = (
    "webhooks-squadstack needs packages that are not installed ({missing} is missing): install the extra that brings "
    "them, pip install 'airbyte-squadstack[webhooks]'\n"
)


def run() -> None:
    """Run the command that the command line names."""
    try:
        from webhooks_squadstack.cli import main  # noqa: PLC0415 - what it imports may be missing

        code = main(sys.argv[1:])
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OURS:
            raise
        sys.stderr.write(_NOT_INSTALLED.format(missing=missing))
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    run()
