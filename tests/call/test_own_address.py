"""`[server] call_url`: after its first webhook, all of a call comes to the instance that has it."""

import gzip
from urllib.parse import urlsplit

import trio

from tests.call.conftest import start_message
from voiced.flight.entries import COMPRESSED_FILE
from voiced.flight.reading import read_flight
from voiced.flight.recorder import open_flights
from voiced.flight.redaction import redact_file
from voiced.testing.callees import human
from voiced.testing.caller import silent_caller
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, ToneSynthesizer
from voiced.testing.replay.config import replay_config
from voiced.testing.webhooks import Signer

ALL = "https://phone.example.com"
OWN = "https://phone.example.com/i/two"
HOOK = f"{OWN}/telnyx/webhook"
FLEET = {"public_url": ALL, "call_url": OWN}
TO = "+13125550177"


class Behind:
    """A network behind a proxy that knows each instance by its path, and what came by it."""

    def __init__(self, network):
        self._network = network
        self.posted = []
        self.dialled = []

    async def post(self, url, headers, body):
        self.posted.append(url)
        return await self._network.post(_stripped(url), headers, body)

    async def fetch(self, method, url, headers, body=b""):
        return await self._network.fetch(method, _stripped(url), headers, body)

    def open_websocket(self, url, headers):
        self.dialled.append(url)
        return self._network.open_websocket(_stripped(url), headers)


def _stripped(url):
    return url.replace("/i/two/", "/")


async def test_only_the_first_webhook_of_a_call_comes_by_the_address_of_all(
    open_world, autojump_clock
):
    async with open_world(server=FLEET) as world:
        world.telnyx.webhook_url = f"{ALL}/telnyx/webhook"
        world.telnyx.network = behind = Behind(world.telnyx.network)
        report = await world.ring(silent_caller(hangs_up_s=2.0))
    assert report.violations == ()
    assert report.ended_by == "caller"
    assert behind.posted[0] == f"{ALL}/telnyx/webhook"
    assert len(behind.posted) > 3
    assert set(behind.posted[1:]) == {HOOK}
    assert [urlsplit(url).path.rsplit("/", 1)[0] for url in behind.dialled] == [
        "/i/two/telnyx/media"
    ]


async def test_a_call_that_we_place_is_told_of_at_its_own_address_from_the_start(
    open_world, autojump_clock
):
    async with open_world(server=FLEET) as world:
        world.telnyx.webhook_url = f"{ALL}/telnyx/webhook"
        world.telnyx.network = behind = Behind(world.telnyx.network)
        world.telnyx.directory.entries[TO] = human(hangs_up_s=1.0)
        world.dial(TO)
        await world.telnyx.dialled()
    assert set(behind.posted) == {HOOK}


async def test_the_leg_of_a_transfers_target_is_told_of_there_too(open_line, autojump_clock):
    async def greet(reply):
        reply.transfer(TO)

    async with open_line(
        agent=FunctionAgent(greet=greet),
        recognizer=ScriptedRecognizer(),
        synthesizer=ToneSynthesizer(),
        server={"insecure": True, **FLEET},
    ) as line:
        await line.ring()
        assert line.commands[0][1]["webhook_url"] == HOOK
        async with line.media(_stripped(line.media_url)) as socket:
            await socket.send_text(start_message())
            await line.settle()
            assert line.actions() == ["answer", "transfer"]
            assert line.commands[1][1]["webhook_url"] == HOOK
            await line.webhook("call.bridged")
            await line.webhook("call.hangup", hangup_cause="normal_clearing")


async def test_whoever_is_answered_only_to_be_turned_away_is_heard_at_our_own_address(
    open_line, autojump_clock
):
    async with open_line(
        call={"max_concurrent": 1},
        inbound={"when_full": "message"},
        server={"insecure": True, **FLEET},
    ) as line:
        await line.ring("v3:first")
        await line.ring("v3:second")
        assert [body["webhook_url"] for _, body in line.commands] == [HOOK, HOOK]
        for call in ("v3:first", "v3:second"):
            await line.webhook("call.hangup", call, hangup_cause="normal_clearing")
        await line.settle()


async def test_without_a_call_url_telnyx_is_not_told_where_to_post(open_line, autojump_clock):
    async with open_line() as line:
        await line.ring()
        assert "webhook_url" not in line.commands[0][1]
        await line.webhook("call.hangup", hangup_cause="normal_clearing")
        await line.settle()


async def test_its_flight_recording_is_replayed_with_it_and_shown_without_it(
    open_world, tmp_path, autojump_clock
):
    async with (
        open_flights(lambda record: tmp_path / record["ref"], run_inline) as flights,
        open_world(server=FLEET, flights=flights) as world,
    ):
        world.telnyx.network = Behind(world.telnyx.network)
        await world.ring(silent_caller(hangs_up_s=2.0))
    (path,) = tmp_path.glob(f"*/{COMPRESSED_FILE}")
    redacted = redact_file(path, tmp_path / "redacted.jsonl.gz")
    text = gzip.decompress(redacted.read_bytes()).decode()
    assert "example.com" not in text
    assert "https://voiced.invalid/i/two/telnyx/webhook" in text
    config = replay_config(read_flight(redacted), Signer())
    assert config.call_webhook_url == "https://voiced.invalid/i/two/telnyx/webhook"


async def run_inline(function, *args):
    await trio.lowlevel.checkpoint()
    function(*args)
