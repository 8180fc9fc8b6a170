"""`voiced explain ID`: the story of one call, from its record. IO.

Everything is read from files, so that it works when the daemon does not. Only of a call that lives,
or whose record is not here, the daemon is asked, if one answers.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voiced.errors import BadRequest, CallNotFound, VoicedError
from voiced.explain.places import Place, find_call
from voiced.explain.png import png_painter
from voiced.explain.tale import document_of, tell
from voiced.flight.call_sound import read_sound
from voiced.flight.recovery import recovered
from voiced.picture import drawing_of, picture_svg
from voiced.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainOptions:
    """What to explain.

    Attributes:
        call_id: see `find_call`.
        root: `[records] path`.
        as_json: for programs.
        picture: where a picture is written, .svg or .png; None for none.
    """

    call_id: str
    root: Path
    as_json: bool = False
    picture: Path | None = None


def run(
    options: ExplainOptions,
    say: Callable[[str], None],
    ask_daemon: Callable[[str], Mapping[str, Any]],
) -> int:
    """Tell the story; returns the exit code.

    Args:
        options: what to explain.
        say: writes a line to stdout.
        ask_daemon: returns what the running daemon knows of a call; raises VoicedError.

    Raises:
        BadRequest: the picture cannot be of that kind.
        VoicedError: there is no such call; the picture cannot be made, or not be written.
    """
    paint = None if options.picture is None else _painter(options.picture)
    directory, record = _find(options, ask_daemon)
    if directory is not None:
        with Progress("reading what was said") as progress:
            record = recovered(directory, record, progress)
    if options.as_json:
        say(json.dumps(document_of(record), ensure_ascii=False))
    else:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in tell(record, colours=colours):
            say(line)
    if options.picture is not None and paint is not None:
        _draw(options.picture, paint, directory, record)
        if not options.as_json:
            say(f"picture: {options.picture}")
    return 0


def _find(
    options: ExplainOptions, ask_daemon: Callable[[str], Mapping[str, Any]]
) -> tuple[Path | None, Mapping[str, Any]]:
    """Return a call's directory, None if it is not here, and its record."""
    place: Place | None = None
    missing: CallNotFound | None = None
    with Progress("looking for the call") as progress:
        try:
            place = find_call(options.root, options.call_id, progress)
        except CallNotFound as not_found:
            missing = not_found
    if place is not None and place.record.get("state") != "live":
        return place.directory, place.record
    name = options.call_id if place is None else str(place.record.get("ref", options.call_id))
    try:
        return (place.directory if place else None), ask_daemon(name)
    except VoicedError:
        if missing is not None:
            raise missing from None
    assert place is not None
    return place.directory, place.record


def _painter(path: Path) -> Callable[[str], bytes]:
    """Return what makes of SVG what the file's name asks for."""
    match path.suffix.lower():
        case ".svg":
            return lambda svg: svg.encode("utf-8", "replace")
        case ".png":
            return png_painter()
        case _:
            raise BadRequest(
                f"--picture {path}: pictures are written as SVG or PNG; "
                f"name it {path.with_suffix('.svg')} or {path.with_suffix('.png')}"
            )


def _draw(
    path: Path,
    paint: Callable[[str], bytes],
    directory: Path | None,
    record: Mapping[str, Any],
) -> None:
    with Progress("reading the audio") as progress:
        length_s = record.get("duration_s")
        whole = f" of {length_s:.0f} s" if length_s is not None else ""
        sound = None
        if directory is not None:
            sound = read_sound(directory, record, lambda s: progress(f"{s:.0f}{whole}"))
    picture = paint(picture_svg(drawing_of(record, sound)))
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise VoicedError(f"--picture {path}: {error.strerror or error}") from error
