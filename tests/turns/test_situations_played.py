"""Every situation once more, as tasks on the virtual clock: the conversation with its replies.

What the script says of our side is done by real parts: a dialogue that speaks from `sounds` to
`over`, passages, pacing, and a far end that plays it and returns the marks. The caller's side comes
from another task. So every script has to hold whatever the order in which Trio runs them.
"""

import math
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import pytest
import trio

from tests.call.conftest import start_message
from tests.call.far_end import FarEnd
from tests.turns.test_floor import Stage, parse, situations, text_of
from voiced.audio.codec import open_encoder
from voiced.call.conversation import Conversation
from voiced.call.reply import Voice
from voiced.media.outbound import Outbound
from voiced.media.pacing import Pacer
from voiced.telnyx.media import MediaStream
from voiced.telnyx.media_messages import MediaFormat
from voiced.testing.providers import ToneSynthesizer
from voiced.testing.scheduling import shuffled_by
from voiced.turns import events as did
from voiced.turns.budgets import Budgets, Spending

SEEDS = range(3)
NO_PHONE: Any = None
AFTER_US_S = 0.001
"""What both sides do in one instant of a script, we do first."""

LETTERS_PER_S = 14
MOST_WORDS = 40
LONG_S = 5.0
"""A reply of which the script does not tell the end goes on for so long after all else."""


class Script:
    """What a script says of our side and of the line, by the time on the clock."""

    def __init__(self, events):
        self._events = [(at, event) for at, event in events if event]
        self.ends_at = max(at for at, _ in events) + LONG_S
        self.warn_at = math.inf
        for _, event in self._events:
            if event.startswith("open "):
                self.warn_at = float(event.removeprefix("open "))

    def ours(self, from_s):
        """Yield what our side does from then on, as (at, event); a reply was over before that."""
        for at, event in self._events:
            kind = event.split()[0]
            is_next = at > from_s + 1e-6 if kind == "over" else at >= from_s - 1e-6
            if is_next and kind in ("expect", "sounds", "over"):
                yield at, event

    def callers(self):
        """Yield what the caller does."""
        ours = ("expect", "sounds", "over", "open")
        for at, event in self._events:
            if event[0] not in "+-" and event.split()[0] not in ours:
                yield at + AFTER_US_S, event

    def is_set(self, flag, at):
        """Say whether the line is so at that time."""
        changes = [event for then, event in self._events if then <= at + 1e-6]
        signs = [event[0] for event in changes if event[1:] == flag and event[0] in "+-"]
        return signs[-1:] == ["+"]

    def over_at(self, at):
        """Return when the reply that sounds at that time is over."""
        ends = [then for then, event in self._events if then > at + 1e-6 and event == "over"]
        nearly = [then + 0.6 for then, event in self._events if event == "+nearly_over"]
        return min(ends + nearly, default=self.ends_at)

    def passages(self, at):
        """Yield the passages that sound from then on, as (end, protected)."""
        over_at = self.over_at(at)
        changes = [then for then, event in self._events if event[1:] == "protected"]
        for end in sorted({over_at, *(then for then in changes if at < then < over_at)}):
            yield end, self.is_set("protected", at)
            at = end


class Actor:
    """Plays our side."""

    def __init__(self, script):
        self.script = script

    async def open(self, reply):
        await self.act(reply)

    async def answer(self, turn, reply):
        del turn
        await self.act(reply)

    async def prompt(self, silences, reply):
        del silences
        await self.act(reply)

    async def time_is_short(self, left_s, reply):
        del left_s
        await self.act(reply)

    async def transfer_failed(self, reason, reply):
        raise AssertionError(reason)

    def interrupted(self, heard):
        pass

    async def act(self, reply):
        """Do what the script says of our side from now on, to the end of this reply."""
        async with trio.open_nursery() as nursery:
            await self.follow(reply, nursery)

    async def follow(self, reply, nursery):
        """Do it, speaking beside it."""
        has_sounded = False
        for at, event in self.script.ours(trio.current_time()):
            if event == "over" and has_sounded:
                return
            await trio.sleep_until(at)
            if event == "over":
                return
            if event == "sounds":
                has_sounded = True
                nursery.start_soon(self.speak, reply)
            else:
                reply.expect(Stage.expectation(event.split()[1:]))
        if not has_sounded:
            await trio.sleep_until(self.script.ends_at)

    async def speak(self, reply):
        """Say what sounds from now on."""
        at = trio.current_time()
        if self.script.is_set("closing", self.script.over_at(at)):
            reply.hang_up()
        for end, protected in self.script.passages(at):
            await reply.say(self.text(end - at), protected=protected)
            at = end

    @staticmethod
    def text(seconds):
        """Return words that take about so long, or one sentence's worth of them."""
        n_words = min(MOST_WORDS, round(seconds * LETTERS_PER_S / 5))
        return " ".join(["word"] * max(1, n_words))


class ActorsVoice(ToneSynthesizer):
    """Speaks whatever it is given until the script has the end of it."""

    def __init__(self, script, outbound):
        super().__init__(rate_hz=8000)
        self._script = script
        self._outbound = outbound

    async def synthesize(self, text, audio):
        """Give audio from where it will play."""
        del text
        from_s = trio.current_time() + self._outbound.unplayed_s
        end_s, _ = next(self._script.passages(from_s))
        n_samples = round((end_s - from_s) * self.rate_hz)
        for start in range(0, n_samples, 1600):
            await audio(np.full(min(1600, n_samples - start), 4000, np.int16))


@asynccontextmanager
async def open_conversation(script, rules):
    """Yield a conversation that plays our side of the script."""
    outbound = Outbound(open_encoder("PCMU", 8000), Pacer(lead_s=0.4, message_frames=5))
    voice = Voice(
        synthesizer=ActorsVoice(script, outbound),
        outbound=outbound,
        note=lambda _: None,
        phone=NO_PHONE,
        spending=Spending(Budgets(first_words_s=1e3, first_audio_s=1e3, warn_left_s=1e3)),
    )

    def hears_echo():
        return script.is_set("echo", trio.current_time())

    async with trio.open_nursery() as nursery:
        stream = MediaStream(outbound=MediaFormat())
        stream.receive(start_message())
        nursery.start_soon(outbound.run, FarEnd(outbound, nursery), stream)
        yield Conversation(Actor(script), voice, rules, hears_echo=hears_echo)
        nursery.cancel_scope.cancel()


async def speak_and_press(script, stage, conversation, events):
    """Play the caller's side."""
    for at, event in script.callers():
        await trio.sleep_until(at)
        stage.now = at - AFTER_US_S
        told = stage.event(event)
        if isinstance(told, did.KeyPressed):
            conversation.key_pressed(told.key, trio.current_time())
        else:
            await events.send(told)
    await trio.sleep_until(script.ends_at - LONG_S + 0.5)


@contextmanager
def noting(floor, monkeypatch):
    """Yield what the floor says is to be done, with the times."""
    done: list[tuple[float, str]] = []
    take = floor.take

    def take_and_note(event, line):
        actions = take(event, line)
        told = [action for action in actions if not isinstance(action, did.Understood)]
        done.extend((line.now, text_of(action)) for action in told)
        return actions

    monkeypatch.setattr(floor, "take", take_and_note)
    yield done


@pytest.fixture(params=SEEDS)
def scheduler_seed(request):
    with shuffled_by(request.param):
        yield request.param


@pytest.mark.parametrize("lines", list(situations()))
async def test_situation(lines, scheduler_seed, autojump_clock, monkeypatch):
    rules, events, wanted = parse(lines)
    script = Script(events)
    stage = Stage(rules)
    events_in, heard = trio.open_memory_channel(8)
    async with open_conversation(script, rules) as conversation:
        with noting(conversation._floor, monkeypatch) as done:
            async with trio.open_nursery() as nursery:

                async def converse():
                    with trio.move_on_at(script.warn_at + 1e3):
                        await conversation.run(heard)

                nursery.start_soon(converse)
                await trio.testing.wait_all_tasks_blocked()
                await speak_and_press(script, stage, conversation, events_in)
                nursery.cancel_scope.cancel()
    assert [text for _, text in done] == [text for _, text in wanted], "\n".join(lines)
    for (at, text), (then, _) in zip(done, wanted, strict=True):
        assert at == pytest.approx(then, abs=0.022), text
