"""The calls of the REST API: dial, commands, status.

`POST /v2/calls`, `POST /v2/calls/{call_control_id}/actions/<action>` (PUT for
`client_state_update`) and `GET /v2/calls/{call_control_id}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiced.testing.api import Answer, Request, not_allowed, refusal, throttled
from voiced.testing.commands import Refused, check_body
from voiced.testing.legs import Accepted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiced.testing.exchange import Exchange
    from voiced.testing.faults import RestFault
    from voiced.testing.leg.phone_leg import PhoneLeg
    from voiced.testing.telnyx_api.dialling import Dialling

_PUT_ACTIONS = ("client_state_update",)
_NO_SUCH_CALL = Refused(
    status=422,
    code="90015",
    detail="The call_control_id provided was not valid.",
    pointer="/call_control_id",
)


class CallsApi:
    """Handles requests about calls."""

    def __init__(self, exchange: Exchange, dialling: Dialling) -> None:
        self._exchange = exchange
        self._dialling = dialling

    def handle(self, request: Request) -> Answer | None:
        """Answer a request about calls; None for any other."""
        match request.path:
            case ("v2", "calls"):
                return self._dial(request) if request.method == "POST" else _POST_ONLY
            case ("v2", "calls", call_control_id):
                return self._status(call_control_id) if request.method == "GET" else _GET_ONLY
            case ("v2", "calls", call_control_id, "actions", action):
                return self._act(request, call_control_id, action)
            case _:
                return None

    def _status(self, call_control_id: str) -> Answer:
        leg = self._exchange.find(call_control_id)
        if leg is None:
            return refusal(_NO_SUCH_CALL)
        if leg.is_forgotten:
            detail = "The requested resource or URL could not be found."
            return refusal(Refused(status=404, code="10005", detail=detail))
        return Answer(body={"data": leg.status()})

    def _act(self, request: Request, call_control_id: str, action: str) -> Answer:
        is_put = action in _PUT_ACTIONS
        if request.method != ("PUT" if is_put else "POST"):
            return not_allowed("PUT" if is_put else "POST")
        leg = self._exchange.find(call_control_id)
        if leg is None:
            return refusal(_NO_SUCH_CALL)
        body = request.json()
        if isinstance(body, Refused):
            leg.seen(action, {}, body.status, verdict=body)
            leg.ledger.violation(f"{action}: {body.code} {body.detail}")
            return refusal(body)
        trouble = leg.troubles.next(action)
        if trouble is not None:
            if trouble.carried_out:
                leg.judge(action, body)
            leg.seen(action, body, _status_of(trouble))
            return _troubled(trouble)
        verdict = leg.judge(action, body)
        if not isinstance(verdict, Accepted):
            leg.seen(action, body, verdict.status, verdict=verdict)
            return refusal(verdict)
        leg.seen(action, body, 200, verdict=verdict)
        data = {"result": "ok"}
        if body.get("record") and action == "answer":
            data["recording_id"] = leg.recorder.next_id
        return Answer(body={"data": data})

    def _dial(self, request: Request) -> Answer:
        body = request.json()
        if isinstance(body, Refused):
            self._dialling.seen({}, body.status, body)
            return refusal(body)
        trouble = self._dialling.troubles.next("dial")
        if trouble is not None:
            outcome = self._try(body) if trouble.carried_out else None
            self._dialling.seen(body, _status_of(trouble), outcome)
            return _troubled(trouble)
        outcome = self._try(body)
        if isinstance(outcome, Refused):
            self._dialling.seen(body, outcome.status, outcome)
            return refusal(outcome)
        self._dialling.seen(body, 200, outcome)
        # Dialling takes its time: Telnyx always says that the call is not alive yet.
        told = outcome.status() | {"is_alive": False}
        if body.get("record"):
            told["recording_id"] = outcome.recorder.next_id
        return Answer(body={"data": told}, delay_s=self._dialling.reply_s)

    def _try(self, body: Mapping[str, Any]) -> PhoneLeg | Refused:
        return check_body("dial", body) or self._dialling.dial(body)


_GET_ONLY = not_allowed("GET")
_POST_ONLY = not_allowed("POST")


def _status_of(fault: RestFault) -> int | None:
    return {"throttle": 429, "refuse": 422, "fail": 500}.get(fault.trouble)


def _troubled(fault: RestFault) -> Answer:
    """Answer as the fault plan says."""
    match fault.trouble:
        case "throttle":
            return throttled(fault.reset_s)
        case "refuse":
            detail = "This account may not do that now."
            return refusal(Refused(status=422, code="10015", detail=detail))
        case "fail":
            detail = "An unexpected error occurred."
            return refusal(Refused(status=500, code="10007", detail=detail))
        case "hang":
            detail = "The request took too long."
            refused = Refused(status=503, code="10007", detail=detail)
            return refusal(refused, delay_s=fault.hang_s)
        case "drop":
            return Answer(is_dropped=True)
