"""Reads a TeXML document as strictly as Telnyx's documentation describes it: pure.

Only what a voice agent needs is carried out: `Connect` with a `Stream`, `Say`, `Hangup`, `Reject`.
What is wrong raises `TexmlFault` with a sentence that names element, attribute and what may stand
there. It shares nothing with what the daemon writes its documents with, so that one checks the
other.

Source: developers.telnyx.com, "TeXML verbs" (`Stream`, `Connect`, `Hangup`, `Reject`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_URL = 2000  # characters, Telnyx's rule for every URL (10003)
_MOST_SPOKEN = 3000  # characters, as for the command `speak`
_CONTENT_TYPES = ("application/xml", "text/xml")
_OTHER_VERBS = (
    "AIAssistant",
    "AIGather",
    "Dial",
    "Enqueue",
    "Gather",
    "HttpRequest",
    "Leave",
    "Pause",
    "Play",
    "Record",
    "Redirect",
    "Refer",
    "Start",
    "Stop",
    "Suppression",
)


class TexmlFault(Exception):
    """A document that Telnyx would not carry out; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamVerb:
    """`<Connect><Stream .../></Connect>`: attributes in Telnyx's names and with its defaults."""

    url: str
    track: str = "inbound_track"
    codec: str = "default"
    bidirectional_mode: str = "mp3"
    bidirectional_codec: str = "PCMU"
    bidirectional_rate_hz: int = 8000
    name: str = ""
    status_callback: str = ""
    status_callback_method: Literal["GET", "POST"] = "POST"
    reconnects: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupVerb:
    """`<Hangup/>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectVerb:
    """`<Reject reason="..."/>`."""

    reason: Literal["rejected", "busy"] = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class SayVerb:
    """`<Say voice="...">text</Say>`."""

    text: str
    voice: str = ""


Verb: TypeAlias = StreamVerb | SayVerb | HangupVerb | RejectVerb

_STREAM_VALUES: Mapping[str, tuple[str, ...]] = {
    "track": ("inbound_track", "outbound_track", "both_tracks"),
    "codec": ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "default"),
    "bidirectionalMode": ("mp3", "rtp"),
    "bidirectionalCodec": ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB"),
    "bidirectionalSamplingRate": ("8000", "16000", "24000"),
    "statusCallbackMethod": ("GET", "POST"),
    "enableReconnect": ("true", "false"),
}
_STREAM_FREE = ("url", "name", "statusCallback")


def parse_document(body: bytes, content_type: str) -> tuple[Verb, ...]:
    """Return the verbs of a document, in order.

    Args:
        body: the answer to the fetch of instructions.
        content_type: its header, parameters included.

    Raises:
        TexmlFault: Telnyx would not carry it out.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _CONTENT_TYPES:
        raise TexmlFault(f"content type {kind or '(none)'} is not {_either(_CONTENT_TYPES)}")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise TexmlFault("a document type or entities have no place in TeXML")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise TexmlFault(f"not well-formed XML: {error}") from None
    if root.tag != "Response":
        raise TexmlFault(f"the root is <{root.tag}>, not <Response>")
    _check_bare(root)
    verbs = tuple(_verb(element, place) for place, element in enumerate(root))
    if not verbs:
        raise TexmlFault("<Response> holds no verb: the call would be hung up")
    return verbs


def _verb(element: ElementTree.Element, place: int) -> Verb:
    match element.tag:
        case "Connect":
            return _connect(element)
        case "Say":
            return _say(element)
        case "Hangup":
            _check_bare(element)
            _check_childless(element)
            return HangupVerb()
        case "Reject":
            if place > 0:
                raise TexmlFault("<Reject> must come first: the call has been answered by then")
            return _reject(element)
        case tag if tag in _OTHER_VERBS:
            raise TexmlFault(f"<{tag}> is not carried out by the emulated Telnyx")
        case tag:
            raise TexmlFault(f"<{tag}> is no TeXML verb")


def _connect(element: ElementTree.Element) -> StreamVerb:
    _check_bare(element)
    if [child.tag for child in element] != ["Stream"]:
        raise TexmlFault("<Connect> must hold one <Stream>")
    return _stream(element[0])


def _stream(element: ElementTree.Element) -> StreamVerb:
    _check_text(element)
    given = dict(element.attrib)
    for name, value in given.items():
        if name not in _STREAM_FREE and name not in _STREAM_VALUES:
            raise TexmlFault(f"<Stream> has no attribute {name}")
        if name in _STREAM_VALUES and value not in _STREAM_VALUES[name]:
            allowed = _either(_STREAM_VALUES[name])
            raise TexmlFault(f'<Stream {name}="{value}"> is not {allowed}')
    _check_url("url", given.get("url", ""), ("wss", "ws"))
    if "statusCallback" in given:
        _check_url("statusCallback", given["statusCallback"], ("https", "http"))
    return StreamVerb(
        url=given["url"],
        track=given.get("track", "inbound_track"),
        codec=given.get("codec", "default"),
        bidirectional_mode=given.get("bidirectionalMode", "mp3"),
        bidirectional_codec=given.get("bidirectionalCodec", "PCMU"),
        bidirectional_rate_hz=int(given.get("bidirectionalSamplingRate", "8000")),
        name=given.get("name", ""),
        status_callback=given.get("statusCallback", ""),
        status_callback_method="GET" if given.get("statusCallbackMethod") == "GET" else "POST",
        reconnects=given.get("enableReconnect", "true") == "true",
        parameters=_parameters(element),
    )


def _parameters(element: ElementTree.Element) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for child in element:
        if child.tag != "Parameter":
            raise TexmlFault(f"<Stream> holds <{child.tag}>, where only <Parameter> may stand")
        if child.attrib.keys() != {"name", "value"} or not child.attrib["name"]:
            raise TexmlFault("<Parameter> needs name and value, and nothing else")
        if child.attrib["name"] in parameters:
            raise TexmlFault(f'<Parameter name="{child.attrib["name"]}"> is there twice')
        _check_text(child)
        _check_childless(child)
        parameters[child.attrib["name"]] = child.attrib["value"]
    return parameters


def _say(element: ElementTree.Element) -> SayVerb:
    _check_childless(element)
    foreign = element.attrib.keys() - {"voice", "language"}
    if foreign:
        raise TexmlFault(f"<Say {min(foreign)}> is not carried out by the emulated Telnyx")
    text = (element.text or "").strip()
    if not 1 <= len(text) <= _MOST_SPOKEN:
        raise TexmlFault(f"<Say> needs a text of 1 to {_MOST_SPOKEN} characters")
    return SayVerb(text=text, voice=element.attrib.get("voice", ""))


def _reject(element: ElementTree.Element) -> RejectVerb:
    _check_text(element)
    _check_childless(element)
    if element.attrib.keys() - {"reason"}:
        raise TexmlFault("<Reject> has no attribute but reason")
    match element.attrib.get("reason", "rejected"):
        case "rejected":
            return RejectVerb(reason="rejected")
        case "busy":
            return RejectVerb(reason="busy")
        case reason:
            raise TexmlFault(f'<Reject reason="{reason}"> is not rejected or busy')


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if not url:
        raise TexmlFault(f"<Stream> needs the attribute {name}")
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname or len(url) > _MOST_URL:
        begins = _either(tuple(f"{scheme}://" for scheme in schemes))
        raise TexmlFault(f"<Stream {name}> must begin with {begins}, name a host and be short")


def _check_bare(element: ElementTree.Element) -> None:
    """Refuse attributes and text."""
    if element.attrib:
        raise TexmlFault(f"<{element.tag}> has no attribute {min(element.attrib)}")
    _check_text(element)


def _check_text(element: ElementTree.Element) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if any(text is not None and text.strip() for text in texts):
        raise TexmlFault(f"text has no place in <{element.tag}>")


def _check_childless(element: ElementTree.Element) -> None:
    if len(element):
        raise TexmlFault(f"<{element.tag}> holds nothing, not <{element[0].tag}>")


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"
