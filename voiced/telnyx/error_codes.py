"""What Telnyx's error codes mean, and what to do about them.

Codes come in three places: in the refusal of a command or a query (`10xxx`, `90xxx`), in `error`
messages of the media socket (`100002` to `100005`), and in the portal's list of webhook deliveries
(`75xxx`). `docs/telnyx-errors.md` is made from this table.

Source: Telnyx's "Error codes" (2026-04) and its OpenAPI document; the media codes are from "Media
streaming over WebSockets". Meanings and remedies are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Handling(Enum):
    """What voiced does about a code; the value is the sentence of the docs."""

    FAILS = "The command fails; log and call record say why."
    RETRIED = "The command is tried again, within its deadline, with the same `command_id`."
    DONE = "A hangup or a stop counts as done; any other command finds the call gone."
    GOES_ON = "The call goes on; it is counted in `counters.stream_errors`, and logged once."
    UNSEEN = "voiced does not see it: it stands in the portal's list of webhook deliveries."
    UNUSED = "Only commands that voiced does not send meet it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """One code: Telnyx's title, what it means, what voiced does, what the operator can do."""

    code: str
    title: str
    meaning: str
    handling: Handling
    remedy: str


def explain(code: str, *, status: int | None = None) -> ErrorCode | None:
    """Return what `code` means, None when it is unknown.

    Args:
        code: Telnyx's code as text.
        status: HTTP status of the answer; 10011 says two things, by status.
    """
    if code == "10011" and status == 422:
        return _NO_ENCRYPTION
    return ERROR_CODES.get(code)


_KEY = "check TELNYX_API_KEY"
_OURS = "a fault of voiced: report it with the log line"
_FIELD = "correct the value; the error names its place, and `voiced check` knows the config's"
_LATER = "wait; if it lasts, look at status.telnyx.com"
_OUTPUT = "raise the limit in the portal, or place fewer calls at a time"
_OWN_TLS = "give the webhook address a certificate of a public authority, with its whole chain"
_ROUTE = "point the application's webhook URL to `<server.public_url>/telnyx/webhook`"

_F, _R, _G, _S, _N = (
    Handling.FAILS,
    Handling.RETRIED,
    Handling.GOES_ON,
    Handling.UNSEEN,
    Handling.UNUSED,
)

_Row: TypeAlias = tuple[str, str, str, Handling, str]

_GENERAL: tuple[_Row, ...] = (
    ("10001", "Inactive phone number", "The number is not active in the account.", _F,
     "activate the number in the portal, or correct outbound.caller_id"),
    ("10002", "Invalid phone number", "A number is not one.", _F, "write numbers as +E.164"),
    ("10003", "Invalid URL", "A URL is none, or longer than 2000 characters.", _F,
     "check server.public_url"),
    ("10004", "Missing required parameter", "A command lacks a field.", _F, _OURS),
    ("10005", "Resource not found", "There is nothing of this id, for this key.", _F,
     "check telnyx.api_base and telnyx.connection_id, and that the key is of the same account"),
    ("10006", "Invalid ID", "An id has the wrong form.", _F, "check telnyx.connection_id"),
    ("10007", "Unexpected error", "A fault of Telnyx's own.", _R, _LATER),
    ("10008", "Request timeout", "Telnyx took too long.", _R, _LATER),
    ("10009", "Authentication failed", "Telnyx does not know the API key.", _F,
     f"{_KEY}: it is shown once when made, begins with KEY, and may have been revoked"),
    ("10010", "Authorization failed", "The key is known and may not do this.", _F,
     f"{_KEY} and what the account may do (verification level, user's role)"),
    ("10011", "Too many requests", "More commands in a second than the account may send.", _R,
     "place fewer calls at a time; voiced waits as long as Telnyx says"),
    ("10012", "Duplicate resource", "It exists already.", _F, "choose another name"),
    ("10013", "Missing association", "Something needed is not connected to it.", _F,
     "give the application an outbound voice profile, and the number to the application"),
    ("10014", "Unsupported Media Type", "The body is of a kind that Telnyx does not read.", _F,
     "check telnyx.api_base, and proxies on the way"),
    ("10015", "Bad Request", "A field has a value that Telnyx does not take here.", _F,
     "read the detail: at `/connection_id` the application lacks a valid webhook URL or does not"
     " exist; otherwise correct the field that is named"),
    ("10016", "Phone number must be in +E.164 format", "A number lacks its + and country.", _F,
     "write numbers as +E.164: plus, country, number, without spaces"),
    ("10017", "Associated resource does not exist", "An id points to nothing.", _F,
     "check telnyx.connection_id and the outbound voice profile"),
    ("10018", "Invalid sort direction", "A list was asked for in an unknown order.", _F, _OURS),
    ("10019", "Invalid email address", "An address is none.", _N, _FIELD),
    ("10020", "Invalid resource type", "A `record_type` is unknown.", _F, _OURS),
    ("10021", "Resource in use", "It is being used elsewhere.", _F, "free it in the portal"),
    ("10022", "One or more invalid IDs", "Of several ids one is wrong.", _F, _FIELD),
    ("10023", "Invalid JSON", "The body is not JSON.", _F, "check proxies on the way"),
    ("10024", "Unsupported Content-Type", "The body's kind is not taken here.", _F,
     "check telnyx.api_base, and proxies on the way"),
    ("10025", "String length out of range", "A text is too short or too long.", _F, _FIELD),
    ("10026", "Invalid parameter type", "A field has the wrong JSON type.", _F, _OURS),
    ("10027", "Unprocessable Entity", "The command makes no sense in this state.", _F,
     "read the detail"),
    ("10028", "Character encoding error", "The body is not UTF-8.", _F, _OURS),
    ("10029", "Expected JSON Content-Type", "The body must be sent as JSON.", _F,
     "check proxies on the way"),
    ("10030", "Method not allowed", "Wrong HTTP method for this address.", _F,
     "check telnyx.api_base"),
    ("10031", "Invalid request filter", "A list was asked for by an unknown filter.", _F, _OURS),
    ("10032", "Invalid enumerated value", "A field takes a fixed set of values only.", _F, _FIELD),
    ("10033", "Value outside of range", "A number is too small or too large.", _F, _FIELD),
    ("10034", "Expected URL-encoded form Content-Type", "TeXML commands are forms.", _F, _OURS),
    ("10035", "Resource locked", "Somebody else is changing it.", _F, _LATER),
    ("10036", "Resource is being processed", "It is not ready yet.", _F, _LATER),
    ("10037", "Service unavailable", "Telnyx cannot serve just now.", _R, _LATER),
    ("10038", "Feature not permitted", "The account may not use this feature.", _F,
     "raise the account's verification level, or ask Telnyx's support to enable the feature"),
    ("10039", "Feature limited", "The account has used up what it has of this feature.", _F,
     "raise the account's verification level, or ask Telnyx's support"),
    ("10700", "Invalid caller data", "The caller id's data is not taken.", _F,
     "check outbound.caller_id: a number of this account, or one that was verified"),
)  # fmt: skip

_WEBHOOKS: tuple[_Row, ...] = (
    ("75000", "Webhook delivery error", "A webhook could not be delivered.", _S,
     "look at the delivery in the portal, and whether voiced is reachable from outside"),
    ("75001", "Could not resolve name", "The webhook's host name is unknown.", _S,
     "correct the application's webhook URL, or the name's DNS entry"),
    ("75002", "Could not connect to host", "Nothing listens there, or a firewall is between.", _S,
     "start voiced, and open the port of server.public_url"),
    ("75003", "Certificate misconfiguration", "TLS fails on our side.", _S, _OWN_TLS),
    ("75004", "Expired certificate", "The certificate has run out.", _S,
     "renew the certificate, and restart what serves it"),
    ("75005", "Certificate name mismatch", "The certificate is for another name.", _S, _OWN_TLS),
    ("75006", "Untrusted certificate root", "The certificate is not of a public authority.", _S,
     _OWN_TLS),
    ("75299", "Webhook host returned a non-200 HTTP 2XX", "Telnyx wants 200 exactly.", _S,
     "look for a proxy that answers in voiced's place"),
    ("75300", "Webhook host returned HTTP 3XX", "Something redirects.", _S,
     f"{_ROUTE}, as https and without a redirect"),
    ("75400", "Webhook host returned HTTP 400", "The body was no event of API v2.", _S,
     "set the application's webhook API version to 2; voiced's log says more"),
    ("75404", "Webhook host returned HTTP 404", "The path is wrong.", _S, _ROUTE),
    ("75499", "Webhook host returned HTTP 4XX", "401 and 403: the signature was refused.", _S,
     "check TELNYX_PUBLIC_KEY and the machine's clock; voiced's log says more"),
    ("75500", "Webhook host returned HTTP 500", "voiced (or a proxy) has failed.", _S,
     "read voiced's log"),
    ("75599", "Webhook host returned HTTP 5XX", "A proxy cannot reach voiced.", _S,
     "start voiced, and check where the proxy sends to"),
)  # fmt: skip

_CALLS: tuple[_Row, ...] = (
    ("90015", "Invalid Call Control ID", "No call has this id, or it is long over.", _F,
     "check that key and application are of one account"),
    ("90017", "Invalid value for client_state", "The state is not base64.", _F, _OURS),
    ("90018", "Call has already ended", "The leg is gone; a race that is normal.", Handling.DONE,
     "nothing"),
    ("90019", "Conference has already ended", "The conference is gone.", _N, "nothing"),
    ("90020", "Call recording triggered before audio started", "There is nothing to record yet.",
     _F, "start the recording with the call (recording from the answer on)"),
    ("90031", "Call is not currently forked", "There is no fork to stop.", _N, "nothing"),
    ("90032", "Too many conference participants", "The conference is full.", _N, "wait"),
    ("90033", "Conference has no active participants", "The conference is empty.", _N, "nothing"),
    ("90034", "Call has not been answered yet", "The command needs an answered leg.", _F,
     "nothing, if it passes; otherwise report it with the log line"),
    ("90035", "Call not in queue", "There is nothing to leave.", _N, "nothing"),
    ("90036", "Queue full", "The queue takes no more calls.", _N, "make the queue larger"),
    ("90037", "Queue max_size cannot be modified", "The queue keeps its size.", _N, "nothing"),
    ("90038", "Call already in queue", "It waits there already.", _N, "nothing"),
    ("90040", "Downloading audio file failed", "Telnyx could not fetch the file to play.", _F,
     "check that the file's URL is reachable from outside, and is mp3 or wav"),
    ("90041", "User termination channels limit exceeded", "The account's calls are all in use.",
     _F, _OUTPUT),
    ("90042", "Outbound voice profile channels limit exceeded",
     "The outbound voice profile's calls are all in use.", _F, _OUTPUT),
    ("90043", "Connection outbound channels limit exceeded",
     "The application's calls are all in use.", _F, _OUTPUT),
    ("90044", "Conference join not allowed", "The conference does not take this call.", _N,
     "nothing"),
    ("90045", "Media Streaming is used", "The call has a stream, and may have one only.", _F,
     "stop forks and other streams of this call"),
    ("90046", "Media Streaming Failed", "Telnyx could not stream to our socket.", _F,
     "check that server.public_url is reachable from outside as wss://, with a public certificate"),
    ("90048", "Media Streaming is not used", "There is no stream to stop.", _F, "nothing"),
    ("90050", "Unable to delete queue", "The queue is in use.", _N, "nothing"),
    ("90053", "Call recording triggered with 'timeout_secs' while transcribing",
     "Silence detection of a recording and a transcription exclude each other.", _F,
     "give the recording no silence timeout"),
    ("90054", "Call Transcription is already in progress", "There is one already.", _N,
     "nothing"),
    ("90055", "Call transcription can not be stopped", "There is none, or not ours.", _N,
     "nothing"),
    ("90057", "Invalid call control event type for webhook_urls", "No such event.", _N, _OURS),
    ("90058", "Invalid conference_id", "There is no such conference.", _N, "nothing"),
    ("90061", "AI Assistant is already in progress", "Telnyx's own agent has the call.", _F,
     "take the assistant off the number: it and voiced exclude each other"),
    ("90080", "Cannot issue a command on fax in the current state", "Faxes are not calls.", _N,
     "nothing"),
    ("90081", "Cannot issue command for inbound fax", "Faxes are not calls.", _N, "nothing"),
    ("90100", "Notification key is invalid", "Of push notifications.", _N, "nothing"),
    ("90101", "Notification context is invalid", "Of push notifications.", _N, "nothing"),
    ("90102", "Command is invalid", "The command does not fit the leg: as an answer to a leg that"
     " we dialled.", _F, _OURS),
    ("100001", "Invalid Dialogflow API", "Of Google's Dialogflow.", _N, "nothing"),
)  # fmt: skip

_MEDIA: tuple[_Row, ...] = (
    ("100002", "unknown_error (media-stream error frame)", "Telnyx could not use a message.", _G,
     "if the caller hears gaps, report it with the call's record"),
    ("100003", "malformed_frame (media-stream error frame)", "A message was no JSON that Telnyx"
     " knows.", _G, _OURS),
    ("100004", "invalid_media (media-stream error frame)", "Audio was not base64, or not of the"
     " declared codec.", _G, "check media.bidirectional_codec and media.sample_rate"),
    ("100005", "rate_limit_reached (media-stream error frame)", "Messages came too fast.", _G,
     "lower media.lead_ms; look for a machine that stalls and then catches up"),
)  # fmt: skip

_VALUES = MappingProxyType(
    {
        "90000": "format",
        "90001": "channels",
        "90002": "timeout",
        "90003": "inter_digit_timeout",
        "90004": "min",
        "90005": "max",
        "90006": "tries",
        "90007": "terminating_digit",
        "90008": "valid_digits",
        "90009": "loop",
        "90010": "payload",
        "90011": "payload_type",
        "90012": "voice",
        "90013": "language",
        "90014": "digits",
        "90016": "stop",
        "90021": "duration",
        "90022": "minimum_digits",
        "90023": "maximum_digits",
        "90024": "maximum_tries",
        "90025": "timeout_millis",
        "90026": "inter_digit_timeout_millis",
        "90027": "duration_millis",
        "90028": "timeout_secs",
        "90029": "time_limit_secs",
        "90030": "service_level",
        "90049": "record_timeout_secs",
        "90056": "initial_timeout_millis",
        "90059": "recording_track",
    }
)
"""Codes that say of one field that its value is not taken."""


def _value_rows() -> Iterable[_Row]:
    for code, name in _VALUES.items():
        meaning = f"Telnyx does not take this `{name}`."
        yield code, f"Invalid value for {name}", meaning, Handling.FAILS, _FIELD


def _entry(row: _Row) -> ErrorCode:
    code, title, meaning, handling, remedy = row
    return ErrorCode(code=code, title=title, meaning=meaning, handling=handling, remedy=remedy)


_NO_ENCRYPTION = _entry(
    ("10011", "Too many requests", "With status 422: no media encryption to telephones.", _F,
     "leave media_encryption out for numbers; it works to SIP addresses only")
)  # fmt: skip

ERROR_CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        row[0]: _entry(row)
        for row in sorted(
            (*_GENERAL, *_WEBHOOKS, *_CALLS, *_MEDIA, *_value_rows()), key=lambda row: int(row[0])
        )
    }
)
"""Every code that Telnyx has told of, in order."""


def render_page() -> str:
    """Return `docs/telnyx-errors.md`."""
    lines = [_HEAD]
    for entry in (*ERROR_CODES.values(), _NO_ENCRYPTION):
        cells = (entry.code, entry.title, entry.meaning, entry.handling.value, entry.remedy)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


_HEAD = """\
# Telnyx's error codes

What Telnyx's codes mean, what voiced does about them, and what you can do. A log line of a failed
command ends in the same remedy. The table is made from `voiced/telnyx/error_codes.py`; a test keeps
the two equal.

* `10xxx` and `90xxx` come as the refusal of a command. Tried again is what may pass: the statuses
  408, 429 and 5xx, and no answer at all. Everything else is final.
* `100002` to `100005` come over the media socket.
* `75xxx` are never sent to voiced: they stand beside failed deliveries in the portal.

| code | Telnyx's title | what it means | what voiced does | what to do |
|---|---|---|---|---|"""
