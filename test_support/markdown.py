"""Sections, tables and blocks of a page in Markdown."""

import re


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level or above."""
    level = heading.split(" ", 1)[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = re.search(rf"^#{{1,{len(level)}}} ", text[start:], re.MULTILINE)
    return text[start : start + end.start()] if end else text[start:]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a text's Markdown tables, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {index - 1 for index, line in enumerate(lines) if set(line) <= set("|- ")}
    return [row for index, row in enumerate(cells) if index not in heads and not set("".join(row)) <= set("- ")]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
