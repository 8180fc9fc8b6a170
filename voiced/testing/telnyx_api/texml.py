"""The part of the REST API that TeXML calls have of their own: `POST .../Calls/{CallSid}`.

`/v2/texml/Accounts/{account_sid}/Calls/{CallSid}` takes a form; `Status=completed` hangs up. GET
tells how the call is. Other instructions for a live call are refused as not emulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from voiced.testing.api import Answer, Request, not_allowed, refusal
from voiced.testing.commands import Refused
from voiced.testing.legs import Accepted
from voiced.testing.texml.forms import final_status

if TYPE_CHECKING:
    from voiced.testing.exchange import Exchange
    from voiced.testing.leg.phone_leg import PhoneLeg

_NO_SUCH_CALL = Refused(
    status=404, code="10005", detail="The requested resource or URL could not be found."
)
_ACTION = "texml_update"


class TexmlApi:
    """Handles requests about TeXML calls."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def handle(self, request: Request) -> Answer | None:
        """Answer a request about a TeXML call; None for any other."""
        match request.path:
            case ("v2", "texml", "Accounts", account_sid, "Calls", call_sid):
                leg = self._exchange.find(call_sid)
                if leg is None or leg.context.parties.user_id != account_sid:
                    return refusal(_NO_SUCH_CALL)
                if request.method == "GET":
                    return Answer(body=_resource(leg))
                return _update(leg, request) if request.method == "POST" else not_allowed("POST")
            case _:
                return None


def _update(leg: PhoneLeg, request: Request) -> Answer:
    form = parse_qs(request.body.decode("latin-1"), keep_blank_values=True)
    if form.keys() != {"Status"} or form["Status"] != ["completed"]:
        detail = "Only Status=completed is emulated for a live TeXML call."
        refused = Refused(status=422, code="10027", detail=detail, pointer="/Status")
        leg.seen(_ACTION, form, refused.status, verdict=refused)
        return refusal(refused)
    verdict = leg.judge("hangup", {})
    if isinstance(verdict, Accepted):
        leg.seen(_ACTION, form, 200, verdict=verdict)
        return Answer(body=_resource(leg))
    leg.seen(_ACTION, form, verdict.status, verdict=verdict)
    return refusal(verdict)


def _resource(leg: PhoneLeg) -> dict[str, Any]:
    """Return the call as TeXML's API shows it."""
    parties, hangup = leg.context.parties, leg.state.hangup
    answered = leg.answered.is_set()
    if hangup is not None:
        status: str = final_status(hangup, answered=answered)
    else:
        status = "in-progress" if answered else "ringing"
    return {
        "sid": parties.call_control_id,
        "account_sid": parties.user_id,
        "direction": "inbound" if leg.state.direction == "incoming" else "outbound",
        "from": parties.from_,
        "to": parties.to,
        "status": status,
        "uri": f"/v2/texml/Accounts/{parties.user_id}/Calls/{parties.call_control_id}.json",
    }
