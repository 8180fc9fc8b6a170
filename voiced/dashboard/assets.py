"""The files that pages of the dashboard are made with: one style sheet, small scripts, an icon.

They come from this package and from nowhere else. Their address changes with what is in them, so
that a browser may keep them for good.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from voiced.picture import STYLE as PICTURE_STYLE

ASSETS_PATH = "/dashboard/assets/"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file and how it is sent; `version` is a digest of it."""

    data: bytes
    content_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files, by name."""
    found = {}
    for file in files("voiced.dashboard").joinpath("assets").iterdir():
        if file.name.endswith(tuple(_TYPES)):
            found[file.name] = _asset(file.name, file.read_bytes())
    found["picture.css"] = _asset("picture.css", PICTURE_STYLE.encode())
    return found


def _asset(name: str, data: bytes) -> Asset:
    version = hashlib.sha256(data).hexdigest()[:12]
    return Asset(data, _TYPES[name[name.rfind(".") :]], version)


def asset_url(name: str) -> str:
    """Return the address of a file."""
    return f"{ASSETS_PATH}{name}?v={assets()[name].version}"
