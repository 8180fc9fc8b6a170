"""Rules that join several keys, or a key and the machine.

Each rule names the keys that it reads. It runs only when all of them are sound by themselves, so
that one fault is told once; and it runs even if other keys are faulty, so that all are told.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from voiced.address import url_host_is_loopback
from voiced.audio.codec import SUPPORTED, require_codec
from voiced.config.report import shown
from voiced.errors import CodecNotInstalled, LocalProtocolError, Problem
from voiced.telnyx.texml import TexmlSpeech, render_say

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiced.config.tables import Config


_DECLARED_RATES_HZ = {"L16": SUPPORTED["L16"], "OPUS": (8000, 16000)}
"""What may be declared of audio that we send, where that is not 8000 alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`check` returns the problem, or None; it may read `keys` and no others."""

    keys: tuple[str, ...]
    check: Callable[[Config], Problem | None]


def broken_rules(config: Config, *, faulty: set[str]) -> list[Problem]:
    """Return the problems of all rules that read none of the `faulty` keys (dotted)."""
    due = (rule for rule in RULES if faulty.isdisjoint(rule.keys))
    return [problem for rule in due if (problem := rule.check(config)) is not None]


def _insecure_stays_at_home(config: Config) -> Problem | None:
    if not config.server.insecure or config.server.address.is_loopback:
        return None
    return Problem(
        key="server.insecure",
        value="true",
        reason=f"unsigned webhooks are accepted on loopback only, bind is {config.server.bind}",
        remedy="set telnyx.public_key and insecure = false, or bind to 127.0.0.1",
    )


def _tls_needs_both(config: Config) -> Problem | None:
    certificate, key = config.server.tls_certificate, config.server.tls_key
    if bool(certificate) == bool(key):
        return None
    missing, given = (
        ("tls_key", "tls_certificate") if certificate else ("tls_certificate", "tls_key")
    )
    return Problem(
        key=f"server.{missing}",
        value="",
        reason=f"is missing while {given} is set",
        remedy="set both for TLS here, or none of them where TLS ends at a proxy",
    )


def _readable_file(name: str) -> Callable[[Config], Problem | None]:
    def check(config: Config) -> Problem | None:
        path: str = getattr(config.server, name)
        reason = _why_unreadable(path) if path else ""
        if not reason:
            return None
        return Problem(
            key=f"server.{name}",
            value=shown(path),
            reason=reason,
            remedy="name a PEM file that voiced's user may read",
        )

    return check


def _why_unreadable(path: str) -> str:
    if "\0" in path:
        return "is not a path"
    if not Path(path).exists():
        return "there is no such file"
    if not Path(path).is_file():
        return "is not a file"
    return "" if os.access(path, os.R_OK) else "cannot be read"


def _open_admin_needs_token(config: Config) -> Problem | None:
    if config.admin.token.get_secret_value() or config.admin.address.is_loopback:
        return None
    return Problem(
        key="admin.token",
        value="",
        reason=f"is required because bind {config.admin.bind} can be reached from other machines",
        remedy="set VOICED_ADMIN_TOKEN, or bind to 127.0.0.1",
    )


def _listeners_apart(config: Config) -> Problem | None:
    if not config.server.address.overlaps(config.admin.address):
        return None
    return Problem(
        key="admin.bind",
        value=shown(config.admin.bind),
        reason=f"collides with server.bind {config.server.bind}",
        remedy="give it a port of its own",
    )


def _key_travels_encrypted(config: Config) -> Problem | None:
    base = config.telnyx.api_base
    if base.startswith("https://") or url_host_is_loopback(base):
        return None
    return Problem(
        key="telnyx.api_base",
        value=shown(base),
        reason="the API key would travel in clear text: plain http is for loopback only",
        remedy="begin with https://",
    )


def _numbers_have_one_line(config: Config) -> Problem | None:
    taken: dict[str, str] = {}
    for name, line in config.lines.items():
        for number in line.numbers:
            if number in taken:
                return Problem(
                    key=f"lines.{name}.numbers",
                    value=shown(number),
                    reason=f"belongs to [lines.{taken[number]}] already",
                    remedy="give each number to one line",
                )
            taken[number] = name
    return None


def _speakable(text_key: str, voice_key: str) -> Rule:
    """Return the rule that TeXML can have Telnyx speak a text: XML has no control characters."""

    def check(config: Config) -> Problem | None:
        text, voice = (attrgetter(key)(config) for key in (text_key, voice_key))
        if not text:
            return None
        try:
            render_say(TexmlSpeech(text=text, voice=voice))
        except LocalProtocolError as error:
            return Problem(key=text_key, value=shown(text), reason=f"cannot be spoken ({error})")
        return None

    return Rule(keys=(text_key, voice_key), check=check)


def _message_fits_lead(config: Config) -> Problem | None:
    if config.media.message_ms <= config.media.lead_ms:
        return None
    return Problem(
        key="media.message_ms",
        value=str(config.media.message_ms),
        reason=f"must be at most lead_ms, which is {config.media.lead_ms} ms",
        remedy="a message longer than the lead would always come too late",
    )


def _codec_has_rate(config: Config) -> Problem | None:
    codec, rate_hz = config.media.bidirectional_codec, config.media.sample_rate
    rates = _DECLARED_RATES_HZ.get(codec, (8000,))
    if rate_hz in rates:
        return None
    clock = ", which is its clock; its audio has 16000 Hz" if codec == "G722" else ""
    return Problem(
        key="media.sample_rate",
        value=str(rate_hz),
        reason=f"bidirectional_codec {codec} has no such rate",
        remedy=f"use {' or '.join(map(str, rates))}{clock}",
    )


def _codec_is_installed(name: str) -> Callable[[Config], Problem | None]:
    def check(config: Config) -> Problem | None:
        codec: str = getattr(config.media, name)
        try:
            require_codec(codec)
        except CodecNotInstalled as missing:
            return Problem(
                key=f"media.{name}",
                value=shown(codec),
                reason=missing.reason,
                remedy=missing.remedy,
            )
        return None

    return check


def _consent_has_its_time(config: Config) -> Problem | None:
    recording = config.recording
    has_its_time = not config.media.starts_with_answer
    if not recording.consent or (recording.telnyx == "from_answer" and has_its_time):
        return None
    return Problem(
        key="recording.consent",
        value=shown(recording.consent),
        reason="would not be spoken: it comes between the answer and the media stream",
        remedy='set recording.telnyx = "from_answer" and media.start = "answered"',
    )


def _records_in_a_directory(config: Config) -> Problem | None:
    path = config.records.path
    if path.is_dir() or not path.exists():
        return None
    return Problem(
        key="records.path",
        value=shown(str(path)),
        reason="is not a directory",
        remedy="name a directory; it is made when missing",
    )


def _delays_in_order(config: Config) -> Problem | None:
    turns = config.turns
    if turns.min_delay_ms <= turns.delay_ms <= turns.max_delay_ms:
        return None
    return Problem(
        key="turns.delay_ms",
        value=str(turns.delay_ms),
        reason=f"must lie between min_delay_ms ({turns.min_delay_ms}) and "
        f"max_delay_ms ({turns.max_delay_ms})",
        remedy="a complete answer is waited for least, an unfinished one longest",
    )


def _post_call_is_signed(config: Config) -> Problem | None:
    if not config.post_call.url.get_secret_value() or config.post_call.secret.get_secret_value():
        return None
    return Problem(
        key="post_call.secret",
        value="",
        reason="is missing: whoever is told could not know that it was us",
        remedy='set VOICED_POST_CALL_SECRET; make one: echo "whsec_$(openssl rand -base64 32)"',
    )


def _index_is_installed(config: Config) -> Problem | None:
    if not config.records.index.get_secret_value() or find_spec("psycopg"):
        return None
    return Problem(
        key="records.index",
        value="",
        reason="PostgreSQL needs a driver that is not installed",
        remedy="pip install 'voiced[postgres]'",
    )


def _next_is_asked_in_time(name: str, role: str) -> Rule:
    """Return the rule that a list is gone through before the call's own budget is spent."""

    def check(config: Config) -> Problem | None:
        patience_s: float = getattr(config.failover, name)
        budget_s: float = getattr(config.budgets, name)
        staff = [config.staff(line) for line in ("", *config.lines)]
        has_list = any(getattr(chosen, role).fallback for chosen in staff)
        if patience_s < budget_s or not has_list:
            return None
        return Problem(
            key=f"failover.{name}",
            value=shown(patience_s),
            reason=f"is not below [budgets] {name}, {budget_s:g} s: the call would end before the "
            f"next {role} is asked",
            remedy="half of it, or less, leaves time for the next one",
        )

    return Rule(keys=(f"failover.{name}", f"budgets.{name}", "lines", role), check=check)


RULES = (
    Rule(keys=("server.insecure", "server.bind"), check=_insecure_stays_at_home),
    Rule(keys=("server.tls_certificate", "server.tls_key"), check=_tls_needs_both),
    Rule(keys=("server.tls_certificate",), check=_readable_file("tls_certificate")),
    Rule(keys=("server.tls_key",), check=_readable_file("tls_key")),
    Rule(keys=("admin.token", "admin.bind"), check=_open_admin_needs_token),
    Rule(keys=("server.bind", "admin.bind"), check=_listeners_apart),
    Rule(keys=("telnyx.api_base",), check=_key_travels_encrypted),
    Rule(keys=("media.message_ms", "media.lead_ms"), check=_message_fits_lead),
    Rule(keys=("media.bidirectional_codec", "media.sample_rate"), check=_codec_has_rate),
    Rule(keys=("media.codec",), check=_codec_is_installed("codec")),
    Rule(keys=("media.bidirectional_codec",), check=_codec_is_installed("bidirectional_codec")),
    Rule(keys=("lines",), check=_numbers_have_one_line),
    _next_is_asked_in_time("first_words_s", "agent"),
    _next_is_asked_in_time("first_audio_s", "synthesizer"),
    _speakable("inbound.full_message", "call.apology_voice"),
    _speakable("recording.consent", "recording.consent_voice"),
    Rule(
        keys=(
            "recording.consent",
            "recording.telnyx",
            "media.start",
            "media.bidirectional_codec",
            "media.sample_rate",
        ),
        check=_consent_has_its_time,
    ),
    Rule(
        keys=("turns.min_delay_ms", "turns.delay_ms", "turns.max_delay_ms"), check=_delays_in_order
    ),
    Rule(keys=("records.path",), check=_records_in_a_directory),
    Rule(keys=("post_call.url", "post_call.secret"), check=_post_call_is_signed),
    Rule(keys=("records.index",), check=_index_is_installed),
)
