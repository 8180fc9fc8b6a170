import json
from pathlib import Path

import pytest

from voiced.telnyx import texml
from voiced.testing.texml.document import (
    HangupVerb,
    RejectVerb,
    SayVerb,
    StreamVerb,
    TexmlFault,
    parse_document,
)

FIXTURES = json.loads((Path(__file__).parents[2] / "data/telnyx/fixtures.json").read_text())
DOCUMENTS = FIXTURES["texml"]
XML = "application/xml; charset=utf-8"


def read(text, content_type=XML):
    return parse_document(text.encode(), content_type)


def stream(attributes="", children=""):
    """The verbs of a document with one stream."""
    given = f'url="wss://x.test/media" {attributes}'
    return read(f"<Response><Connect><Stream {given}>{children}</Stream></Connect></Response>")


def test_the_document_of_an_agent_is_read_with_all_it_says():
    assert read(DOCUMENTS["inbound agent"]) == (
        StreamVerb(
            url="wss://agent.example.com/telnyx/media/one-time-token",
            track="inbound_track",
            codec="PCMU",
            bidirectional_mode="rtp",
            bidirectional_codec="PCMU",
            bidirectional_rate_hz=8000,
            name="agent",
            status_callback="https://agent.example.com/telnyx/texml/stream",
            status_callback_method="POST",
            reconnects=False,
            parameters={"run": "r1"},
        ),
        HangupVerb(),
    )


def test_what_is_not_said_has_telnyxs_defaults():
    (verb,) = stream()
    assert isinstance(verb, StreamVerb)
    assert (verb.bidirectional_mode, verb.reconnects, verb.codec) == ("mp3", True, "default")


def test_a_call_can_be_turned_away():
    assert read(DOCUMENTS["reject"]) == (RejectVerb(reason="busy"),)
    assert read("<Response><Reject/></Response>") == (RejectVerb(reason="rejected"),)
    assert read(DOCUMENTS["hangup"]) == (HangupVerb(),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<Response>", "not well-formed"),
        ("<response><Hangup/></response>", "the root is <response>"),
        ("<Response/>", "holds no verb"),
        ("<Response a='1'><Hangup/></Response>", "no attribute a"),
        ("<Response>hello<Hangup/></Response>", "text has no place in <Response>"),
        ("<Response><Hangup/>hello</Response>", "text has no place in <Response>"),
        ("<Response><Play>x</Play></Response>", "<Play> is not carried out"),
        ("<Response><Say> </Say></Response>", "<Say> needs a text"),
        ("<Response><Say loop='2'>hello</Say></Response>", "<Say loop>"),
        ("<Response><Shout>hello</Shout></Response>", "<Shout> is no TeXML verb"),
        ("<Response><Hangup><Pause/></Hangup></Response>", "holds nothing, not <Pause>"),
        ("<Response><Connect/></Response>", "must hold one <Stream>"),
        ("<Response><Connect><Stream/></Connect></Response>", "needs the attribute url"),
        ("<Response><Hangup/><Reject/></Response>", "must come first"),
        ("<Response><Reject reason='tired'/></Response>", '"tired"'),
        ("<Response><Reject cause='busy'/></Response>", "no attribute but reason"),
        ("<!DOCTYPE Response><Response><Hangup/></Response>", "document type"),
    ],
)
def test_a_document_that_telnyx_would_not_carry_out_is_refused(text, words):
    with pytest.raises(TexmlFault) as caught:
        read(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ('bidirectionalmode="rtp"', "no attribute bidirectionalmode"),
        ('bidirectionalMode="RTP"', 'bidirectionalMode="RTP"> is not mp3 or rtp'),
        ('bidirectionalCodec="L16"', "bidirectionalCodec"),
        ('bidirectionalCodec="pcmu"', "bidirectionalCodec"),
        ('bidirectionalSamplingRate="48000"', "8000, 16000 or 24000"),
        ('bidirectionalTargetLegs="self"', "no attribute bidirectionalTargetLegs"),
        ('track="inbound"', "inbound_track, outbound_track or both_tracks"),
        ('enableReconnect="no"', "true or false"),
        ('statusCallback="wss://x.test"', "https:// or http://"),
    ],
)
def test_an_attribute_that_telnyx_does_not_know_is_refused(attributes, words):
    with pytest.raises(TexmlFault) as caught:
        stream(attributes)
    assert words in str(caught.value)


@pytest.mark.parametrize("url", ["", "https://x.test", "wss://", "wss://x.test/" + "x" * 2000])
def test_a_url_that_cannot_be_dialled_is_refused(url):
    with pytest.raises(TexmlFault):
        read(f'<Response><Connect><Stream url="{url}"/></Connect></Response>')


@pytest.mark.parametrize(
    "children",
    [
        '<Parameter name="a"/>',
        '<Parameter name="" value="1"/>',
        '<Parameter name="a" value="1" type="x"/>',
        '<Parameter name="a" value="1">b</Parameter>',
        '<Parameter name="a" value="1"/><Parameter name="a" value="2"/>',
        '<Param name="a" value="1"/>',
        "hello",
    ],
)
def test_parameters_must_be_name_and_value(children):
    with pytest.raises(TexmlFault):
        stream(children=children)


def test_what_voiced_writes_is_carried_out():
    written = texml.TexmlStream(
        url="wss://x.test/media/token",
        codec="PCMA",
        name="agent",
        status_callback="https://x.test/stream?a=1&b=2",
        parameters={"run": "<r1>"},
    )
    assert read(texml.render_stream(written)) == (
        StreamVerb(
            url="wss://x.test/media/token",
            codec="PCMA",
            bidirectional_mode="rtp",
            name="agent",
            status_callback="https://x.test/stream?a=1&b=2",
            reconnects=False,
            parameters={"run": "<r1>"},
        ),
        HangupVerb(),
    )
    speech = texml.TexmlSpeech(text="One moment & hold", voice="Telnyx.KokoroTTS.af")
    assert read(texml.render_say(speech)) == (
        SayVerb(text="One moment & hold", voice="Telnyx.KokoroTTS.af"),
        HangupVerb(),
    )
    assert read(texml.render_reject("busy")) == (RejectVerb(reason="busy"),)
    assert read(texml.render_hangup()) == (HangupVerb(),)


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json"])
def test_a_document_must_be_called_xml(content_type):
    with pytest.raises(TexmlFault, match="content type"):
        read(DOCUMENTS["hangup"], content_type)
