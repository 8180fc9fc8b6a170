from dataclasses import replace

import pytest
import trio

from tests.doctor.conftest import PUBLIC_URL, WALL
from voiced.doctor import Sign, all_fine
from voiced.doctor.account_findings import MOST_NAMED, account_findings
from voiced.doctor.facts import AccountFacts, ApiContact, Unavailable
from voiced.testing.account import Application, TexmlApplication
from voiced.testing.emulator import CONNECTION_ID


def with_application(practice, **changes):
    """An account whose application differs in `changes`."""
    usual = practice.as_it_should_be
    return replace(usual, applications=(replace(usual.applications[0], **changes),))


async def test_an_account_as_it_should_be_has_nothing_but_fine_findings(practice):
    findings = await practice.findings({"outbound": {"caller_id": "+13125550199"}})
    assert [finding for finding in findings if finding.sign is not Sign.FINE] == []
    assert [finding.check for finding in findings] == [
        "api_key",
        "clock",
        "public_key",
        "application",
        "application.webhook_api_version",
        "application.webhook_url",
        "application.webhook_timeout",
        "application.first_command",
        "outbound_profile",
        "numbers",
        "caller_id",
        "deliveries",
    ]


# The key.


async def test_without_a_key_the_account_is_not_looked_at(practice):
    findings = list(account_findings(practice.config({"telnyx": {"api_key": ""}}), AccountFacts()))
    assert findings[0].check == "api_key"
    assert findings[0].sign is Sign.PROBLEM
    assert "TELNYX_API_KEY" in findings[0].remedy
    assert [found.sign for found in findings if found.check == "application"] == [Sign.UNKNOWN]


async def test_a_wrong_key_is_told_and_ends_the_questions(practice):
    findings = await practice.findings({"telnyx": {"api_key": "KEYwrong"}})
    assert findings[0].sign is Sign.PROBLEM
    assert findings[0].text == "Telnyx does not know the API key"
    assert "KEYwrong" not in str(findings)
    assert practice.telnyx.unauthorized_requests == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "may not do this"), (404, "is not Telnyx's API"), (500, "could not be asked")],
)
async def test_what_else_keeps_the_api_closed_is_told(practice, status, words):
    refused = AccountFacts(contact=Unavailable(reason="so it is", status=status))
    finding = next(account_findings(practice.config(), refused))
    assert (finding.check, finding.sign) == ("api_key", Sign.PROBLEM)
    assert words in finding.text


# The clock.


@pytest.mark.parametrize(
    ("offset_s", "sign", "words"),
    [
        (0, Sign.FINE, "agrees"),
        (20, Sign.FINE, "agrees"),
        (100, Sign.WARNING, "100 s behind"),
        (-100, Sign.WARNING, "s ahead of Telnyx"),
        (400, Sign.PROBLEM, "400 s behind"),
        (-400, Sign.PROBLEM, "every webhook is refused"),
    ],
)
async def test_a_clock_that_differs_is_told(practice, offset_s, sign, words):
    practice.telnyx.possessions = replace(practice.as_it_should_be, clock_offset_s=offset_s)
    finding = await practice.about("clock")
    assert finding.sign is sign
    assert words in finding.text


async def test_a_slow_answer_is_no_skew(practice):
    contact = ApiContact(applications=(), sent_at=WALL, received_at=WALL + 60, date=WALL + 55)
    findings = account_findings(practice.config(), AccountFacts(contact=contact))
    assert [f.sign for f in findings if f.check == "clock"] == [Sign.FINE]


async def test_an_api_without_a_clock_is_no_problem(practice):
    contact = ApiContact(applications=(), sent_at=WALL, received_at=WALL, date=None)
    findings = account_findings(practice.config(), AccountFacts(contact=contact))
    assert [f.sign for f in findings if f.check == "clock"] == [Sign.UNKNOWN]


# The public key.


async def test_another_accounts_public_key_is_told_with_the_right_one(practice):
    other = "A" * 42 + "E="
    finding = await practice.about("public_key", {"telnyx": {"public_key": other}})
    assert finding.sign is Sign.PROBLEM
    assert finding.remedy == f"set TELNYX_PUBLIC_KEY={practice.telnyx.public_key}"


async def test_a_missing_public_key_is_told_with_its_value(practice):
    finding = await practice.about("public_key", {"telnyx": {"public_key": ""}})
    assert finding.sign is Sign.PROBLEM
    assert practice.telnyx.public_key in finding.remedy


async def test_the_same_key_with_its_asn1_header_is_the_same(practice):
    header = "MCowBQYDK2VwAyEA"  # RFC 8410: SubjectPublicKeyInfo of Ed25519, 12 bytes
    usual = practice.as_it_should_be
    practice.telnyx.possessions = replace(usual, public_key=header + usual.public_key)
    assert (await practice.about("public_key")).sign is Sign.FINE


async def test_a_public_key_that_cannot_be_compared_is_no_problem(practice):
    practice.telnyx.possessions = replace(practice.as_it_should_be, public_key="")
    findings = await practice.findings()
    assert all_fine(findings)
    assert [f.sign for f in findings if f.check == "public_key"] == [Sign.UNKNOWN]


# The application.


@pytest.mark.parametrize(
    ("changes", "check", "sign", "words"),
    [
        ({"webhook_api_version": "1"}, "webhook_api_version", Sign.PROBLEM, "version 1"),
        ({"webhook_url": "https://old.example.com/hook"}, "webhook_url", Sign.PROBLEM, "old.ex"),
        ({"webhook_url": f"{PUBLIC_URL}/telnyx/webhook/"}, "webhook_url", Sign.PROBLEM, "not to"),
        ({"webhook_url": ""}, "webhook_url", Sign.PROBLEM, "nowhere"),
        ({"failover_url": "https://b.example.com"}, "failover_url", Sign.WARNING, "b.example"),
        ({"timeout_s": 0}, "webhook_timeout", Sign.WARNING, "only 0 s"),
        ({"timeout_s": 25}, "webhook_timeout", Sign.WARNING, "25 s"),
        ({"timeout_s": None}, "webhook_timeout", Sign.FINE, "as long as usual"),
        ({"ends_unanswered": False}, "first_command", Sign.WARNING, "ring on"),
        ({"active": False}, "active", Sign.PROBLEM, "switched off"),
    ],
)
async def test_what_is_wrong_with_the_application_is_told(practice, changes, check, sign, words):
    practice.telnyx.possessions = with_application(practice, **changes)
    finding = await practice.about(f"application.{check}")
    assert finding.sign is sign
    assert words in finding.text
    assert bool(finding.remedy) == (sign is not Sign.FINE)


async def test_a_failover_to_this_same_daemon_is_nothing_to_tell(practice):
    url = f"{PUBLIC_URL}/telnyx/webhook"
    practice.telnyx.possessions = with_application(practice, failover_url=url)
    assert all(finding.sign is Sign.FINE for finding in await practice.findings())


async def test_an_unknown_application_is_told_with_those_that_exist(practice):
    some = tuple(Application(id=f"15{n}", name=f"app {n}") for n in range(MOST_NAMED + 2))
    practice.telnyx.possessions = replace(practice.as_it_should_be, applications=some)
    finding = await practice.about("application")
    assert finding.sign is Sign.PROBLEM
    assert f"no application {CONNECTION_ID}" in finding.text
    assert "150 (app 0), " in finding.remedy
    assert finding.remedy.endswith("or one of 2 more")


async def test_without_a_connection_id_those_that_exist_are_told(practice):
    finding = await practice.about("application", {"telnyx": {"connection_id": ""}})
    assert finding.sign is Sign.WARNING
    assert CONNECTION_ID in finding.remedy


async def test_an_account_without_applications_is_told_to_make_one(practice):
    practice.telnyx.possessions = replace(practice.as_it_should_be, applications=())
    assert "make a Voice API application" in (await practice.about("application")).remedy


@pytest.mark.parametrize(
    ("voice_url", "sign"),
    [
        (f"{PUBLIC_URL}/telnyx/texml", Sign.FINE),
        ("https://old.example.com/texml", Sign.PROBLEM),
        ("", Sign.PROBLEM),
    ],
)
async def test_a_texml_application_is_known_as_one(practice, voice_url, sign):
    texml = TexmlApplication(
        id=CONNECTION_ID, voice_url=voice_url, status_callback=f"{PUBLIC_URL}/telnyx/texml/status"
    )
    practice.telnyx.possessions = replace(
        practice.as_it_should_be, applications=(), texml_applications=(texml,)
    )
    finding = await practice.about("application")
    assert finding.sign is sign
    assert "TeXML application" in finding.text


@pytest.mark.parametrize(("texml_get", "sign"), [(True, Sign.WARNING), (False, Sign.PROBLEM)])
async def test_a_texml_application_that_fetches_by_get_should_not(practice, texml_get, sign):
    texml = TexmlApplication(
        id=CONNECTION_ID, voice_url=f"{PUBLIC_URL}/telnyx/texml", voice_method="get"
    )
    practice.telnyx.possessions = replace(
        practice.as_it_should_be, applications=(), texml_applications=(texml,)
    )
    finding = await practice.about("application.voice_method", {"telnyx": {"texml_get": texml_get}})
    assert finding.sign is sign
    assert "POST" in finding.remedy


async def test_a_texml_application_that_tells_no_status_is_a_warning(practice):
    texml = TexmlApplication(id=CONNECTION_ID, voice_url=f"{PUBLIC_URL}/telnyx/texml")
    practice.telnyx.possessions = replace(
        practice.as_it_should_be, applications=(), texml_applications=(texml,)
    )
    assert (await practice.about("application.status_callback")).sign is Sign.WARNING


# One that fails.


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        ("outbound_voice_profiles", "outbound_profile"),
        ("phone_numbers", "numbers"),
        ("public_key", "public_key"),
        ("webhook_deliveries", "deliveries"),
    ],
)
async def test_what_cannot_be_asked_leaves_the_rest_alone(practice, broken, check):
    practice.telnyx.possessions = replace(practice.as_it_should_be, broken=(broken,))
    findings = await practice.findings()
    assert [f.check for f in findings if f.sign is not Sign.FINE] == [check]
    assert (await practice.about(check)).text.endswith(
        "Telnyx answers 500 (10007 Unexpected error)"
    )


async def test_an_answer_that_never_comes_is_given_up(practice, autojump_clock):
    async def silent(scope, receive, send):
        await trio.sleep_forever()

    facts = await practice.facts(practice.config(), silent)
    assert trio.current_time() == 10
    assert facts == AccountFacts(contact=Unavailable(reason="no answer within 10 s"))


async def test_a_page_that_is_not_telnyxs_is_no_answer(practice):
    async def proxy(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>Welcome</html>"})

    facts = await practice.facts(practice.config(), proxy)
    finding = next(account_findings(practice.config(), facts))
    assert "https://api.telnyx.test/v2 is not Telnyx's API" in finding.text
