"""The tables of config.toml as frozen models: every key with its unit, default and range.

A key that is a bare number ends in its unit. Rules that join several keys stand in `rules`; the
tables `[recognizer]`, `[agent]` and `[synthesizer]` belong to their providers, all but `provider`.
Tables about who calls whom are in `lines`. A new key needs its line in config.toml too (a test
compares both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from voiced.address import Bind, parse_bind
from voiced.config.lines import InboundConfig, LineConfig, OutboundConfig, TransferConfig
from voiced.config.table import ProviderConfig, Table
from voiced.config.turns import BudgetsConfig, FailoverConfig, SpeechConfig, TurnsConfig
from voiced.config.values import (
    BindText,
    DirectoryPath,
    HeaderSecret,
    HttpUrl,
    IndexUrl,
    MediaCodec,
    OneWord,
    OptionalSecret,
    PublicKey,
    RequiredHttpUrl,
    Spoken,
    WebhookSecrets,
    WebhookUrl,
)

WEBHOOK_PATH = "/telnyx/webhook"
TEXML_PATH = "/telnyx/texml"
TEXML_STATUS_PATH = "/telnyx/texml/status"
MEDIA_PATH = "/telnyx/media"


class ServerConfig(Table):
    """`[server]`: the public listener, which Telnyx reaches."""

    bind: BindText = "127.0.0.1:8080"
    """Listening address, `host:port`; `:port` for every interface, port 0 for any free one."""
    public_url: HttpUrl = ""
    """http(s) URL at which Telnyx reaches `bind`; "" = `bind` itself."""
    call_url: HttpUrl = ""
    """URL of this instance and no other; "" = `public_url`. Also VOICED_CALL_URL."""
    instance: OneWord = ""
    """Name of this instance in lists of calls; "" = the machine's. Also VOICED_INSTANCE."""
    insecure: bool = False
    """Accept unsigned webhooks; for loopback only."""
    handover_path: str = ""
    """Directory in which a newer process meets this one; "" = systemd's RuntimeDirectory."""
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

    @property
    def call_base_url(self) -> str:
        """Where a call's own traffic goes once this instance has it; without a slash at the end."""
        return self.call_url or self.base_url


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

    api_key: OptionalSecret = None
    """API v2 key; None (in the file "") = no call can be answered. Also TELNYX_API_KEY."""
    connection_id: OneWord = ""
    """Id of the Voice API application. Also TELNYX_APP_ID or TELNYX_CONNECTION_ID."""
    public_key: PublicKey = ""
    """Public key of the account, base64 of 32 bytes. "" = every webhook is refused."""
    api_base: RequiredHttpUrl = "https://api.telnyx.com/v2"
    """Base of the REST API; plain http is for loopback only."""
    texml_get: bool = True
    """Answer TeXML's fetches by GET too: their query is not signed, so few may wait at a time."""


class MediaConfig(Table):
    """`[media]`: how audio travels between Telnyx and us."""

    codec: MediaCodec = "PCMU"
    """Codec asked of Telnyx for the caller's audio; what arrives is obeyed."""
    bidirectional_codec: MediaCodec = "PCMU"
    """Codec of the audio that we send."""
    sample_rate: Literal[8000, 16000, 22050, 24000, 48000] = 8000
    """Hz, as declared of the audio that we send: 8000 but for L16 (any) and OPUS (8000, 16000)."""
    l16_byte_order: Literal["little", "big", "auto"] = "little"
    """Byte order of L16; `auto` listens to the caller for 0.5 s."""
    target_legs: Literal["self", "opposite", "both"] = "self"
    """Which call leg hears us. Reports conflict: try `both` where the caller hears nothing."""
    lead_ms: int = Field(default=400, ge=60, le=2000)
    """How far ahead of real time audio is sent, 60 to 2000 ms."""
    message_ms: int = Field(default=100, ge=20, le=1000, multiple_of=20)
    """Audio in one message, 20 to 1000 ms in steps of 20, at most `lead_ms`."""
    start: Literal["answer", "answered"] = "answer"
    """Ask for the stream with the answer command, or by streaming_start after call.answered."""
    reconnect_s: float = Field(default=5.0, ge=0, le=30)
    """A lost media stream of a live call is started anew, for so long; 0 = the call ends."""
    stall_timeout_s: float = Field(default=10.0, ge=1, le=300)
    """Without media from Telnyx for so long, the call is ended; 1 to 300 s."""

    @property
    def starts_with_answer(self) -> bool:
        """Whether `answer` can ask for the stream: it cannot declare a rate other than 8000."""
        return self.start == "answer" and self.sample_rate == 8000


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
    telnyx: Literal["off", "from_answer", "on_demand"] = "off"
    """Have Telnyx record as well: never, each call from its answer, or when the agent asks."""
    telnyx_format: Literal["wav", "mp3"] = "wav"
    """Format of Telnyx's file."""
    telnyx_channels: Literal["single", "dual"] = "dual"
    """`dual` is stereo: the first leg left, the others right."""
    telnyx_max_length_s: int = Field(default=0, ge=0, le=14400)
    """Telnyx's recording ends there; 0 (no limit) to 14400 s."""
    consent: Spoken = ""
    """Spoken by Telnyx before it records, with `from_answer`; "" = nothing is told."""
    consent_voice: str = Field(default="Telnyx.KokoroTTS.af", min_length=1, max_length=200)
    """Telnyx voice of the consent, `Provider.Model.Voice`."""


class RecordsConfig(Table):
    """`[records]`: where calls are written down."""

    path: DirectoryPath = Path("calls")
    """Directory with one directory for each call; relative to the working directory."""
    wire: bool = True
    """Record each call's flight: all that it was told and did, audio too, for `voiced replay`."""
    keep_days: int = Field(default=30, ge=0, le=3650)
    """After so many days a call loses its flight recording and audio; 0 = never."""
    keep_bytes: int = Field(default=2_000_000_000, ge=0)
    """Flight recordings and audio beyond this lose the oldest first; 0 = no limit."""
    index: IndexUrl = SecretStr("")
    """PostgreSQL database that indexes the calls of several instances; "" = SQLite in `path`."""


class PostCallConfig(Table):
    """`[post_call]`: who is told of each call that has ended."""

    url: WebhookUrl = SecretStr("")
    """https URL that gets the record of each call; "" = nobody. Plain http on loopback only."""
    secret: WebhookSecrets = SecretStr("")
    """Signs what we send, `whsec_...`; two with a space between while one is exchanged."""
    give_up_after_s: float = Field(default=86_400.0, ge=60, le=604_800)
    """Tried so long, 60 to 604800 s; then it is a dead letter."""


class LogConfig(Table):
    """`[log]`: lines on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["auto", "text", "json"] = "auto"
    """`auto` = text on a terminal, JSON otherwise."""
    personal: bool = False
    """Write numbers and words of people, in fields that begin with `personal_`."""


class TracingConfig(Table):
    """`[tracing]`: traces of OpenTelemetry; needs the extra `tracing`."""

    otlp_endpoint: HttpUrl = ""
    """URL of a collector that takes OTLP over HTTP, with its path; "" = no traces."""
    sample: float = Field(default=1.0, gt=0, le=1)
    """Share of the calls that are traced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffConfig:
    """Who serves the calls of one line; equal choices share one provider."""

    agent: ProviderConfig
    recognizer: ProviderConfig
    synthesizer: ProviderConfig


class Config(Table):
    """The whole configuration; made by `load_config` or `parse_config`."""

    server: ServerConfig
    admin: AdminConfig
    telnyx: TelnyxConfig
    media: MediaConfig
    call: CallConfig
    turns: TurnsConfig
    speech: SpeechConfig
    budgets: BudgetsConfig
    failover: FailoverConfig
    recognizer: ProviderConfig
    agent: ProviderConfig
    synthesizer: ProviderConfig
    recording: RecordingConfig
    records: RecordsConfig
    post_call: PostCallConfig
    inbound: InboundConfig
    transfer: TransferConfig
    outbound: OutboundConfig
    lines: Mapping[str, LineConfig]
    log: LogConfig
    tracing: TracingConfig

    def staff(self, line: str) -> StaffConfig:
        """Return who serves the line of this name; "" is for calls to numbers that no line has."""
        own = self.lines.get(line)
        return StaffConfig(
            agent=(own and own.agent) or self.agent,
            recognizer=(own and own.recognizer) or self.recognizer,
            synthesizer=(own and own.synthesizer) or self.synthesizer,
        )

    def line_of(self, called: str) -> str:
        """Return the name of the line that has the number `called`, "" if none has."""
        return next((name for name, line in self.lines.items() if called in line.numbers), "")

    @property
    def webhook_url(self) -> str:
        """Where Telnyx posts its webhooks."""
        return self.server.base_url + WEBHOOK_PATH

    @property
    def call_webhook_url(self) -> str | None:
        """Where Telnyx shall post the webhooks of a call of ours; None = where it posts all."""
        return self.server.call_url + WEBHOOK_PATH if self.server.call_url else None

    @property
    def texml_status_url(self) -> str:
        """Where Telnyx posts how the streams of TeXML calls go."""
        return self.server.call_base_url + TEXML_STATUS_PATH

    def media_url(self, token: str) -> str:
        """Return the WebSocket URL (ws or wss) for the call that holds `token`."""
        base = self.server.call_base_url
        return f"ws{base.removeprefix('http')}{MEDIA_PATH}/{quote(token, safe='')}"

    def with_public_address(self, address: str) -> Config:
        """Return a copy that is reached at `address`, the `host:port` that was really taken."""
        server = self.server.model_copy(update={"bind": address, "public_url": ""})
        return self.model_copy(update={"server": server})
