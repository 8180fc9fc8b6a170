"""What an agent does by phone becomes JSON, and the same again."""

import json

import pytest
import trio

from voiced.errors import CommandFailed
from voiced.flight.taps.phone import TappedPhone, restore
from voiced.telnyx import commands


class KeptSteps:
    """Keeps what is noted."""

    def __init__(self):
        self.noted = []

    def number(self):
        return len(self.noted)

    def note(self, kind, **data):
        self.noted.append((kind, json.loads(json.dumps(data))))

    def taken(self):
        pass


class Handset:
    """Keeps what is done with it."""

    def __init__(self, error=None):
        self.done = []
        self._error = error

    async def do(self, kind, **arguments):
        self.done.append((kind, arguments))
        await trio.lowlevel.checkpoint()
        if self._error is not None:
            raise self._error
        return {"result": "ok"}

    async def press(self, digits, **arguments):
        await trio.sleep_forever()


def tapped(handset, steps):
    return TappedPhone(handset, steps)


HEADERS = {"X-Account": "12"}
OPTIONS = commands.RecordOptions(channels="single")


async def test_any_argument_comes_back_as_it_was():
    steps, handset = KeptSteps(), Handset()
    phone = tapped(handset, steps)
    answer = await phone.do(commands.SendDtmf, digits="1", custom_headers=HEADERS, record=OPTIONS)
    assert answer == {"result": "ok"}
    (_, begun), (_, ended) = steps.noted
    assert begun["method"] == "do"
    named = {name: restore(value) for name, value in begun["named"].items()}
    assert named == {
        "kind": commands.SendDtmf,
        "digits": "1",
        "custom_headers": HEADERS,
        "record": OPTIONS,
    }
    assert ended == {"act": begun["act"]}


async def test_a_refusal_is_noted_and_rises():
    refused = CommandFailed("send_dtmf", "no such key", status=422, code="90015")
    steps = KeptSteps()
    with pytest.raises(CommandFailed):
        await tapped(Handset(refused), steps).do(commands.SendDtmf, digits="1")
    error = steps.noted[-1][1]["error"]
    assert error == {
        "type": "CommandFailed",
        "action": "send_dtmf",
        "reason": "no such key",
        "status": 422,
        "code": "90015",
    }


async def test_what_is_given_up_is_told_from_what_has_ended(autojump_clock):
    steps = KeptSteps()
    with trio.move_on_after(1):
        await tapped(Handset(), steps).press("123")
    assert steps.noted[0][1]["named"] == {"digits": "123"}
    assert steps.noted[-1] == ("phone_done", {"act": steps.noted[0][1]["act"], "cancelled": True})
