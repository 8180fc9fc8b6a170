"""The page of live calls without scripts, its files, and how many may look."""

import pytest

from tests.dashboard.synthetic import NOON, SyntheticHouse, make_app
from voiced.dashboard.assets import asset_url, assets
from voiced.dashboard.audience import MOST_SEATS


@pytest.fixture
def house():
    return SyntheticHouse(lambda: NOON)


async def test_the_page_shows_the_calls_of_the_moment_without_scripts(house, autojump_clock):
    app, _ = make_app(house)
    house.new_call(caller="+13125550142")
    response = await app.test_client().get("/", headers={"Host": "127.0.0.1"})
    text = await response.get_data(as_text=True)
    assert "+13125550142" in text
    assert "ringing" in text
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick" not in text


@pytest.mark.parametrize("name", sorted(assets()))
async def test_a_file_may_be_kept_for_good_under_the_address_of_its_content(house, name):
    client = make_app(house)[0].test_client()
    current = await client.get(asset_url(name), headers={"Host": "127.0.0.1"})
    assert current.status_code == 200
    assert "immutable" in current.headers["Cache-Control"]
    stale = await client.get(asset_url(name) + "0", headers={"Host": "127.0.0.1"})
    assert stale.headers["Cache-Control"] == "no-cache"


async def test_no_other_file_is_given(house):
    client = make_app(house)[0].test_client()
    for name in ("nothing.js", "..%2fhtml.py", "__init__.py"):
        path = f"/dashboard/assets/{name}"
        assert (await client.get(path, headers={"Host": "127.0.0.1"})).status_code == 404


async def test_no_more_browsers_look_than_may(house, autojump_clock):
    app, audience = make_app(house)
    with audience.seat("") as seat:
        audience._seats.extend([seat] * (MOST_SEATS - 1))
        response = await app.test_client().get("/dashboard/stream", headers={"Host": "127.0.0.1"})
        assert response.status_code == 503
        del audience._seats[1:]
