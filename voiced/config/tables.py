"""The tables of config.toml as frozen models: every key with its unit, default and range.

A key that is a bare number ends in its unit. Rules that join several keys stand in `rules`; the
tables `[recognizer]`, `[agent]` and `[synthesizer]` belong to their providers, all but `provider`.
A new key needs its line in config.toml too (a test compares both).
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
)

from voiced.config.address import Bind, parse_bind, parse_url

WEBHOOK_PATH = "/telnyx/webhook"
MEDIA_PATH = "/telnyx/media"

PUBLIC_KEY_BYTES = 32  # an Ed25519 public key (RFC 8032)
SPEAK_MAX_CHARS = 3000  # Telnyx's limit for the payload of `speak`
E164 = re.compile(r"\+[1-9][0-9]{1,14}")  # ITU-T E.164: at most 15 digits


def _bind(text: str) -> str:
    return str(parse_bind(text))


def _http_url(text: str) -> str:
    return parse_url(text, schemes=("https", "http"))


def _required_http_url(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return _http_url(text)


def _no_gaps(text: str) -> str:
    if text and not re.fullmatch(r"[!-~]+", text):
        raise ValueError("must be one word of visible ASCII characters: it goes into a header")
    return text


def _header_secret(secret: SecretStr) -> SecretStr:
    _no_gaps(secret.get_secret_value())
    return secret


def _none_if_empty(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret is not None and secret.get_secret_value() else None


def _public_key(text: str) -> str:
    if not text:
        return ""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"must be base64 of {PUBLIC_KEY_BYTES} bytes, this is {len(key)}")
    return text


def _phone_number(text: str) -> str:
    if text and not E164.fullmatch(text):
        raise ValueError("must be E.164: a plus sign, country code and number, as in +13125550123")
    return text


def _spoken(text: str) -> str:
    if text and not text.strip():
        raise ValueError('is only spaces: write "" for nothing')
    return text


def _path(value: object) -> object:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise ValueError("must name a directory")
        return Path(value)
    return value  # refused by the type


BindText = Annotated[str, AfterValidator(_bind)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_secret)]
DirectoryPath = Annotated[Path, BeforeValidator(_path)]
Spoken = Annotated[str, Field(max_length=SPEAK_MAX_CHARS), AfterValidator(_spoken)]


class Table(BaseModel):
    """What all tables share: frozen, no foreign keys, no guessing between text and numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class ServerConfig(Table):
    """`[server]`: the public listener, which Telnyx reaches."""

    bind: BindText = "127.0.0.1:8080"
    """Listening address, `host:port`; `:port` for every interface, port 0 for any free one."""
    public_url: Annotated[str, AfterValidator(_http_url)] = ""
    """http(s) URL at which Telnyx reaches `bind`; "" = `bind` itself."""
    insecure: bool = False
    """Accept unsigned webhooks; for loopback only."""
    tls_certificate: str = ""
    """PEM file with the certificate chain; "" = plain HTTP, TLS ends at a proxy."""
    tls_key: str = ""
    """PEM file with its private key."""

    @property
    def address(self) -> Bind:
        """`bind`, taken apart."""
        return parse_bind(self.bind)

    @property
    def base_url(self) -> str:
        """`public_url`, or what stands in for it; without a trailing slash."""
        if self.public_url:
            return self.public_url
        return f"{'https' if self.tls_certificate else 'http'}://{self.address.reachable}"


class AdminConfig(Table):
    """`[admin]`: the listener for operators: health, metrics, live calls."""

    bind: BindText = "127.0.0.1:8081"
    """Listening address, as in `[server]`."""
    token: HeaderSecret = SecretStr("")
    """Bearer token; required unless `bind` is loopback. Also VOICED_ADMIN_TOKEN."""

    @property
    def address(self) -> Bind:
        """`bind`, taken apart."""
        return parse_bind(self.bind)


class TelnyxConfig(Table):
    """`[telnyx]`: the account. The secrets belong into the environment or a credential file."""

    api_key: Annotated[HeaderSecret | None, AfterValidator(_none_if_empty)] = None
    """API v2 key; None (in the file "") = no call can be answered. Also TELNYX_API_KEY."""
    connection_id: Annotated[str, AfterValidator(_no_gaps)] = ""
    """Id of the Voice API application. Also TELNYX_APP_ID or TELNYX_CONNECTION_ID."""
    public_key: Annotated[str, AfterValidator(_public_key)] = ""
    """Public key of the account, base64 of 32 bytes. "" = every webhook is refused."""
    api_base: Annotated[str, AfterValidator(_required_http_url)] = "https://api.telnyx.com/v2"
    """Base of the REST API; plain http is for loopback only."""


class MediaConfig(Table):
    """`[media]`: how audio travels between Telnyx and us."""

    codec: Literal["PCMU", "PCMA"] = "PCMU"
    """Codec asked of Telnyx for the caller's audio; what arrives is obeyed."""
    bidirectional_codec: Literal["PCMU", "PCMA"] = "PCMU"
    """Codec of the audio that we send."""
    sample_rate: Literal[8000] = 8000
    """Hz, of the audio that we send; G.711 knows 8000 only."""
    target_legs: Literal["self", "opposite", "both"] = "self"
    """Which call leg hears us. Reports conflict: try `both` where the caller hears nothing."""
    lead_ms: int = Field(default=400, ge=60, le=2000)
    """How far ahead of real time audio is sent, 60 to 2000 ms."""
    message_ms: int = Field(default=100, ge=20, le=1000, multiple_of=20)
    """Audio in one message, 20 to 1000 ms in steps of 20, at most `lead_ms`."""
    start: Literal["answer", "answered"] = "answer"
    """Ask for the stream with the answer command, or by streaming_start after call.answered."""
    stall_timeout_s: float = Field(default=10.0, ge=1, le=300)
    """Without media from Telnyx for so long, the call is ended; 1 to 300 s."""


class CallConfig(Table):
    """`[call]`: the bounds of every call."""

    max_duration_s: int = Field(default=3600, ge=10, le=14400)
    """Longest call, 10 to 14400 s (Telnyx's own limit)."""
    max_concurrent: int = Field(default=100, ge=1, le=10000)
    """Calls at a time, 1 to 10000; further ones are rejected as busy."""
    silence_timeout_s: float = Field(default=10.0, ge=1, le=600)
    """Nobody has spoken for so long: the agent prompts the caller; 1 to 600 s."""
    answer_timeout_s: float = Field(default=15.0, ge=1, le=120)
    """From the answer command until media flows, 1 to 120 s."""
    goodbye_timeout_s: float = Field(default=10.0, ge=1, le=60)
    """For the end of a call: last words heard, hangup at Telnyx, record closed; 1 to 60 s."""
    apology: Spoken = (
        "I am sorry, something went wrong on our side. Please call again later. Goodbye."
    )
    """Spoken by Telnyx when a call fails here; "" = hang up without. At most 3000 characters."""
    apology_voice: str = Field(default="Telnyx.KokoroTTS.af", min_length=1, max_length=200)
    """Telnyx voice of the apology, `Provider.Model.Voice`."""
    barge_in: bool = True
    """The caller may interrupt the agent."""
    drain_timeout_s: float = Field(default=60.0, ge=0, le=14400)
    """At SIGTERM, live calls may go on for so long; 0 to 14400 s."""


class RecordingConfig(Table):
    """`[recording]`: what is kept of a call besides its record."""

    audio: bool = False
    """Write audio.wav for each call: stereo, caller left, agent right."""


class RecordsConfig(Table):
    """`[records]`: where calls are written down."""

    path: DirectoryPath = Path("calls")
    """Directory with one directory for each call; relative to the working directory."""


AnsweringMachineDetection = Literal[
    "disabled", "premium", "detect", "detect_beep", "detect_words", "greeting_end"
]


class OutboundConfig(Table):
    """`[outbound]`: calls that we place."""

    caller_id: Annotated[str, AfterValidator(_phone_number)] = ""
    """Number shown to the callee, E.164; it must belong to the account. "" = no outbound calls."""
    answering_machine_detection: AnsweringMachineDetection = "premium"
    """How Telnyx tells people from machines."""
    voicemail_message: Spoken = ""
    """Left after the beep of an answering machine; "" = hang up. At most 3000 characters."""


class LogConfig(Table):
    """`[log]`: lines on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["auto", "text", "json"] = "auto"
    """`auto` = text on a terminal, JSON otherwise."""


class ProviderConfig(Table):
    """`[recognizer]`, `[agent]`, `[synthesizer]`: who does it, and that provider's own keys."""

    provider: str
    """Name in the entry-point group."""
    settings: Any
    """Instance of the provider's `Settings`."""


class Config(Table):
    """The whole configuration; made by `load_config` or `parse_config`."""

    server: ServerConfig
    admin: AdminConfig
    telnyx: TelnyxConfig
    media: MediaConfig
    call: CallConfig
    recognizer: ProviderConfig
    agent: ProviderConfig
    synthesizer: ProviderConfig
    recording: RecordingConfig
    records: RecordsConfig
    outbound: OutboundConfig
    log: LogConfig

    @property
    def webhook_url(self) -> str:
        """Where Telnyx posts its webhooks."""
        return self.server.base_url + WEBHOOK_PATH

    def media_url(self, token: str) -> str:
        """Return the WebSocket URL (ws or wss) for the call that holds `token`."""
        base = self.server.base_url
        return f"ws{base.removeprefix('http')}{MEDIA_PATH}/{quote(token, safe='')}"

    def with_public_address(self, address: str) -> Config:
        """Return a copy that is reached at `address`, the `host:port` that was really taken."""
        server = self.server.model_copy(update={"bind": address, "public_url": ""})
        return self.model_copy(update={"server": server})
