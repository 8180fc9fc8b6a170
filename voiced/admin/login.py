"""The page that asks a browser for the admin token, and takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from quart import Response, redirect, request

from voiced.admin.guard import LOGIN_PATH, LOGOUT_PATH, is_token
from voiced.admin.origin import is_path_of_ours
from voiced.admin.session import COOKIE, LIVES_S, make_session
from voiced.dashboard.html import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from quart_trio import QuartTrio
    from werkzeug.wrappers import Response as AnyResponse

WRONG_TOKEN_S = 1.0
"""How long a wrong token is thought about: guessing shall be slow."""


def add_login(app: QuartTrio, token: str, wall_clock: Callable[[], float]) -> None:
    """Add both routes; without a token there is nothing to log in to."""

    @app.get(LOGIN_PATH)
    async def login() -> Response | AnyResponse:
        if not token:
            return redirect("/", 303)
        return _page(_wanted(request.args.get("next")))

    @app.post(LOGIN_PATH)
    async def log_in() -> Response | AnyResponse:
        form = await request.form
        wanted = _wanted(form.get("next"))
        if not token or not is_token(token, form.get("token", "")):
            await trio.sleep(WRONG_TOKEN_S)
            return _page(wanted, fault="This is not the token.", status=401)
        response = redirect(wanted, 303)
        response.set_cookie(
            COOKIE,
            make_session(token, wall_clock()),
            max_age=LIVES_S,
            httponly=True,
            samesite="Strict",
            secure=_is_https(),
        )
        return response

    @app.post(LOGOUT_PATH)
    async def log_out() -> AnyResponse:
        response = redirect(LOGIN_PATH, 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=_is_https())
        return response


def _wanted(path: str | None) -> str:
    return path if path and is_path_of_ours(path) else "/"


def _page(wanted: str, fault: str = "", status: int = 200) -> Response:
    return Response(
        render("login.html", wanted=wanted, fault=fault), status=status, mimetype="text/html"
    )


def _is_https() -> bool:
    """Whether the browser speaks TLS, with us or with a proxy before us."""
    return request.scheme == "https" or request.headers.get("X-Forwarded-Proto") == "https"
