"""What comes with a request: a JSON body, the idempotency key, how long to wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, cast, get_args

from pydantic import BaseModel
from quart import request

from voiced.errors import BadRequest
from voiced.index import CallQuery
from voiced.leg.leg import Milestone
from voiced.switchboard.call_request import CallRequest, read_request

if TYPE_CHECKING:
    from typing import Any

MOST_BYTES = 128 * 1024
"""More than the largest order has."""

BODY_TIMEOUT_S = 5

KEY_HEADER = "Idempotency-Key"

_Body = TypeVar("_Body", bound=BaseModel)


async def read_body(model: type[_Body]) -> _Body:
    """Return the request's body, which must have been sent as JSON; none at all counts as {}.

    Raises:
        BadRequest: it is no such body.
    """
    if request.mimetype != "application/json":
        raise BadRequest("send JSON, with Content-Type: application/json", status=415)
    body = cast("bytes", await request.get_data(cache=False))
    return read_request(model, _parse(body) if body else {})


async def read_order() -> CallRequest:
    """Return the order of a call; its idempotency key may stand in the header as well.

    Raises:
        BadRequest: it is none.
    """
    order = await read_body(CallRequest)
    key = request.headers.get(KEY_HEADER, "")
    if not key or key == order.idempotency_key:
        return order
    if order.idempotency_key:
        raise BadRequest(f"idempotency_key: differs from the header {KEY_HEADER}")
    by_name = {**order.model_dump(by_alias=True), "idempotency_key": key}
    return read_request(CallRequest, by_name)


def read_wait() -> Milestone | None:
    """Return what `?wait=` asks to wait for.

    Raises:
        BadRequest: there is no such milestone.
    """
    given = request.args.get("wait")
    if given is None:
        return None
    if given not in get_args(Milestone):
        raise BadRequest('wait: must be "placed", "answered" or "ended"')
    return cast("Milestone", given)


def read_query() -> CallQuery | None:
    """Return which calls the URL's query asks for, None if it has none.

    Raises:
        BadRequest: it asks for none that there could be.
    """
    given = request.args.to_dict(flat=False)
    twice = next((name for name, values in given.items() if len(values) > 1), None)
    if twice is not None:
        raise BadRequest(f"{twice[:40]}: is given twice")
    if not given:
        return None
    return read_request(CallQuery, {name: value for name, (value,) in given.items()})


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON", status=400) from None
