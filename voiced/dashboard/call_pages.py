"""The pages of one call, and the list of past ones. Routes, no more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard
from urllib.parse import urlencode

from quart import Response, request

from voiced.dashboard.files import FileBlocks, NotShown, size_of
from voiced.dashboard.routes import page
from voiced.dashboard.view import call_view, state_words
from voiced.dashboard.wire import PAGE
from voiced.errors import BadRequest, IndexUnavailable
from voiced.explain.answers import answers_of
from voiced.explain.findings import findings_of
from voiced.index.query import CallQuery
from voiced.leg.leg import EndReason
from voiced.picture import drawing_of
from voiced.recording.recording import AUDIO_FILE
from voiced.switchboard.call_request import read_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from quart_trio import QuartTrio

    from voiced.dashboard.audience import LiveCall
    from voiced.dashboard.behind import Dashboard
    from voiced.dashboard.files import CallFiles
    from voiced.index import Page

REASONS = tuple(reason.value for reason in EndReason)


class Desk(Protocol):
    """Who finds calls: `voiced.admin.calls.CallDesk`."""

    def live(self, call_id: str) -> LiveCall | None:
        """Return a live call."""
        ...

    async def document(self, call_id: str) -> dict[str, Any] | None:
        """Return all that is known of a call, None if nothing is."""
        ...

    async def search(self, query: CallQuery) -> Page:
        """Return past calls; raises IndexUnavailable."""
        ...


def add_call_pages(app: QuartTrio, desk: Desk, dashboard: Dashboard, *, has_token: bool) -> None:
    """Add the page of a call with what belongs to it, and the list of past calls."""
    audience, files = dashboard.audience, dashboard.files
    _add_list(app, desk, has_token=has_token)
    _add_sound(app, desk, files)
    _add_wire(app, desk, files, has_token=has_token)

    @app.get("/dashboard/calls/<ref>")
    async def call_page(ref: str) -> Response:
        live, record = desk.live(ref), await desk.document(ref)
        if record is None:
            return page("missing.html", "calls", status=404, has_token=has_token)
        is_over = live is None and "turns" in record
        kept = await files.kept(record) if "turns" in record else set()
        if is_over and kept and _is_cut_off(record):
            with suppress(NotShown):
                record = {**record, "turns": await files.turns(record)}
        return page(
            "call.html",
            "calls" if is_over else "live",
            has_token=has_token,
            call=call_view(record) if live is None else audience.view(live),
            audio_from_s=_audio_from_s(record, kept) if is_over else None,
            has_wire=bool(kept - {AUDIO_FILE}),
            preload="metadata" if AUDIO_FILE in kept else "none",  # else it would be made first
            events=drawing_of(record).markers if "turns" in record else (),
            findings=findings_of(record) if is_over else (),
            answers=answers_of(record),
        )


def _is_cut_off(record: Mapping[str, Any]) -> bool:
    """Whether a crash has cost the record its turns."""
    end = record.get("end") or {}
    return not record["turns"] and end.get("reason") == EndReason.DAEMON_DIED.value


def _audio_from_s(record: Mapping[str, Any], kept: set[str]) -> float | None:
    """Return where on the call's axis its sound begins, None where there is none."""
    if AUDIO_FILE in kept:
        return float(record.get("answered_after_s") or 0.0)
    return 0.0 if kept else None


# -- the list ----------------------------------------------------------------------------------


def _add_list(app: QuartTrio, desk: Desk, *, has_token: bool) -> None:
    @app.get("/dashboard/calls")
    async def past_calls() -> Response:
        given = {name: text for name, text in request.args.items() if text}
        found: list[dict[str, Any]] = []
        next_url, fault = "", ""
        try:
            query = read_request(CallQuery, {"state": "ended", **given})
            result = await desk.search(query)
        except BadRequest as error:
            query, fault = CallQuery(), str(error)
        except IndexUnavailable:
            query, fault = CallQuery(), "The index of calls cannot be asked now; the log says why."
        else:
            found = [_listed(call) for call in result.calls]
            if result.next is not None:
                next_url = _url(given | {"after": str(result.next)})
        return page(
            "calls.html",
            "calls",
            status=400 if fault else 200,
            has_token=has_token,
            asked=given,
            calls=found,
            reasons=REASONS,
            fault=fault,
            next_url=next_url,
        )


def _listed(call: Mapping[str, Any]) -> dict[str, Any]:
    words, tone = state_words(call)
    return {**call, "state_words": words, "tone": tone}


def _url(given: Mapping[str, str]) -> str:
    return f"/dashboard/calls?{urlencode(given)}"


# -- sound and picture -------------------------------------------------------------------------


def _add_sound(app: QuartTrio, desk: Desk, files: CallFiles) -> None:
    @app.get("/dashboard/calls/<ref>/audio.wav")
    async def call_audio(ref: str) -> Response:
        record = await desk.document(ref)
        if not _is_over(record):
            return _none("there is no sound of this call")
        try:
            path = await files.sound(record)
            size = await size_of(path)
        except (NotShown, OSError):
            return _none("there is no sound of this call")
        wanted = request.range
        if wanted is None:
            return _sound(path, 0, size, size)
        span = wanted.range_for_length(size)
        if span is None:
            headers = {"Content-Range": f"bytes */{size}"}
            return Response("no such part", status=416, headers=headers, mimetype="text/plain")
        return _sound(path, *span, size, part=True)

    @app.get("/dashboard/calls/<ref>/picture")
    async def call_picture(ref: str) -> Response:
        record = await desk.document(ref)
        if not _is_over(record):
            return _none("there is no picture of this call")
        try:
            svg = await files.picture(record)
        except NotShown:
            return _none("the picture of this call cannot be drawn; the log says why")
        return Response(svg, content_type="image/svg+xml; charset=utf-8")


def _is_over(record: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    return record is not None and record.get("state") == "ended" and "turns" in record


def _none(sentence: str) -> Response:
    return Response(sentence, status=404, mimetype="text/plain")


def _sound(path: Path, begin: int, end: int, size: int, *, part: bool = False) -> Response:
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
    if part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    status = 206 if part else 200
    blocks = FileBlocks(path, begin, end)
    response = Response(blocks, status=status, headers=headers, content_type="audio/wav")
    response.timeout = None  # as long as a slow line takes
    return response


# -- every wire event --------------------------------------------------------------------------


def _add_wire(app: QuartTrio, desk: Desk, files: CallFiles, *, has_token: bool) -> None:
    @app.get("/dashboard/calls/<ref>/wire")
    async def call_wire(ref: str) -> Response:
        record = await desk.document(ref)
        if record is None or "started_at" not in record:
            return page("missing.html", "calls", status=404, has_token=has_token)
        first, with_media = _first(request.args.get("from", "")), "media" in request.args
        fault, shown = "", _NO_EVENTS
        try:
            shown = await files.wire(record, first=first, with_media=with_media)
        except NotShown:
            fault = "The flight recording of this call is not here, or cannot be read."
        return page(
            "wire.html",
            "calls",
            status=404 if fault else 200,
            has_token=has_token,
            ref=ref,
            call=call_view(record),
            fault=fault,
            first=first + 1,
            with_media=with_media,
            events=shown["events"],
            previous_url=_wire_url(first - PAGE, with_media) if first else "",
            next_url=_wire_url(first + PAGE, with_media) if shown["has_more"] else "",
        )


_NO_EVENTS: dict[str, Any] = {"events": [], "has_more": False}


def _first(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _wire_url(first: int, with_media: bool) -> str:
    query = {"from": str(max(0, first)), **({"media": "1"} if with_media else {})}
    return f"?{urlencode(query)}"
