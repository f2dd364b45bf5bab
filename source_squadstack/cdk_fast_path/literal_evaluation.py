"""The CDK's evaluation of template results, made safe for threads."""

import ast
import threading
from typing import Any

from airbyte_cdk.sources.declarative.interpolation import jinja


class OneAtATime:
    """`ast.literal_eval`, one thread at a time."""

    _lock = threading.Lock()

    @classmethod
    def literal_eval(cls, text: str) -> Any:
        """Evaluate a literal."""
        with cls._lock:
            return ast.literal_eval(text)


def evaluate_one_literal_at_a_time() -> None:
    """Let the CDK's templates be evaluated by one thread at a time, which they are for every request.

    Two threads that parse at once may end in a `SystemError`, "AST constructor recursion depth mismatch", and the sync
    with it: in Python 3.11 until 3.11.7.
    """
    vars(jinja)["ast"] = OneAtATime
