"""Bar charts as SVG, written by hand: a dozen lines of text need no library."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _BAR, _GAP, _TOP = 760, 250, 20, 8, 44
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_OURS, _THEIRS = "#2563eb", "#94a3b8"


def bars(title: str, values: Sequence[tuple[str, float]], ours: str) -> str:
    """Return a chart with a bar for each value, ours in a colour of its own. It has a ground, for dark pages."""
    height = _TOP + len(values) * (_BAR + _GAP) + 12
    longest = max(value for _, value in values) or 1.0
    room = _WIDTH - _LEFT - 110
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="26" font-size="15" fill="#0f172a">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values):
        y = _TOP + number * (_BAR + _GAP)
        colour = _OURS if name == ours else _THEIRS
        width = max(1.0, value / longest * room)
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#0f172a">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 15}" fill="#0f172a">{value:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
