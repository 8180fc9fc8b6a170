r"""The lines of `wire.jsonl`. Pure.

Each line is a JSON object: `t`, seconds since the call's origin (its first webhook); `e`, what
happened; and what belongs to that:

| e | further keys |
|---|---|
| `header` | first line: see `voiced.flight.header` |
| `webhook` | `headers` (of signature and time), `body` as text; `to`: where TeXML's went |
| `order` | `what` was decided outside of the call: `transfer` `to`; `end`, `reason`, `evidence`; |
|  | `refuse`, `reason`, and the `message` that the caller is to hear, or "" |
| `request` | `n`, `action`, `method`, `path`, `body` as text: one attempt of a command |
| `reply` | `n` of the request, `status`, `headers` (those that are obeyed), `body` |
| `no_reply` | `n` of the request, `error`: why no answer came |
| `jitter` | `drawn`, 0..1: the random part of the wait before the next attempt |
| `open` | a media socket begins; the `rx`, `tx`, `close` after it are its |
| `rx`, `tx` | `m`: the message from, or to, Telnyx, as it was |
| `garbled` | `reason`: something came that was no text message |
| `close` | `code`: the socket was lost, by what was read or by what could not be sent |
| `speech` | `event`, its name, and the fields of a recognizer's event; its times count like `t` |
| `recognized` | `error`: the recognizer came to its end, by itself or by `error` |
| `ask` | `n`, `what` (`open`, `answer` ...) and its arguments: the agent's turn begins |
| `say` | `n`, `after_s`, `text`, `protected` |
| `stream`, `piece`, `streamed` | a text that comes in pieces: `protected`; `text`; its end |
| `wait_heard` | `n`, `after_s` |
| `spend`, `tool`, `tool_done` | `n`, `after_s`, `tokens`; `name`, `arguments` |
| `expect` | `n`, `after_s`, `what` (`ExpectSpeech` ...) and its fields |
| `hang_up`, `transfer` | `n`, `after_s`, `to`: what the agent decided |
| `phone` | `n`, `after_s`, `act`, `method`, `named` (its arguments): done by the reply's phone |
| `phone_done` | `n`, `after_s`, `act`, `error` or `cancelled`: its end |
| `asked` | `n`, `after_s`, `error`: the turn ended; there is none when it was cut |
| `interrupted` | `heard`: what the agent was told of a cut reply |
| `withdrawn` | the agent was told that its last reply never was |
| `heard` | `pieces`: what became of a reply, as the agent was told |
| `speak` | `n`, `text`: asked of the synthesizer |
| `pcm` | `n`, `after_s`, `audio` (a name), `pcm` when that name is new |
| `words` | `n`, `after_s`, `words`: pairs of a word and when it has sounded, seconds of its audio |
| `spoken` | `n`, `after_s`, `error`: it was spoken; there is none when it was cut |
| `play` | `audio`, `pcm`, `rate_hz`: an audio agent's sound |
| `unplay`, `mark` | an audio agent drops what it has queued; wants to know when it was played |
| `told` | `event`, its name, and the fields of a journal event that an audio agent tells |
| `hand_over` | `to`, `briefing`: an audio agent wants the caller transferred |
| `nobody_speaks` | the caller of an audio agent has not spoken for too long |
| `conversed` | an audio agent ended the conversation; `error`, what was `left` to another one |
| `end` | `record`: the call's record (call.json) |

`after_s` counts from the end of the step before, so that it is the provider's own time and not that
of the queue in front of the caller. `audio` is named by its content: a phrase that is said again is
not written again. `pcm` is base64 of zlib of the first differences of int16 samples, low bytes
first and then the high ones: half the size, and exact.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.audio.frame import Pcm

WIRE_FILE = "wire.jsonl"
"""A recording that is being written, or that a crash has left."""

COMPRESSED_FILE = "wire.jsonl.gz"
"""A recording whose call has ended."""

UNFINISHED_FILE = ".wire.jsonl.gz.new"
"""Becomes the one before; a crash may leave it, beside the plain one."""

FORMAT = "voiced wire"
VERSION = 1
"""Raised when a reader of older recordings would misread a newer one."""

TOKEN = "{token}"
"""Stands where the token of the media socket stood."""

Note: TypeAlias = tuple[float, str, "str | dict[str, Any]"]
"""An entry on its way to the disk: trio time, kind, and the message (`rx`, `tx`) or the keys."""

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line, read again. `data` holds all keys but `t` and `e`."""

    at_s: float
    kind: str
    data: Mapping[str, Any]


class LineWriter:
    """Makes lines of one call's notes; remembers which audio has been written."""

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._written: set[str] = set()

    def line(self, note: Note) -> str:
        """Return the line, with its end."""
        at, kind, data = note
        stamp = f'{{"t":{at - self._origin:.6f},"e":"{kind}"'
        if isinstance(data, str):
            return f'{stamp},"m":{_to_json(data)}}}\n'
        if "audio" in data:
            data = self._named(data)
        keys = _to_json(data)
        return f"{stamp},{keys[1:]}\n" if data else f"{stamp}}}\n"

    def _named(self, data: dict[str, Any]) -> dict[str, Any]:
        pcm: Pcm = data["audio"]
        name = hashlib.blake2b(pcm.tobytes(), digest_size=9).hexdigest()
        data = {**data, "audio": name}
        if name not in self._written:
            self._written.add(name)
            data["pcm"] = pack_pcm(pcm)
        return data


def entry_line(entry: Entry) -> str:
    """Return the line of an entry that was read, with its end."""
    keys = _to_json({"e": entry.kind, **entry.data})
    return f'{{"t":{entry.at_s:.6f},{keys[1:]}\n'


def parse_line(line: str) -> Entry:
    """Read one line; raises ValueError when it is none."""
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004  # a fault of the file, not of a type
    at_s, kind = document.pop("t", None), document.pop("e", None)
    if not isinstance(at_s, int | float) or not isinstance(kind, str):
        raise ValueError("without time or kind")  # noqa: TRY004
    return Entry(at_s=float(at_s), kind=kind, data=document)


def pack_pcm(pcm: Pcm) -> str:
    """Return int16 audio as text; see the module's opening."""
    steps = np.diff(pcm.astype("<i2", copy=False), prepend=np.int16(0)).astype("<i2", copy=False)
    planes = steps.view(np.uint8).reshape(-1, 2).T.tobytes()
    return b2a_base64(zlib.compress(planes, 6), newline=False).decode("ascii")


def unpack_pcm(text: str) -> Pcm:
    """Return the audio of `pack_pcm`, read-only; raises ValueError when it is none."""
    try:
        planes = zlib.decompress(a2b_base64(text))
    except zlib.error as error:
        raise ValueError(f"audio that cannot be read: {error}") from error
    steps = np.frombuffer(planes, np.uint8).reshape(2, -1).T.copy().view("<i2").reshape(-1)
    pcm = np.cumsum(steps, dtype=np.int16)
    pcm.flags.writeable = False
    return pcm
