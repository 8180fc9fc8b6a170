"""The documents that we answer an instruction fetch with.

`<Connect>` waits until the stream has ended, then the next verb runs: `<Hangup/>`, so that a call
ends when our socket does. Annotations carry limits here, as in `voiced.telnyx.commands`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias
from xml.etree import ElementTree

from voiced.telnyx.commands.limits import (
    Length,
    Name,
    SocketUrl,
    SpokenText,
    Url,
    check_fields,
    require,
)
from voiced.telnyx.commands.stream import Track

TexmlCodec: TypeAlias = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB"]
"""What a TeXML stream may carry; L16 is Call Control's only."""
TexmlSamplingRate: TypeAlias = Literal[8000, 16000, 24000]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TexmlStream:
    """How a call's audio reaches us and how ours reaches the call.

    `bidirectional_mode` is `rtp`: the default, `mp3`, drops raw audio without a word. With
    `enable_reconnect` Telnyx dials `url` again when the socket is lost: expect a second `start` for
    the same call, with the same URL. `parameters` come back in `start.custom_parameters`.
    """

    url: SocketUrl = field(repr=False)  # holds the token that authorises the socket
    track: Track = "inbound_track"
    codec: TexmlCodec | Literal["default"] = "PCMU"
    bidirectional_mode: Literal["rtp", "mp3"] = "rtp"
    bidirectional_codec: TexmlCodec = "PCMU"
    bidirectional_sampling_rate: TexmlSamplingRate = 8000
    name: Name | None = None
    status_callback: Url | None = None
    status_callback_method: Literal["POST", "GET"] = "POST"
    enable_reconnect: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_fields(self, _attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class TexmlSpeech:
    """What Telnyx says to the caller, `text` in its own `voice`."""

    text: SpokenText
    voice: Annotated[str, Length(1, 200)]
    language: Annotated[str, Length(1, 20)] | None = None

    def __post_init__(self) -> None:
        check_fields(self)


def render_stream(stream: TexmlStream, *, first: TexmlSpeech | None = None) -> str:
    """Return the document that connects the call to us, and hangs up when the stream has ended.

    `first` is spoken before that.
    """
    response = ElementTree.Element("Response")
    if first is not None:
        _say(response, first)
    connect = ElementTree.SubElement(response, "Connect")
    element = ElementTree.SubElement(connect, "Stream", _attributes(stream))
    for name, value in stream.parameters.items():
        ElementTree.SubElement(element, "Parameter", {"name": name, "value": value})
    ElementTree.SubElement(response, "Hangup")
    return _document(response)


def render_hangup() -> str:
    """Return the document that ends the call."""
    response = ElementTree.Element("Response")
    ElementTree.SubElement(response, "Hangup")
    return _document(response)


def render_reject(reason: Literal["busy", "rejected"]) -> str:
    """Return the document that refuses the call without answering it."""
    response = ElementTree.Element("Response")
    ElementTree.SubElement(response, "Reject", {"reason": reason})
    return _document(response)


def render_say(speech: TexmlSpeech) -> str:
    """Return the document that answers, speaks, and hangs up."""
    response = ElementTree.Element("Response")
    _say(response, speech)
    ElementTree.SubElement(response, "Hangup")
    return _document(response)


def _say(response: ElementTree.Element, speech: TexmlSpeech) -> None:
    language = {"language": speech.language} if speech.language else {}
    attributes = {"voice": speech.voice} | language
    ElementTree.SubElement(response, "Say", attributes).text = speech.text


def _attribute(name: str) -> str:
    """Return TeXML's name of a field: `status_callback` is `statusCallback`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _attributes(stream: TexmlStream) -> dict[str, str]:
    given = {
        "url": stream.url,
        "track": stream.track,
        "codec": stream.codec,
        "bidirectionalMode": stream.bidirectional_mode,
        "bidirectionalCodec": stream.bidirectional_codec,
        "bidirectionalSamplingRate": str(stream.bidirectional_sampling_rate),
    }
    if stream.name is not None:
        given["name"] = stream.name
    if stream.status_callback is not None:
        given["statusCallback"] = stream.status_callback
        given["statusCallbackMethod"] = stream.status_callback_method
    given["enableReconnect"] = "true" if stream.enable_reconnect else "false"
    return given


def _document(response: ElementTree.Element) -> str:
    for element in response.iter():
        texts = [element.text or "", *element.attrib.values()]
        # No escape makes these characters XML.
        require(not any(map(_NOT_XML.search, texts)), f"{element.tag}: holds a control character")
    ElementTree.indent(response)
    body = ElementTree.tostring(response, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
