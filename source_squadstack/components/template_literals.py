"""A guard around the CDK's evaluation of templates: Python's parser is not safe in two threads at once."""

import ast
import threading
from typing import Any


class OneAtATime:
    """`ast.literal_eval`, one thread at a time.

    The CDK evaluates a template's text for every request. In Python 3.11 two threads that parse at once may end in a
    `SystemError`, "AST constructor recursion depth mismatch", and the sync with it.
    """

    _lock = threading.Lock()

    @classmethod
    def literal_eval(cls, text: str) -> Any:
        """Evaluate a literal."""
        with cls._lock:
            return ast.literal_eval(text)
