"""The admin listener: is it alive, is it ready, which calls are up, and what shall become of them.

Loopback by default. `guard` says who may ask, `bodies` reads what they send, `calls` does it;
`openapi` describes it. People look at the dashboard (`voiced.dashboard`), after a `login` where a
token is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Response, jsonify
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from voiced.admin.bodies import BODY_TIMEOUT_S, MOST_BYTES, read_body
from voiced.admin.calls import CallDesk, add_call_routes
from voiced.admin.elders import add_elders
from voiced.admin.guard import add_guard
from voiced.admin.login import add_login
from voiced.admin.openapi import OPENAPI_PATH, openapi_document
from voiced.admin.webhooks import add_webhook_routes
from voiced.dashboard.call_pages import add_call_pages
from voiced.dashboard.routes import add_live_pages
from voiced.errors import BadRequest, CannotDial, IndexUnavailable
from voiced.handover import Elders
from voiced.log import get_logger
from voiced.metrics import CONTENT_TYPE
from voiced.switchboard.call_request import NothingMore

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.dashboard.behind import Dashboard
    from voiced.index import CallIndex
    from voiced.metrics import Metrics
    from voiced.outbox import Outbox
    from voiced.record.store import RecordStore
    from voiced.switchboard.dialer import Dialer
    from voiced.switchboard.switchboard import Switchboard

__all__ = ["make_admin_app"]

log = get_logger(__name__)

RETRY_AFTER_S = "1"


def make_admin_app(
    switchboard: Switchboard,
    dialer: Dialer,
    records: RecordStore,
    index: CallIndex | None,
    metrics: Metrics,
    elders: Elders | None = None,
    dashboard: Dashboard | None = None,
    *,
    outbox: Outbox | None = None,
    token: str,
    drain: Callable[[], None],
    wall_clock: Callable[[], float],
    only_known: bool = False,
) -> QuartTrio:
    """Return the ASGI application of the admin listener.

    Args:
        switchboard: the live calls.
        dialer: the calls that we place.
        records: the calls that have ended.
        index: finds them, and those of other instances; None where there is no disk.
        metrics: what Prometheus asks for.
        elders: older processes that still have calls; None = there are none.
        dashboard: what is behind its pages; None for no pages.
        outbox: what others are told of calls; None = nobody is told anything.
        token: whoever asks must have it; "" for none.
        drain: lets the daemon end when its calls have ended.
        wall_clock: unix seconds.
        only_known: refuse what names no call of this process (status 421).
    """
    elders = Elders() if elders is None else elders
    app = QuartTrio("voiced-admin", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    add_guard(app, token, wall_clock)
    add_elders(app, switchboard, dialer, elders, only_known=only_known)
    add_login(app, token, wall_clock)
    _add_error_handlers(app)
    _add_health_routes(app, switchboard, drain)
    desk = CallDesk(switchboard, dialer, records, index)
    add_call_routes(app, desk, dialer, elders)
    add_webhook_routes(app, outbox)
    if dashboard is not None:
        add_live_pages(app, dashboard.audience, has_token=bool(token))
        add_call_pages(app, desk, dashboard, has_token=bool(token))

    @app.get(OPENAPI_PATH)
    async def openapi() -> Response:
        return jsonify(openapi_document(dialer.lines))

    @app.get("/metrics")
    async def scrape() -> Response:
        for path, reply in (await elders.everywhere("/metrics")).items():
            metrics.inheritance.tell(str(path), reply.body.decode())
        # An elder tells of itself: whoever asks it, asks the others, too.
        return Response(metrics.render(alone=only_known), content_type=CONTENT_TYPE)

    return app


def _add_health_routes(app: QuartTrio, switchboard: Switchboard, drain: Callable[[], None]) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        return jsonify({"alive": switchboard.n_calls >= 0})  # it has been asked

    @app.get("/readyz")
    async def readyz() -> tuple[Response, int]:
        ready = not switchboard.is_draining
        return jsonify({"ready": ready}), 200 if ready else 503

    @app.post("/drain")
    async def start_drain() -> tuple[Response, int]:
        await read_body(NothingMore)
        drain()
        return jsonify({"draining": True, "calls": len(switchboard.snapshot())}), 202


def _add_error_handlers(app: QuartTrio) -> None:
    """Give every refusal the same form, `{"error": one sentence}`."""

    @app.errorhandler(BadRequest)
    async def faulty(error: BadRequest) -> tuple[Response, int]:
        return _error(str(error)), error.status

    @app.errorhandler(CannotDial)
    async def undialled(error: CannotDial) -> tuple[Response, int]:
        response = _error(str(error))
        if error.status == 429:
            response.headers["Retry-After"] = RETRY_AFTER_S
        return response, error.status

    @app.errorhandler(IndexUnavailable)
    async def unindexed(error: IndexUnavailable) -> tuple[Response, int]:
        log.warning("index of calls not asked", reason=str(error))
        return _error("the index of calls cannot be asked now; the log says why"), 503

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        response = _error(_SENTENCES.get(status) or error.name.lower())
        if allowed := getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response, status


def _error(sentence: str) -> Response:
    return jsonify({"error": sentence})


_SENTENCES = {
    404: "there is nothing here",
    405: "this method is not known here",
    408: "the body did not come in time",
    413: f"the body is larger than {MOST_BYTES} bytes",
    500: "a fault of voiced; its log has the traceback",
}
