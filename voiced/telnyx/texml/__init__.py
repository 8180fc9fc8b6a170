"""TeXML: the other way to run a call, by documents and form callbacks. Pure.

Telnyx fetches a document when a call comes in (`InstructionFetch`), does what it says
(`render_stream`), and tells how the call goes by callbacks. `CallSid` is the call control id, so
Call Control's commands reach the call as well; the events that callbacks amount to are those of
`voiced.telnyx.events` (`as_event`), so that a call runs alike either way.

The requests carry the same two signature headers as webhooks, over the raw form body:
`voiced.telnyx.webhook.WebhookVerifier` checks them. A GET has no body, so its query is not covered.

Source: developers.telnyx.com, "TeXML `Stream`", "TeXML instruction fetching", "TeXML callbacks".
"""

from voiced.telnyx.texml.callbacks import (
    AnsweredBy,
    CallStatusChanged,
    InstructionFetch,
    RecordingChanged,
    StreamChanged,
    TexmlCallback,
    UnknownCallback,
    parse_callback,
    parse_fetch,
)
from voiced.telnyx.texml.document import (
    TexmlSpeech,
    TexmlStream,
    render_hangup,
    render_reject,
    render_say,
    render_stream,
)
from voiced.telnyx.texml.form import parse_form
from voiced.telnyx.texml.translate import as_event, as_initiated

__all__ = [
    "AnsweredBy",
    "CallStatusChanged",
    "InstructionFetch",
    "RecordingChanged",
    "StreamChanged",
    "TexmlCallback",
    "TexmlSpeech",
    "TexmlStream",
    "UnknownCallback",
    "as_event",
    "as_initiated",
    "parse_callback",
    "parse_fetch",
    "parse_form",
    "render_hangup",
    "render_reject",
    "render_say",
    "render_stream",
]
