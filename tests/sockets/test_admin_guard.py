"""The admin listener and browsers: logging in, and what other sites' pages may not do."""

import httpx
import pytest

from voiced.admin.session import COOKIE

pytestmark = pytest.mark.socket

TOKEN = "a-long-word"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
JSON = {"Content-Type": "application/json"}


def client(hand):
    return httpx.AsyncClient(
        base_url=f"http://{hand.daemon.admin.address}", trust_env=False, timeout=5
    )


def of_this_site(hand):
    return {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{hand.daemon.admin.address}"}


async def log_in(http, hand, token, wanted="/"):
    return await http.post(
        "/login", data={"token": token, "next": wanted}, headers=of_this_site(hand)
    )


async def test_a_browser_logs_in_once_and_out_again(open_hand):
    async with open_hand(admin={"token": TOKEN}) as hand, client(hand) as http:
        asked = await http.get("/?x=1", headers=PAGE)
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/%3Fx%3D1")
        page = await http.get("/login", headers=PAGE)
        assert page.status_code == 200
        assert 'type="password"' in page.text

        entered = await log_in(http, hand, TOKEN, "/?x=1")
        assert (entered.status_code, entered.headers["location"]) == (303, "/?x=1")
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert (await http.get("/", headers=PAGE)).status_code == 200
        assert (await http.get("/calls")).json() == {"calls": []}

        left = await http.post("/logout", headers=of_this_site(hand))
        assert left.headers["location"] == "/login"
        assert (await http.get("/calls")).status_code == 401


async def test_a_wrong_token_is_told_so_and_gets_no_cookie(open_hand, monkeypatch):
    monkeypatch.setattr("voiced.admin.login.WRONG_TOKEN_S", 0)
    async with open_hand(admin={"token": TOKEN}) as hand, client(hand) as http:
        for wrong in ("", "wrong", TOKEN[:-1], "ä\udcff"):
            data = f"token={wrong}".encode("utf-8", "surrogateescape")
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await http.post("/login", content=data, headers=kind | of_this_site(hand))
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers


async def test_a_login_leads_to_no_other_place(open_hand):
    async with open_hand(admin={"token": TOKEN}) as hand, client(hand) as http:
        answer = await log_in(http, hand, TOKEN, "//evil.example/")
        assert answer.headers["location"] == "/"


async def test_without_a_token_there_is_nothing_to_log_in_to(open_hand):
    async with open_hand() as hand, client(hand) as http:
        assert (await http.get("/login", headers=PAGE)).headers["location"] == "/"


@pytest.mark.parametrize("admin", [{}, {"token": TOKEN}])
async def test_another_sites_page_changes_nothing_and_reads_nothing(open_hand, admin):
    async with open_hand(admin=admin) as hand, client(hand) as http:
        if admin:
            await log_in(http, hand, TOKEN)
        for stranger in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        ):
            drained = await http.post("/drain", headers=JSON | stranger, content=b"{}")
            assert drained.status_code == 403, stranger
            assert (await http.get("/calls", headers=stranger)).status_code == 403, stranger
        assert not hand.daemon.switchboard.is_draining


async def test_a_cookie_alone_places_no_call(open_hand):
    async with open_hand(admin={"token": TOKEN}) as hand, client(hand) as http:
        await log_in(http, hand, TOKEN)
        assert (await http.post("/drain", headers=JSON, content=b"{}")).status_code == 403
        own = JSON | of_this_site(hand)
        assert (await http.post("/drain", headers=own, content=b"{}")).status_code == 202


async def test_every_answer_forbids_what_pages_of_ours_do_not_do(open_hand):
    async with open_hand() as hand, client(hand) as http:
        for path in ("/", "/calls", "/nothing", "/livez"):
            headers = (await http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
