"""Every message that ends a sync or a check stands in the docs' table of messages, word for word."""

import ast
import re
from pathlib import Path

from airbyte_cdk.utils.yaml_loader import safe_load_yaml

import source_squadstack
from squadstack_common.certificates import NO_CERTIFICATES_FILE, untrusted_certificate
from squadstack_common.proxies import proxy_login

PACKAGE = Path(source_squadstack.__file__).parent
PAGE = (PACKAGE.parent / "docs/sources/squadstack.md").read_text(encoding="utf-8")


def text_of(node: ast.expr) -> str:
    """Return a message's text, "…" for each part that is known only when it is said."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"


def first_sentence(message: str) -> str:
    """Return a message up to where it says what to do."""
    return re.split(r"(?<=[.:])\s|; ", " ".join(message.split()))[0].rstrip(".:")


def messages() -> set[str]:
    """Return the first sentence of every message of the package, and those that both connectors have."""
    shared = (
        untrusted_certificate("`…`", "…"),
        untrusted_certificate("the recordings' host …", "…"),
        NO_CERTIFICATES_FILE,
        proxy_login("`…`"),
    )
    found = {first_sentence(message) for message in shared}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AirbyteTracedException":
                found |= {first_sentence(text_of(word.value)) for word in node.keywords if word.arg == "message"}
    manifest = safe_load_yaml((PACKAGE / "manifest.yaml").read_text(encoding="utf-8"))
    for table in manifest["definitions"]["error_handlers"].values():
        for entry in table["response_filters"]:
            found.add(first_sentence(re.sub(r"\{\{.*?\}\}", "…", entry["error_message"])))
    return {message for message in found if message.strip("…. ")}


def test_the_docs_table_of_messages_holds_each_of_them_and_no_other():
    section = PAGE.split("\n### Messages\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| message")]
    assert {row.split(" | ")[0].removeprefix("| ") for row in rows} == messages()
