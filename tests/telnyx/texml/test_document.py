"""The documents: what a parser of XML reads out of them is what was meant."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.errors import LocalProtocolError
from voiced.telnyx.texml import (
    TexmlSpeech,
    TexmlStream,
    render_hangup,
    render_reject,
    render_say,
    render_stream,
)

FIXTURES: dict[str, str] = json.loads(
    (Path(__file__).parents[2] / "data/telnyx/fixtures.json").read_text()
)["texml"]
URL = "wss://agent.example.com/telnyx/media/one-time-token"


def stream(**changes: Any) -> TexmlStream:
    return TexmlStream(**{"url": URL, **changes})


def test_document_is_that_of_the_fixture() -> None:
    document = render_stream(
        stream(
            name="agent",
            status_callback="https://agent.example.com/telnyx/texml/stream",
            parameters={"run": "r1"},
        )
    )
    assert ElementTree.canonicalize(document, strip_text=True) == ElementTree.canonicalize(
        FIXTURES["inbound agent"], strip_text=True
    )
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')


def test_short_documents_are_those_of_the_fixtures() -> None:
    for document, name in ((render_hangup(), "hangup"), (render_reject("busy"), "reject")):
        assert ElementTree.canonicalize(document, strip_text=True) == ElementTree.canonicalize(
            FIXTURES[name], strip_text=True
        )


def test_spoken_refusal_speaks_and_hangs_up() -> None:
    speech = TexmlSpeech(
        text="All lines <busy> & closed", voice="Telnyx.KokoroTTS.af", language="en-US"
    )
    say, hangup = ElementTree.fromstring(render_say(speech))
    assert (say.tag, say.text) == ("Say", "All lines <busy> & closed")
    assert say.attrib == {"voice": "Telnyx.KokoroTTS.af", "language": "en-US"}
    assert hangup.tag == "Hangup"


def test_speech_may_go_before_the_stream() -> None:
    first = TexmlSpeech(text="This call is recorded.", voice="Telnyx.KokoroTTS.af")
    say, connect, _ = ElementTree.fromstring(render_stream(stream(), first=first))
    assert (say.tag, say.text, connect.tag) == ("Say", "This call is recorded.", "Connect")


def test_reconnection_is_off_unless_wanted() -> None:
    for wanted in (False, True):
        element = ElementTree.fromstring(render_stream(stream(enable_reconnect=wanted)))[0][0]
        assert element.attrib["enableReconnect"] == str(wanted).lower()
        assert element.attrib["bidirectionalMode"] == "rtp"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "https://x"}, "url: must begin with wss://"),
        ({"codec": "L16"}, "codec: 'L16' is none of PCMU, PCMA, G722, OPUS, AMR-WB, default"),
        ({"bidirectional_codec": "L16"}, "bidirectionalCodec: 'L16' is none of"),
        ({"bidirectional_sampling_rate": 48000}, "bidirectionalSamplingRate: 48000 is none of"),
        ({"track": "inbound"}, "track"),
        ({"status_callback": "ftp://x"}, "statusCallback: must begin with https://"),
        ({"name": ""}, "name: is empty"),
    ],
)
def test_what_telnyx_would_not_take_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(LocalProtocolError, match=reason):
        stream(**changes)


@pytest.mark.parametrize("text", ["a\x00b", "\x1b", "\ud800", "\ufffe"])
def test_what_no_xml_can_hold_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="control character"):
        render_stream(stream(parameters={"a": text}))


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])),
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])),
        max_size=4,
    )
)
def test_any_parameters_come_back_as_they_were(parameters: dict[str, str]) -> None:
    root = ElementTree.fromstring(render_stream(stream(parameters=parameters)))
    element = root[0][0]
    assert {child.attrib["name"]: child.attrib["value"] for child in element} == parameters
    assert element.attrib["url"] == URL
    assert [child.tag for child in root] == ["Connect", "Hangup"]


def test_the_token_stays_out_of_the_repr() -> None:
    assert "one-time-token" not in repr(stream())
