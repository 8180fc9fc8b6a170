"""The dashboard in a real browser."""

import time

import pytest
import trio
from selenium.webdriver.common.keys import Keys

from tests.browser import NARROW, WIDE
from tests.dashboard.synthetic import ANSWERS, open_stage
from tests.in_thread import in_thread
from voiced.testing.caller import silent_caller

pytestmark = [pytest.mark.socket, pytest.mark.slow]

TOKEN = "a-long-word"
GREETING = {"provider": "script", "greeting": "Welcome to Riverside Clinic."}


@pytest.fixture
def stage():
    """A house of synthetic calls: `with stage() as inside`; its value is (house, audience, url)."""
    return lambda: in_thread(lambda: open_stage(time.time))  # noqa: TID251  # as the daemon does


def now():
    return trio.current_time()


# Live calls, as they come and go.


def test_a_call_appears_talks_and_leaves_without_a_reload(browser, stage):
    with stage() as inside:
        house, _, url = inside.value
        browser.open(url)
        assert browser.find("#nothing").is_displayed()
        browser.until("document.querySelector('#status.on') !== null")

        call = inside.do(house.new_call)
        browser.until("document.querySelectorAll('.call').length === 1")
        assert "ringing" in browser.find(".call").text
        assert "+13125550001" in browser.find(".call").text

        def talk():
            call.answer(now())
            call.ask("are you open", now(), began=now() - 1)
            call.reply("one two three four", now())
            call.heard("one two three four", now(), share=0.5)

        inside.do(talk)
        browser.until("document.querySelector('.call del.unheard')?.innerText === 'three four'")
        assert "are you open" in browser.find(".call").text
        assert "talking" in browser.find(".call").text
        assert len(browser.all(".strip .caller")) == 1
        assert not browser.find("#nothing").is_displayed()

        inside.do(house.end, call, "agent_hung_up")
        browser.until("document.querySelector('.call.ended') !== null")
        assert "agent hung up" in browser.find(".call").text
        browser.until("document.querySelectorAll('.call').length === 0")


def test_a_calls_words_and_waits_are_read_beside_it_with_the_keyboard_alone(browser, stage):
    with stage() as inside:
        house, _, url = inside.value
        first, second = inside.do(house.new_call), inside.do(house.new_call)

        def talk():
            second.answer(now())
            second.ask("are you open", now(), began=now() - 1)
            second.reply(ANSWERS[0], now())

        inside.do(talk)
        browser.open(url)
        browser.until("document.querySelector('#status.on') !== null")
        browser.js("document.querySelector('a.parties').focus()")
        browser.press(Keys.ARROW_DOWN)
        browser.press(Keys.ENTER)
        browser.until("document.querySelectorAll('#panel .turn').length === 2")
        assert second.ref in browser.js("return location.hash")
        assert "answered after 0.80 s: endpointing 0.30 s" in browser.find(
            "#panel .waterfall svg"
        ).get_attribute("aria-label")
        assert browser.find("#panel .unknown").text == ANSWERS[0]

        inside.do(lambda: second.heard(ANSWERS[0], now()))
        browser.until("document.querySelector('#panel .unknown') === null")
        browser.press(Keys.ESCAPE)
        browser.until("document.querySelector('#panel').hidden")
        assert second.caller in browser.focused.text
        assert first.caller not in browser.focused.text


def test_a_row_that_changes_keeps_the_focus_and_its_link(browser, stage):
    with stage() as inside:
        house, _, url = inside.value
        call = inside.do(house.new_call)
        browser.open(url)
        browser.until("document.querySelector('#status.on') !== null")
        link = browser.find("a.parties")
        browser.js("arguments[0].focus()", link)
        inside.do(lambda: call.answer(now()))
        browser.until("document.querySelector('.call').innerText.includes('talking')")
        inside.do(lambda: call.ask("are you open", now(), began=now() - 1))
        browser.until("document.querySelector('.call').innerText.includes('are you open')")
        assert browser.focused == link
        browser.find("[data-act=transfer]:enabled")


def test_the_filter_leaves_the_calls_that_are_looked_for(browser, stage):
    with stage() as inside:
        house, _, url = inside.value
        for _ in range(3):
            inside.do(house.new_call)
        browser.open(url)
        browser.until("document.querySelectorAll('.call').length === 3")
        browser.find("#filter").send_keys("0002")
        browser.until("document.querySelectorAll('.call:not([hidden])').length === 1")


def test_two_hundred_calls_are_all_shown_and_all_kept_up_to_date(browser, stage):
    with stage() as inside:
        house, audience, url = inside.value
        calls = [inside.do(house.new_call) for _ in range(200)]
        browser.open(url)
        browser.until("document.querySelectorAll('.call').length === 200")
        browser.until("document.querySelector('#status.on') !== null")
        before = audience.statistics.messages

        def talk():
            for n, call in enumerate(calls):
                call.answer(now())
                for k in range(5):
                    call.ask(f"question {n} {k}", now(), began=now() - 1)

        inside.do(talk)
        browser.until(
            "[...document.querySelectorAll('.call')].every((c, n) =>"
            " c.querySelector('.words').textContent.includes(`question ${n} 4`))"
        )
        # A thousand changes came in a few messages.
        assert audience.statistics.messages - before < 10
        assert not browser.overflows


# A real call: acted upon, and looked back at.


@pytest.fixture
def ring(open_house):
    """Have somebody silent ring a real daemon: `with ring() as (inside, url)`."""

    def opener(**tables):
        return in_thread(lambda: open_house(agent=GREETING, **tables))

    return opener


def start_call(inside):
    async def ring_in_background():
        trio.lowlevel.spawn_system_task(inside.value.telnyx.ring, silent_caller())
        await trio.lowlevel.checkpoint()

    inside.do(ring_in_background)


def test_a_call_is_hung_up_only_when_that_was_confirmed_and_is_looked_back_at(browser, ring):
    with ring() as inside:
        house = inside.value
        url = f"http://{house.daemon.admin.address}"
        browser.open(url)
        browser.until("document.querySelector('#status.on') !== null")
        start_call(inside)
        browser.until("document.querySelector('.call .words')?.innerText.includes('Riverside')")

        browser.find("[data-act=transfer]").click()
        browser.find("#transfer-to").send_keys("not a number")
        browser.find("#transfer-dialog [value=yes]").click()
        browser.until(
            "document.querySelector('#transfer-dialog .fault').innerText.includes('E.164')"
        )
        browser.press(Keys.ESCAPE)

        browser.find("[data-act=hangup]").click()
        browser.find("#hangup-dialog [value=no]").click()
        assert inside.do(lambda: len(house.daemon.switchboard.live())) == 1
        browser.find("[data-act=hangup]").click()
        browser.find("#hangup-dialog [value=yes]").click()
        browser.until("document.querySelector('.call.ended') !== null")
        assert "operator hung up" in browser.find(".call").text
        browser.until(lambda: [d["state"] for d in house.documents()] == ["ended"])

        browser.open(f"{url}/dashboard/calls?number=%2B1312*")
        browser.find("table a").click()
        browser.until("document.querySelector('#picture svg.call-picture .cursor') !== null")
        assert "Welcome to Riverside Clinic." in browser.find("#transcript").text
        x = "Number(document.querySelector('#picture .cursor').getAttribute('x1'))"
        before = browser.js(f"return {x}")
        browser.find("#transcript .seek").click()
        browser.until(f"{x} > {before} + 5")
        assert browser.js("return document.querySelector('audio').error") is None
        browser.js("document.querySelector('audio').pause()")

        browser.open(browser.find(".links a").get_attribute("href"))
        assert any("call.initiated" in text for text in browser.texts("td"))
        browser.find("summary").click()
        assert browser.find("details[open] pre").is_displayed()
        # The text that was no number made the browser note the refusal.
        assert [c for c in browser.complaints() if "422" not in c] == []


def test_a_browser_logs_in_and_out(browser, ring):
    with ring(admin={"bind": "127.0.0.1:0", "token": TOKEN}) as inside:
        url = f"http://{inside.value.daemon.admin.address}"
        browser.open(f"{url}/dashboard/calls")
        browser.find("#token").send_keys("wrong", Keys.ENTER)
        browser.until("document.querySelector('.fault') !== null")
        browser.find("#token").send_keys(TOKEN, Keys.ENTER)
        browser.until("location.pathname === '/dashboard/calls'")
        assert browser.js("return document.cookie") == ""
        browser.find(".top form button").click()
        browser.until("location.pathname === '/login'")
        browser.open(url)
        browser.until("location.pathname === '/login'")
        assert [c for c in browser.complaints() if "401" not in c] == []


# For everybody, everywhere.


def test_nothing_keeps_anybody_out_of_a_page_and_no_page_is_wider_than_a_telephone(browser, ring):
    with ring() as inside:
        house = inside.value
        url = f"http://{house.daemon.admin.address}"
        start_call(inside)
        browser.until(lambda: inside.do(lambda: len(house.daemon.switchboard.live())) == 1)
        (ref,) = inside.do(lambda: [ref for ref, _ in house.daemon.switchboard.live()])

        def check(path, ready):
            for size in (WIDE, NARROW):
                browser.resize(size)
                browser.open("about:blank")
                browser.open(f"{url}{path}")
                browser.until(ready)
                assert not browser.overflows, (path, size)
                for scheme in ("light", "dark"):
                    browser.scheme(scheme)
                    assert browser.axe() == [], (path, size, scheme)

        check(f"/#{ref}", "document.querySelector('#panel .turn') !== null")
        check(f"/dashboard/calls/{ref}", "document.querySelector('#status.on') !== null")
        inside.do(lambda: house.daemon.switchboard.find(ref).hung_up("the test"))
        browser.until(lambda: [d["state"] for d in house.documents()] == ["ended"])
        check("/dashboard/calls", "document.querySelector('table') !== null")
        check(f"/dashboard/calls/{ref}", "document.querySelector('.call-picture') !== null")
        check(f"/dashboard/calls/{ref}/wire", "document.querySelector('table') !== null")
