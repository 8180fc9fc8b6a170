import pytest

from voiced.errors import BadRequest
from voiced.switchboard.call_request import (
    MOST_CHARS_OF_A_VALUE,
    CallRequest,
    NothingMore,
    TransferRequest,
    read_request,
)

TO = "+13125550123"


def test_an_order_needs_only_its_callee():
    request = read_request(CallRequest, {"to": TO})
    assert (request.to, request.from_, request.line, request.wait) == (TO, "", "", None)
    assert TO not in repr(request)


@pytest.mark.parametrize("to", [TO, "sip:desk@pbx.example", "sips:desk@pbx.example"])
def test_numbers_and_sip_uris_can_be_called(to):
    assert read_request(TransferRequest, {"to": to}).to == to


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "the body must be a JSON object"),
        (None, "the body must be a JSON object"),
        ({}, "to: is required"),
        ({"to": 1}, "to: must be a text"),
        ({"to": "3125550123"}, "to: must be a number as +E.164"),
        ({"to": "sip:"}, "to: must be a number as +E.164"),
        ({"to": f"{TO},1234"}, "to: must be a number as +E.164"),
        ({"to": TO, "from": "sip:a@b"}, "from: must be E.164"),
        ({"to": TO, "form": TO}, "'form' is unknown here (known: to, from, line, variables"),
        ({"to": TO, "variables": ["x"]}, "variables: must be an object of texts"),
        ({"to": TO, "variables": {"x": 1}}, "variables: must be a text"),
        ({"to": TO, "variables": {"A b": "x"}}, "variables: names are a letter"),
        ({"to": TO, "variables": {"a": "x" * 1001}}, "a must have at most 1000 characters"),
        ({"to": TO, "variables": {f"a{n}": "" for n in range(51)}}, "at most 50 names"),
        ({"to": TO, "idempotency_key": "a b"}, "idempotency_key: must be 1 to 255 visible"),
        ({"to": TO, "idempotency_key": "a" * 256}, "idempotency_key: must be 1 to 255 visible"),
        ({"to": TO, "wait": "ever"}, 'wait: must be "placed", "answered" or "ended"'),
        ({"to": TO, "webhook": "http://crm.example/x"}, "webhook: must begin with https://"),
        ({"to": TO, "webhook": "ftp://crm.example/x"}, "webhook: must begin with https://"),
        ({"to": TO, "webhook": "https://u:p@crm.example/"}, "webhook: must not carry a user"),
        ({"to": TO, "webhook": "https:///x"}, "webhook: names no host"),
    ],
)
def test_a_faulty_order_is_told_its_field(body, fault):
    with pytest.raises(BadRequest) as caught:
        read_request(CallRequest, body)
    assert fault in str(caught.value)
    assert "3125550123" not in str(caught.value).replace("like +13125550123", "").replace(
        "as in +13125550123", ""
    )


def test_all_faults_are_told_at_once():
    with pytest.raises(BadRequest, match=r"to: .*; wait: "):
        read_request(CallRequest, {"to": "x", "wait": "x"})


@pytest.mark.parametrize(
    "webhook", ["https://crm.example/calls?id=1", "http://127.0.0.1:8/x", "http://[::1]/x"]
)
def test_webhooks_are_https_or_at_home(webhook):
    assert read_request(CallRequest, {"to": TO, "webhook": webhook}).webhook == webhook


def test_the_longest_value_of_a_variable_is_taken():
    variables = {"a": "x" * MOST_CHARS_OF_A_VALUE}
    assert read_request(CallRequest, {"to": TO, "variables": variables}).variables == variables


def test_how_long_one_waits_makes_no_other_order():
    one = read_request(CallRequest, {"to": TO, "wait": "ended"})
    assert one.is_same_order(read_request(CallRequest, {"to": TO}))
    assert not one.is_same_order(read_request(CallRequest, {"to": TO, "variables": {"a": ""}}))


def test_a_body_that_must_be_empty():
    read_request(NothingMore, {})
    with pytest.raises(BadRequest, match="'x' is unknown here"):
        read_request(NothingMore, {"x": 1})
