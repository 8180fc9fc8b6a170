"""Scripts made at random: of media sockets, and of webhooks."""

import json

from hypothesis import strategies as st

from tests.fuzz.messages import EVENT_TYPES
from tests.fuzz.steps import Step

LEGS = ["in0", "in1", "out0", "out1", "target", "foreign"]

_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
_PLAUSIBLE = st.sampled_from(
    ["", "0", "5", "inbound", "PCMA", "OPUS", "L16", "normal_clearing", "user_busy", "time_limit",
     "486", "machine", "human", "beep_detected", "completed", "outgoing", "x" * 300, 1, -1]
)  # fmt: skip
_KEYS = {
    "hook": ["direction", "state", "from", "to", "client_state", "hangup_cause", "hangup_source",
             "sip_hangup_cause", "digit", "result", "status", "call_control_id", "digits",
             "recording_urls", "failure_reason", "tags", "occurred_at"],
    "start": ["stream_id", "start", "media_format", "encoding", "sample_rate", "channels"],
    "media": ["stream_id", "media", "track", "chunk", "payload"],
    "dtmf": ["dtmf", "digit", "occurred_at"],
    "mark": ["mark", "name"],
    "error": ["payload", "code", "title"],
    "connected": ["version", "connected"],
    "stop": ["stop", "stream_id"],
}  # fmt: skip
_INSIDE = {"encoding": "start.media_format", "sample_rate": "start.media_format",
           "channels": "start.media_format", "media_format": "start", "track": "media",
           "chunk": "media", "payload": "media", "digit": "dtmf", "name": "mark",
           "code": "payload", "title": "payload"}  # fmt: skip


@st.composite
def _changes(draw, kind):
    """Return the changes of a message as JSON, mostly none."""
    if draw(st.integers(0, 3)):
        return ""
    key = draw(st.sampled_from(_KEYS.get(kind, ["event"])))
    changes = {key: draw(_PLAUSIBLE | _JUNK)}
    for outer in reversed(_INSIDE.get(key, "").split(".") if kind != "hook" else []):
        changes = {outer: changes} if outer else changes
    return json.dumps(changes)


def _step(verb, *words):
    return st.tuples(*words).map(lambda given: Step(verb, " ".join(map(str, given))))


def _messages(event):
    return _step("say", st.just(event), _changes(event))


_SECONDS = st.sampled_from([0.02, 0.1, 0.6, 2, 5, 12])
_LEGS = st.sampled_from(LEGS)
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20)

_SOCKET = [
    *(_messages(event) for event in ("connected", "start", "media", "dtmf", "mark", "error")),
    _messages("stop"),
    _step("frame", st.integers(0, 60), st.sampled_from([0, 1, 160, 320, 240_001]),
          st.sampled_from(["inbound", "outbound", "both"])),
    _step("speak", st.sampled_from([0.04, 0.5, 2])),
    _step("mark", st.integers(0, 5)),
    _step("text", _TEXT),
    _step("binary", _TEXT),
    _step("close", st.sampled_from([1000, 1001, 1006, 1011, 4000])),
    st.just(Step("reset")),
    _step("open", _LEGS),
]  # fmt: skip
_AGENT = [
    _step("play", st.sampled_from([0.01, 0.1, 1, 4])),
    st.just(Step("name")),
    st.just(Step("clear")),
    st.just(Step("leave")),
]
_OPERATOR = [st.just(Step(verb)) for verb in ("transfer", "hangup", "dial", "drain")]
_WAITS = [_step("wait", _SECONDS), _step("wait", _SECONDS)]
_HOOKS = [
    _step("hook", st.sampled_from(EVENT_TYPES), _LEGS, _changes("hook")),
    _step("hook", st.sampled_from(["call.answered", "call.hangup", "call.bridged"]), _LEGS),
    _step("ring", st.sampled_from(["in0", "in1"])),
    st.just(Step("again")),
    _step("post", _TEXT),
]
_ANSWERS = _step(
    "answer",
    st.sampled_from(["*", "answer", "dial", "hangup", "transfer", "streaming_start", "speak"]),
    st.sampled_from(["200", "404", "422", "429", "500", "slow", "drop"]),
)

_BEGINNINGS = {
    "incoming": ["ring in0", "wait 0.1", "hook call.answered in0"],
    "outgoing": ["dial", "wait 0.1", "hook call.initiated out0",
                 "hook call.answered out0"],
}  # fmt: skip
_TALKING = ["say connected", "say start", "speak 0.1"]


def _steps(lines):
    return [Step(*line.split(" ", 1)) for line in lines]


@st.composite
def socket_scripts(draw):
    """Return a call that is mostly up, and anything on its media socket."""
    which = draw(st.sampled_from(["incoming", "outgoing"]))
    talker = [Step("talker")] if draw(st.booleans()) else []
    leg = "in0" if which == "incoming" else "out0"
    begun = [*_steps(_BEGINNINGS[which]), Step("open", leg)]
    if draw(st.integers(0, 3)):
        begun += _steps(_TALKING)
    rest = draw(st.lists(st.one_of(*_SOCKET, *_AGENT, *_OPERATOR, *_WAITS), max_size=20))
    return [*talker, *begun, *rest]


@st.composite
def webhook_scripts(draw):
    """Return calls in any state, and any webhooks about them and others."""
    talker = [Step("talker")] if draw(st.booleans()) else []
    begun = _steps(_BEGINNINGS[draw(st.sampled_from(["incoming", "outgoing"]))])
    if draw(st.booleans()):
        leg = "in0" if begun[0].verb == "ring" else "out0"
        begun += [Step("open", leg), *_steps(_TALKING)]
    begun = begun[draw(st.sampled_from([0, 0, 0, 1, 2])) :]
    if draw(st.booleans()):
        begun += [Step("transfer"), Step("wait", "0.1")]
    rest = draw(st.lists(st.one_of(*_HOOKS, *_HOOKS, *_OPERATOR, *_WAITS, _ANSWERS), max_size=20))
    return [*talker, *begun, *rest]
