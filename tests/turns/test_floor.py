"""The floor's rules, held against the situations in situations.txt."""

import re
from pathlib import Path
from typing import Any

import pytest

from voiced.recognizer.base import Final, Partial, SpeechEnded, SpeechResumed, SpeechStarted
from voiced.turns import events as did
from voiced.turns.events import Line
from voiced.turns.expect import ExpectDigits, ExpectSpeech, ExpectSpelling, ExpectYesNo
from voiced.turns.floor import Floor
from voiced.turns.rules import TurnRules

SILENCE_S = 0.6
PAUSE_S = 0.3


def situations():
    text = (Path(__file__).parent / "situations.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=# )", text)[1:]:
        title, *lines = block.splitlines()
        yield pytest.param(lines, id=title[2:])


def rules_of(line):
    given: dict[str, Any] = {}
    for pair in line.removeprefix("rules:").split():
        key, _, value = pair.partition("=")
        if key == "fillers":
            given[key] = tuple(value.split(","))
        elif value in ("True", "False"):
            given[key] = value == "True"
        else:
            given[key] = type(getattr(TurnRules(), key))(value)
    return TurnRules(**given)


def text_of(action):
    match action:
        case did.Answer(said=said, held_back=held_back):
            digits = f" {said.digits}" if said.digits else ""
            return f'{"think" if held_back else "answer"} "{said.text}"{digits}'
        case did.Prompt(silences):
            return f"prompt {silences}"
        case did.Fill(text):
            return f'fill "{text}"'
        case did.GiveUp():
            return "give up"
        case _:
            return type(action).__name__.lower()


class Stage:
    """Plays one situation; `done` is what was done, with the times."""

    def __init__(self, rules):
        self.floor = Floor(rules)
        self.line = {}
        self.done = []
        self.understood = []
        self.quiet_at = self.paused_at = 0.0
        self.last_word = 1.0

    def play(self, at, event):
        self.let_pass(at)
        self.now = at
        if event.startswith(("+", "-")):
            self.line[event[1:]] = event[0] == "+"
        elif event.startswith("open"):
            self.floor.open(at, float(event.partition(" ")[2] or "inf"))
        elif event.startswith("expect"):
            self.floor.expect(self.expectation(event.split()[1:]))
        elif event:
            self.take(self.event(event))
        self.let_pass(at)

    def let_pass(self, until):
        for _ in range(100):
            if self.floor.wake_at > until + 1e-9:
                return
            self.now = self.floor.wake_at
            self.take(did.TimePassed())
        raise AssertionError("the floor never comes to rest")

    def take(self, event):
        for action in self.floor.take(event, Line(now=self.now, **self.line)):
            if isinstance(action, did.Understood):
                self.understood.append(action.text)
            else:
                self.done.append((round(self.now, 6), text_of(action)))

    @staticmethod
    def expectation(words):
        match words:
            case ["yes", "no"]:
                return ExpectYesNo()
            case ["digits", least, most, *first]:
                timeout = float(first[0]) if first else None
                return ExpectDigits(
                    min_length=int(least), max_length=int(most), first_digit_timeout_s=timeout
                )
            case ["patience", factor]:
                return ExpectSpeech(patience=float(factor))
            case _:
                assert words == ["spelling"]
                return ExpectSpelling()

    def event(self, text):
        if sure := re.search(r" \((\d\.\d+)\)$", text):
            text = text[: sure.start()]
        self.last_word = float(sure[1]) if sure else 1.0
        verb, _, rest = text.partition(" ")
        make = {
            "voice": lambda _: SpeechStarted(at=self.now),
            "goes": lambda _: SpeechResumed(at=self.now),
            "quiet": self.quiet,
            "said": self.said,
            "hears": lambda words: Partial(text=words, confidence=0.5, last_word=self.last_word),
            "pauses": self.pauses,
            "key": did.KeyPressed,
            "sounds": lambda _: did.ReplySounds(),
            "over": lambda _: did.ReplyOver(),
        }
        return make[verb](rest.strip('"'))

    def quiet(self, _):
        self.quiet_at = self.now
        return SpeechEnded(at=self.now, last_voice_at=self.now - SILENCE_S)

    def pauses(self, words):
        self.paused_at = self.now
        return Partial(
            text=words,
            confidence=0.9,
            last_voice_at=self.now - PAUSE_S,
            last_word=self.last_word,
        )

    def said(self, words):
        confidence = 0.9 if words else 0.0
        last_voice_at = self.quiet_at - SILENCE_S
        if self.quiet_at < self.now - 2:  # settled before the end is sure
            last_voice_at = self.paused_at - PAUSE_S
        return Final(
            text=words,
            confidence=confidence,
            started_at=0,
            last_voice_at=last_voice_at,
            last_word=self.last_word,
        )


def parse(lines):
    """Return the rules, the events and the actions wanted of one situation."""
    rules, events, wanted = TurnRules(), [], []
    for line in lines:
        if line.startswith("rules:"):
            rules = rules_of(line)
        elif found := re.match(r"(\d+\.\d+)\s*(.*)", line):
            at = float(found[1])
            event, _, actions = found[2].partition(">")
            events.append((at, event.strip()))
            wanted += [(at, action.strip()) for action in actions.split(",") if action.strip()]
    return rules, events, wanted


@pytest.mark.parametrize("lines", list(situations()))
def test_situation(lines):
    rules, events, wanted = parse(lines)
    assert events
    stage = Stage(rules)
    for at, event in events:
        stage.play(at, event)
    assert stage.done == wanted, "\n".join(lines)


def test_there_are_sixty_situations_at_least():
    assert len(list(situations())) >= 60


def test_who_speaks_in_the_moment_of_a_prompt_is_not_prompted():
    stage = Stage(TurnRules())
    stage.play(0.0, "open")
    stage.play(2.0, "over")
    stage.now = 12.0  # nobody has told the floor yet that this is when it wanted to wake
    assert stage.floor.wake_at == 12.0
    stage.take(SpeechStarted(at=12.0))
    assert stage.done == []
