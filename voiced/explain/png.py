"""A picture as PNG: what a mail or a ticket takes. Needs the extra `png`, and a font.

resvg draws it with the fonts of this machine. Where the one that it is asked for is not there, it
leaves all words out and says nothing: so that is tried first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiced.errors import VoicedError

if TYPE_CHECKING:
    from collections.abc import Callable

FONTS = ("DejaVu Sans", "Liberation Sans", "Noto Sans", "Roboto", "Arial", "Helvetica")
"""Tried in this order; those that servers have come first."""

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'
_EMPTY = _SVG.format("")
_LETTER = _SVG.format('<text y="15" font-size="15" font-family="sans-serif">W</text>')


def png_painter() -> Callable[[str], bytes]:
    """Return what makes PNG of SVG: in light colours, a pixel for each of its units.

    Raises:
        VoicedError: the extra is not installed, or no font is.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise VoicedError(
            "a PNG needs the package resvg-py: pip install 'voiced[png]', or write an SVG"
        ) from None
    empty = svg_to_bytes(svg_string=_EMPTY)
    for font in FONTS:
        if svg_to_bytes(svg_string=_LETTER, sans_serif_family=font) != empty:
            return lambda svg: svg_to_bytes(svg_string=svg, sans_serif_family=font)
    raise VoicedError(
        f"a PNG needs one of the fonts {', '.join(FONTS)}: apt install fonts-dejavu-core, "
        "or write an SVG"
    )
