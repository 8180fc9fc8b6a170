"""Makes the golden recordings anew: `make goldens`.

Calls of the emulated Telnyx and a daemon, on the virtual clock, recorded by the flight recorder. To
be run when a recording's format has changed or a call is added; look at what has changed in them
(`voiced replay`, before and after) before they are committed.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import numpy as np
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trio.testing import MockClock

from tests.call.conftest import open_lasting
from voiced.agent.echo import EchoAgent
from voiced.agent.script import ScriptAgent, ScriptSettings
from voiced.call.dialing import DialOrder
from voiced.config import parse_config
from voiced.errors import SynthesizerFailed
from voiced.flight.entries import COMPRESSED_FILE
from voiced.flight.recorder import open_flights
from voiced.log import configure_logging
from voiced.recognizer.embedded import EmbeddedRecognizer, EmbeddedSettings
from voiced.recognizer.inline import InlineDecoder
from voiced.recognizer.silero import SileroNetwork
from voiced.record.journal import Unobserved
from voiced.record.store import RecordStore
from voiced.server.core import Core, open_core
from voiced.services.services import Services, Staff
from voiced.synthesizer.flite import FliteSettings, FliteSynthesizer
from voiced.telnyx.rest import open_telnyx
from voiced.testing.account import TexmlApplication
from voiced.testing.callees import Callee, answering_machine, busy, human, murmur
from voiced.testing.caller import (
    Line,
    PlayedCaller,
    ScriptedCaller,
    silent_caller,
    tone,
    tone_caller,
)
from voiced.testing.emulator import CONNECTION_ID, Account, EmulatedTelnyx, open_emulator
from voiced.testing.faults import NO_FAULTS, Faults, RestFault
from voiced.testing.memory import CoreNetwork
from voiced.testing.network import AsgiNetwork
from voiced.testing.providers import FunctionAgent, ScriptedRecognizer, Speech, ToneSynthesizer
from voiced.testing.rules import CallRules
from voiced.testing.scheduling import shuffled_by
from voiced.testing.speech import speak_all
from voiced.turns.expect import ExpectDigits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from voiced.recognizer.base import Recognizer

HERE = Path(__file__).parent
WALL = 1_800_000_000.0
KEY = Ed25519PrivateKey.from_private_bytes(b"golden recordings of voiced 32 B")


async def in_place(work, *args):
    await trio.lowlevel.checkpoint()
    return work(*args)


# -- who takes part -------------------------------------------------------------------------------


async def greet(reply):
    await reply.say("Hello, this is the test line. How can I help you today?")


async def respond(turn, reply):
    if "goodbye" in turn.text:
        await reply.say("Goodbye, and thank you for calling.")
        reply.hang_up()
    elif "person" in turn.text:
        await reply.say("One moment please.")
        reply.transfer(PERSON)
    else:
        await reply.say(f"You said {turn.text or 'nothing'}. What else can I do for you?")


async def nudge(silences, reply):
    if silences == 2:
        await reply.say("I will hang up now. Goodbye.")
        reply.hang_up()
    else:
        await reply.say("Are you still there?")


async def take_back(reason, reply):
    await reply.say(f"I could not put you through: {reason}. What else can I do for you?")


def talker():
    return FunctionAgent(greet=greet, respond=respond, nudge=nudge, take_back=take_back)


def tones(error: Exception | None = None) -> ToneSynthesizer:
    return ToneSynthesizer(rate_hz=8000, error=error)


def keyed():
    async def ask(reply):
        await reply.say("Please key in your number.")
        reply.expect(ExpectDigits(max_length=4))

    async def take(turn, reply):
        await reply.say(f"You keyed in {turn.digits or 'nothing'}. Goodbye.")
        reply.hang_up()

    return FunctionAgent(greet=ask, respond=take)


def by_phone():
    """An agent who has Telnyx do things: a file, keys both ways, and what is cut or given up."""

    async def welcome(reply):
        await reply.say("Welcome to the gate.")

    async def act(turn, reply):
        if "gate" in turn.text:
            await reply.wait_heard()
            await reply.phone.press("1w9")
            with trio.move_on_after(0.5):
                await reply.phone.play(SONG)
            await reply.say("The gate is open.")
        elif "code" in turn.text:
            told = await reply.phone.gather_using_speak("Key in your code.", maximum_digits=2)
            await reply.say(f"Thank you for {len(told.digits) if told else 0} keys.")
        elif "song" in turn.text:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reply.phone.play, SONG)
                await reply.say("This is our song, and you may cut in at any time.")
        else:
            await reply.say("Goodbye.")
            reply.hang_up()

    return FunctionAgent(greet=welcome, respond=act)


def words(*script: Speech, **more: Any) -> Staff:
    """A dialogue with a recognizer that tells `script`, spoken in tones."""
    return Staff(
        agent=talker(),
        recognizer=ScriptedRecognizer(script, more.get("recognizer_error")),
        synthesizer=tones(more.get("synthesizer_error")),
    )


async def embedded(stack: AsyncExitStack) -> Staff:
    """What the daemon has when nothing is configured, in place of threads and processes."""
    voice = FliteSettings(voice="kal16")
    decoder = InlineDecoder(latency_s=0.2)
    recognizer = EmbeddedRecognizer(EmbeddedSettings(), decoder, SileroNetwork())
    return Staff(
        agent=await stack.enter_async_context(ScriptAgent.open(ScriptSettings())),
        recognizer=cast("Recognizer", recognizer),
        synthesizer=await stack.enter_async_context(
            FliteSynthesizer.open(voice, run_sync=in_place)
        ),
    )


async def spoken_caller(*texts: str) -> ScriptedCaller:
    spoken = await speak_all(list(texts), voice="kal16")
    return ScriptedCaller(
        [Line(pcm=pcm, text=text) for pcm, text in zip(spoken, texts, strict=True)]
    )


# -- the calls ------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Golden:
    """One call. `caller` and `staff` may be made when they are needed; `meanwhile` runs beside."""

    caller: Any = field(default_factory=silent_caller)
    staff: Any = None
    faults: Faults = NO_FAULTS
    rules: CallRules = field(default_factory=lambda: CallRules(background_dbfs=None))
    tables: dict[str, Any] = field(default_factory=dict)
    callees: dict[str, Callee] = field(default_factory=dict)
    dials: bool = False
    texml: TexmlApplication | None = None
    files: dict[str, Any] = field(default_factory=dict)
    meanwhile: Callable[[Core], Awaitable[None]] | None = None


async def drain_at_4_s(core):
    await trio.sleep(4)
    with trio.move_on_after(2):
        await core.switchboard.drain()
    await core.switchboard.close()


TEXML = "http://voiced/telnyx/texml"
PERSON, CALLEE = "+13125550142", "+13125550177"
SONG = "https://sounds.test/song.mp3"
SILENCE = np.zeros(0, np.int16)
GOODBYE = Speech(from_s=4.0, to_s=5.0, text="goodbye")

GOLDENS: dict[str, Golden] = {
    "spoken": Golden(
        caller=lambda: spoken_caller("When are you open?", "No thank you, goodbye."),
        staff=embedded,
    ),
    "echo": Golden(
        caller=tone_caller(hangs_up_s=2.5),
        staff=Staff(agent=EchoAgent()),
        tables={"agent": {"provider": "echo"}},
    ),
    "barge_in": Golden(
        staff=words(
            Speech(from_s=1.2, to_s=2.4, text="opening hours"),
            Speech(from_s=8.0, to_s=8.8, text="goodbye"),
        )
    ),
    "early_hangup": Golden(
        staff=words(),
        faults=Faults(gives_up_s=0.03),
    ),
    "caller_hangs_up": Golden(caller=silent_caller(hangs_up_s=1.7), staff=words()),
    "silence": Golden(staff=words(), tables={"call": {"silence_timeout_s": 3.0}}),
    "synthesizer_fails": Golden(
        staff=words(synthesizer_error=SynthesizerFailed("tone", "no voice today"))
    ),
    "reconnect": Golden(staff=words(GOODBYE), faults=Faults(socket_drops_s=2.3)),
    "lossy_line": Golden(
        caller=tone_caller(hangs_up_s=3.0),
        staff=Staff(agent=EchoAgent()),
        faults=Faults(media=".....-....x....2....---....", duplicates=frozenset({"*"})),
        tables={"agent": {"provider": "echo"}},
    ),
    "rest_trouble": Golden(
        staff=words(GOODBYE),
        faults=Faults(
            rest=(
                RestFault(action="answer", trouble="fail", times=2),
                RestFault(action="hangup", trouble="drop", carried_out=True),
            )
        ),
    ),
    "keys": Golden(
        caller=PlayedCaller(SILENCE, keys=[(4.0, "4"), (4.4, "2"), (4.9, "#")]),
        staff=Staff(agent=keyed(), recognizer=ScriptedRecognizer(), synthesizer=tones()),
    ),
    "phone": Golden(
        caller=PlayedCaller(SILENCE, keys=[(13.0, "4"), (13.4, "2")]),
        staff=Staff(
            agent=by_phone(),
            recognizer=ScriptedRecognizer(
                (
                    Speech(from_s=2.0, to_s=2.8, text="open the gate"),
                    Speech(from_s=8.0, to_s=8.8, text="my code"),
                    Speech(from_s=16.0, to_s=16.8, text="a song please"),
                    Speech(from_s=19.0, to_s=19.9, text="goodbye then"),
                )
            ),
            synthesizer=tones(),
        ),
        files={SONG: tone(700.0, 4.0)},
    ),
    "transfer": Golden(
        staff=words(Speech(from_s=4.0, to_s=5.0, text="a person please")),
        callees={PERSON: human(after_s=1.5, hangs_up_s=3.0)},
        tables={"media": {"codec": "PCMA", "bidirectional_codec": "PCMA"}},
    ),
    "transfer_fails": Golden(
        staff=words(
            Speech(from_s=4.0, to_s=5.0, text="a person please"),
            Speech(from_s=14.0, to_s=15.0, text="goodbye"),
        ),
        callees={PERSON: busy(after_s=1.5)},
    ),
    "outbound": Golden(
        staff=words(Speech(from_s=7.0, to_s=8.0, text="goodbye")),
        callees={CALLEE: human(after_s=1.5)},
        dials=True,
    ),
    "outbound_busy": Golden(staff=words(), callees={CALLEE: busy(after_s=1.0)}, dials=True),
    "voicemail": Golden(
        staff=words(),
        callees={CALLEE: answering_machine(murmur(2.0), after_s=1.0)},
        dials=True,
    ),
    "wideband": Golden(
        caller=tone_caller(hangs_up_s=2.5),
        staff=Staff(agent=EchoAgent()),
        tables={
            "agent": {"provider": "echo"},
            "media": {"codec": "L16", "bidirectional_codec": "L16", "sample_rate": 16000},
        },
    ),
    "texml": Golden(
        staff=words(GOODBYE),
        faults=Faults(socket_drops_s=2.3),
        texml=TexmlApplication(id="16", voice_url=TEXML, status_callback=f"{TEXML}/status"),
        tables={"media": {"codec": "L16", "bidirectional_codec": "L16", "sample_rate": 16000}},
    ),
    "texml_get": Golden(
        caller=silent_caller(hangs_up_s=1.7),
        staff=words(),
        texml=TexmlApplication(id="16", voice_url=TEXML, voice_method="get"),
    ),
    "drained": Golden(staff=words(), meanwhile=drain_at_4_s),
}


async def record(name: str, golden: Golden, folder: Path) -> Path:
    """Hold one call and return its recording."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        account = Account(signing_key=KEY, wall=lambda: WALL + trio.current_time())
        telnyx: EmulatedTelnyx = await enter(
            open_emulator(AsgiNetwork(None), "http://voiced/telnyx/webhook", account=account)
        )
        config = parse_config(
            {
                "telnyx": {
                    "public_key": telnyx.public_key,
                    "api_key": telnyx.api_key,
                    "api_base": "http://127.0.0.1/v2",
                    "connection_id": CONNECTION_ID,
                },
                "outbound": {"caller_id": "+13125550199", "voicemail_message": "Please call back."},
                "server": {"public_url": "http://voiced"},
                **golden.tables,
            },
            {},
        )
        staff = golden.staff if isinstance(golden.staff, Staff) else await golden.staff(stack)
        caller = await golden.caller() if callable(golden.caller) else golden.caller
        records = RecordStore(folder / name, in_place)
        client = await enter(
            open_telnyx(
                config.telnyx.api_base,
                telnyx.api_key,
                transport=httpx.ASGITransport(telnyx.app),
                jitter=lambda: 0.25,
            )
        )
        flights = await enter(open_flights(records.directory, in_place))
        lasting = await enter(open_lasting(folder, client, records))
        services = Services(
            config=config,
            telnyx=client,
            staff={"": staff},
            records=records,
            **lasting,
            observer=Unobserved(),
            flights=flights,
        )
        core = await enter(open_core(services, wall_clock=lambda: WALL + trio.current_time()))
        telnyx.network = CoreNetwork(core)
        telnyx.directory.entries.update(golden.callees)
        telnyx.media.update(golden.files)
        async with trio.open_nursery() as nursery:
            if golden.meanwhile is not None:
                nursery.start_soon(golden.meanwhile, core)
            if golden.dials:
                telnyx.dialling.rules = golden.rules
                core.switchboard.dial(DialOrder(to=CALLEE, caller_id="+13125550199", key="golden"))
                report = await telnyx.dialled()
            elif golden.texml is not None:
                report = await telnyx.ring_texml(
                    caller, golden.texml, faults=golden.faults, rules=golden.rules
                )
            else:
                report = await telnyx.ring(caller, faults=golden.faults, rules=golden.rules)
        print(f"{name:18} {report.ended_s:6.1f} s, {report.ended_by}, {report.actions}")
    (path,) = (folder / name).rglob(COMPRESSED_FILE)
    return path


def main(names: list[str]) -> int:
    """Make the recordings of these names, or all."""
    configure_logging("error", "text")
    with tempfile.TemporaryDirectory() as folder:
        for name, golden in GOLDENS.items():
            if names and name not in names:
                continue
            with shuffled_by(0):
                clock = MockClock(autojump_threshold=0)
                path = trio.run(record, name, golden, Path(folder), clock=clock)
            (HERE / f"{name}.jsonl.gz").write_bytes(path.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
