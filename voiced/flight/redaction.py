"""Takes numbers, words and voices out of a recording, so that it can be shown, and still replayed.

What is kept is what is known to be harmless: times, ids, states, causes, sizes, and of the caller's
words those that `[turns]` names ("yes", "uh huh", "goodbye"), because they decide how a call goes.
Any other text has its letters and digits replaced one by one; telephone numbers are replaced by
made-up ones, the same by the same; audio becomes silence of the same length; addresses of the
daemon become `voiced.invalid`; settings of providers are left out.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from binascii import a2b_base64, b2a_base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_origin
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

from voiced.agent.sentences import split_sentences
from voiced.audio.codec import open_decoder, open_encoder
from voiced.config.load import PLAIN_TABLES
from voiced.flight.entries import Entry, entry_line, pack_pcm
from voiced.flight.header import PROVIDERS, fingerprint
from voiced.flight.reading import FlightRecording, RecordingUnusable, read_flight
from voiced.progress import Progress
from voiced.telnyx.client_state import parse_client_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "voiced.invalid"

KEPT_KEYS = frozenset(
    """
    action attempt audio_format bidirectional_codec call_control_id call_id call_leg_id
    call_session_id cause channel channels chunk code codec command_id connection_id content-type
    delivered_at direction drawn e encoding end_time error error_code event event_type file format
    hangup_cause hangup_source id kind language line media_format method n name
    occurred_at path provider python reason record_type ref result retry-after sample_rate
    sequence_number service_level sip_hangup_cause start start_time started_at state status
    stream_bidirectional_codec stream_bidirectional_mode stream_bidirectional_sampling_rate
    stream_bidirectional_target_legs stream_codec stream_id stream_track t timestamp
    track transport type version voice voiced what who
    x-ratelimit-reset
    """.split()  # noqa: SIM905  # sixty words in quotes would be read by nobody
)
"""Keys whose texts say nothing of people: ids, enumerations, times, names of providers."""

_PERSONAL = frozenset({"digits", "client_state", "payload", "invalid_payload", "text", "to"})
"""Keys of commands whose texts are redacted whatever they look like."""

_FREE = re.compile(r"[ :]|^\+?\d{7}")
"""In texts that people hear, dial or see, beside what is a word of the configuration."""

KEPT_FIELDS = frozenset(
    """
    AccountSid CallDuration CallLegId CallSessionId CallSid CallSidLegacy CallStatus
    CallbackSource CallingPartyType Codec ConnectionId HangupCause HangupSource
    SamplingRate SequenceNumber StreamEvent StreamSid Timestamp
    """.split()  # noqa: SIM905  # as above
)
"""The like among the fields of TeXML's forms."""

_NUMBER = re.compile(r"\+?\d{7,15}")
_KEYS = re.compile(r"[0-9A-D]")
_URL = re.compile(r"https?://")
_NO_STATE = "eA=="
"""Base64 of an x: stands for a client state that is not ours."""
_WORD = re.compile(r"[^\W_]+")
_INNER_ENDS = re.compile(r"[.!?…:;]+(?=.*\w)", re.DOTALL)
_SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5", "L16": b"\0"}


def redact_file(path: Path, output: Path | None) -> Path:
    """Write the recording at `path`, redacted, to `output`, and return where that is.

    Args:
        path: of the recording.
        output: None for a file beside it, with `redacted` in its name.

    Raises:
        RecordingUnusable: it cannot be read, or the new one not written.
    """
    recording = read_flight(path)
    target = output or path.with_name(f"{path.name.partition('.')[0]}.redacted.jsonl.gz")
    written = []
    with Progress("redacting") as progress:
        for n, entry in enumerate(redact(recording), start=1):
            written.append(entry_line(entry))
            progress(f"{n} of about {len(recording.entries)} entries")
    lines = "".join(written).encode("utf-8", "backslashreplace")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(target, flags, 0o600), "wb") as file:
            file.write(gzip.compress(lines, mtime=0) if target.suffix == ".gz" else lines)
    except OSError as error:
        raise RecordingUnusable(f"{target}: {error.strerror or error}") from error
    return target


def redact(recording: FlightRecording) -> Iterator[Entry]:
    """Give the recording's entries, header and end included, without what is personal."""
    return _Redactor(recording).entries()


class _Redactor:
    def __init__(self, recording: FlightRecording) -> None:
        self._recording = recording
        self._numbers: dict[str, str] = {}
        config = recording.header["config"]
        self._call_url = config.get("call_url", "")
        self._call_base_url = self._call_url or config["base_url"]
        self._ours = _Silencer(*recording.outbound)
        self._callers: _Silencer | None = None
        turns = json.dumps(recording.header["config"].get("turns", {}), ensure_ascii=False)
        self._known_words = set(_WORD.findall(turns.lower()))

    def entries(self) -> Iterator[Entry]:
        yield Entry(at_s=0.0, kind="header", data=self._header(self._recording.header))
        for entry in self._recording.entries:
            yield replace(entry, data=self._data(entry))
        if self._recording.record is not None:
            record = {"record": self._record(self._recording.record)}
            yield Entry(at_s=self._recording.length_s, kind="end", data=record)

    # -- entries ---------------------------------------------------------------------------------

    def _data(self, entry: Entry) -> Mapping[str, Any]:
        data = entry.data
        match entry.kind:
            case "rx" | "tx":
                return {"m": self._message(data["m"], is_ours=entry.kind == "tx")}
            case "webhook" | "request" | "reply":
                return self._http(entry)
            case "speech" | "ask" if "text" in data:
                redacted: dict[str, Any] = self._value(data)
                return {**redacted, "text": self._callers_words(data["text"])}
            case "say" | "speak" | "told" if "text" in data:
                return self._spoken(entry.kind, data)
            case "phone":
                return {**data, "named": self._phone_arguments(data["method"], data["named"])}
            case "pcm" | "play":
                return self._silent(entry)
            case "garbled":
                return {"reason": redact_words(data["reason"])}
            case _:
                redacted = self._value(data)
                if isinstance(data.get("error"), dict):
                    reason = redact_words(data["error"].get("reason", ""))
                    redacted["error"] = {**data["error"], "reason": reason}
                return redacted

    def _phone_arguments(self, method: str, named: Mapping[str, Any]) -> dict[str, Any]:
        """Redact them as the command that comes of them, so that it is the same command."""
        if method == "set_client_state":
            return {**named, "text": a2b_base64(_NO_STATE).decode()}
        redacted: dict[str, Any] = self._setting(named)
        return redacted

    def _spoken(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        if kind == "say":
            sentences = map(redact_sentence, split_sentences(data["text"]))
            return {**data, "text": " ".join(sentences)}
        if kind == "speak":
            return {**data, "text": redact_sentence(data["text"])}
        who = "caller" if data["event"] == "CallerSaid" else "agent"
        redacted = self._turn({**data, "who": who})
        del redacted["who"]
        return redacted

    def _http(self, entry: Entry) -> Mapping[str, Any]:
        data = entry.data
        if entry.kind == "request":  # made of the configuration, and redacted as it is
            body = json.loads(data["body"]) if data["body"] else {}
            return {**data, "body": _compact(self._setting(body))}
        headers = {} if entry.kind == "webhook" else data["headers"]
        is_form = entry.kind == "webhook" and "to" in data
        redact_body = self._form_text if is_form else self._json_text
        return {**data, "headers": headers, "body": redact_body(data["body"])}

    def _silent(self, entry: Entry) -> Mapping[str, Any]:
        n_samples = len(self._recording.audio(entry))
        silence = {"pcm": pack_pcm(np.zeros(n_samples, np.int16))} if "pcm" in entry.data else {}
        return {**entry.data, **silence}

    def _header(self, header: Mapping[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = self._setting(header["config"])
        for table in PROVIDERS:
            config[table] = {"provider": header["config"][table]["provider"], "settings": {}}
        config["base_url"] = _elsewhere(header["config"]["base_url"])
        config["call_url"] = self._call_url and _elsewhere(self._call_url)
        return {
            **header,
            "config": config,
            "config_sha256": fingerprint(config),
            "redacted": True,
        }

    def _setting(self, value: Any, table: Any = None, key: str = "") -> Any:
        """Redact what people hear, dial or see; other settings are words of the configuration."""
        if isinstance(value, dict):
            model = PLAIN_TABLES.get(key, table)
            return {
                name: item if name == "turns" else self._setting(item, model, name)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._setting(item, table, key) for item in value]
        field = table.model_fields.get(key) if table is not None else None
        if field is not None and get_origin(field.annotation) is Literal:
            return value
        if isinstance(value, str) and (_FREE.search(value) or key in _PERSONAL):
            return self._text(value, key)
        return value

    def _record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        redacted: dict[str, Any] = self._value(record)
        redacted["turns"] = [self._turn(turn) for turn in record.get("turns", ())]
        if record.get("end"):
            redacted["end"] = {**record["end"], "evidence": _evidence(**record["end"])}
        return redacted

    def _turn(self, turn: Mapping[str, Any]) -> dict[str, Any]:
        redact_text = redact_sentence if turn["who"] == "agent" else self._callers_words
        text = redact_text(turn["text"])
        redacted = {**turn, "text": text}
        if "heard_text" in turn:
            redacted["heard_text"] = text[: len(turn["heard_text"])]
        return redacted

    def _callers_words(self, text: str) -> str:
        return _WORD.sub(
            lambda word: word[0] if word[0].lower() in self._known_words else redact_words(word[0]),
            text,
        )

    # -- texts -----------------------------------------------------------------------------------

    def _message(self, text: str, *, is_ours: bool) -> str:
        try:
            message = json.loads(text)
            event = message["event"]
            if event == "media":
                silencer = self._ours if is_ours else self._callers
                payload = a2b_base64(message["media"]["payload"])
                media = {**message["media"], "payload": _base64(silencer, payload)}
                return _compact({**message, "media": media})
            if event == "start":
                given = message["start"]["media_format"]
                self._callers = _Silencer(given["encoding"], given["sample_rate"])
            if event == "mark":
                return text
        except (ValueError, TypeError, KeyError):
            return redact_words(text)  # it was wrong, and still is
        return _compact(self._value(message))

    def _json_text(self, text: str) -> str:
        try:
            return _compact(self._value(json.loads(text))) if text else ""
        except ValueError:
            return redact_words(text)

    def _form_text(self, text: str) -> str:
        fields = parse_qsl(text, keep_blank_values=True)
        return urlencode(
            [(n, value if n in KEPT_FIELDS else self._text(value, n)) for n, value in fields]
        )

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if isinstance(value, str):
            return self._text(value, key)
        return value

    def _text(self, text: str, key: str) -> str:
        if key in {"stream_url", "webhook_url"}:
            base = self._call_base_url.removeprefix("http")
            host = urlsplit(self._call_base_url).netloc
            return text.replace(base, base.replace(host, HOST))
        if key == "client_state":
            return text if parse_client_state(text) else _NO_STATE  # ours holds only a name
        if key in KEPT_KEYS:
            return text
        if key in {"digit", "digits"}:
            return _KEYS.sub("0", text)  # `w` and `W` are pauses
        if _NUMBER.fullmatch(text):
            return self._numbers.setdefault(text, f"+1555{len(self._numbers):07}")
        if text.startswith(("sip:", "sips:")):
            return self._numbers.setdefault(text, f"sip:{len(self._numbers)}@{HOST}")
        if _URL.match(text):
            return f"https://{HOST}/{redact_words(text.split('://', 1)[1])}"
        return redact_words(text)


def _evidence(*, reason: str, evidence: str) -> str:
    """Return what showed an end; a provider's own words may hold those of its caller."""
    return redact_words(evidence) if reason.endswith("_failed") else _NUMBER.sub("...", evidence)


def _elsewhere(url: str) -> str:
    """Return an address of the daemon with another host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{HOST}{parts.path}"


def redact_words(text: str) -> str:
    """Return `text` with every letter and digit replaced by one of its kind."""
    return "".join(map(_redact_character, text))


def _redact_character(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character


def redact_sentence(text: str) -> str:
    """Return a sentence of the same length that is still one: it ends only at its end."""
    return _INNER_ENDS.sub(lambda ends: "," * len(ends[0]), redact_words(text))


class _Silencer:
    """Makes silence of the same length in one stream's encoding."""

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._byte = _SILENCE.get(encoding)
        if self._byte is None:
            self._decoder = open_decoder(encoding, sample_rate)
            self._encoder = open_encoder(encoding, sample_rate)

    def silence(self, payload: bytes) -> bytes:
        if self._byte is not None:
            return self._byte * len(payload)
        return self._encoder.encode(np.zeros(len(self._decoder.decode(payload)), np.int16))


def _base64(silencer: _Silencer | None, payload: bytes) -> str:
    silence = silencer.silence(payload) if silencer is not None else b""
    return b2a_base64(silence, newline=False).decode("ascii")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
