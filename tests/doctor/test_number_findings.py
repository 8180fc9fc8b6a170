from dataclasses import replace

import pytest

from voiced.doctor import Sign
from voiced.testing.account import OwnedNumber
from voiced.testing.emulator import CONNECTION_ID

SHOWN = "+13125550123"
PLACES_CALLS = {"outbound": {"caller_id": SHOWN}}
OURS = OwnedNumber(number=SHOWN, connection_id=CONNECTION_ID)


@pytest.mark.parametrize(
    ("tables", "sign", "words"),
    [(PLACES_CALLS, Sign.PROBLEM, "D38"), (None, Sign.WARNING, "transfers")],
)
async def test_a_missing_outbound_profile_is_told(practice, tables, sign, words):
    usual = practice.as_it_should_be
    practice.telnyx.possessions = replace(
        usual, applications=(replace(usual.applications[0], profile_id=""),)
    )
    finding = await practice.about("outbound_profile", tables)
    assert finding.sign is sign
    assert words in finding.text


@pytest.mark.parametrize(
    ("changes", "sign", "words"),
    [
        ({"enabled": False}, Sign.PROBLEM, "switched off"),
        ({"destinations": ()}, Sign.WARNING, "no country"),
        ({"destinations": ("US", "CA")}, Sign.FINE, "allows calls to US, CA"),
        ({"destinations": tuple("ABCDEFG")}, Sign.FINE, "A, B, C, D, E and 2 more"),
    ],
)
async def test_the_outbound_profile_is_judged(practice, changes, sign, words):
    usual = practice.as_it_should_be
    practice.telnyx.possessions = replace(usual, profiles=(replace(usual.profiles[0], **changes),))
    finding = await practice.about("outbound_profile")
    assert finding.sign is sign
    assert words in finding.text


@pytest.mark.parametrize(("tables", "sign"), [(None, Sign.PROBLEM), (PLACES_CALLS, Sign.WARNING)])
async def test_an_application_that_nobody_can_call_is_told(practice, tables, sign):
    elsewhere = OwnedNumber(number="+13125550199", connection_id="1494404757140276999")
    practice.telnyx.possessions = replace(practice.as_it_should_be, numbers=(elsewhere,))
    finding = await practice.about("numbers", tables)
    assert finding.sign is sign
    assert "no number is assigned" in finding.text


async def test_a_number_that_waits_for_something_is_told(practice):
    waiting = replace(OURS, status="port_pending")
    usual = practice.as_it_should_be
    practice.telnyx.possessions = replace(usual, numbers=(*usual.numbers, waiting))
    findings = [found for found in await practice.findings() if found.check == "numbers"]
    assert [found.sign for found in findings] == [Sign.FINE, Sign.WARNING]
    assert "port_pending" in findings[1].text


@pytest.mark.parametrize(
    ("numbers", "verified", "sign", "words"),
    [
        ((OURS,), (), Sign.FINE, "belongs to the account"),
        ((replace(OURS, status="deleted"),), (), Sign.PROBLEM, "deleted"),
        ((replace(OURS, connection_id="9", connection_name="pbx"),), (), Sign.WARNING, "to pbx"),
        ((replace(OURS, connection_id=""),), (), Sign.WARNING, "to nothing"),
        ((), (SHOWN,), Sign.FINE, "verified"),
        ((), (), Sign.PROBLEM, "neither"),
        ((replace(OURS, number=f"{SHOWN}4"),), (), Sign.PROBLEM, "neither"),
    ],
)
async def test_the_caller_id_is_judged(practice, numbers, verified, sign, words):
    practice.telnyx.possessions = replace(
        practice.as_it_should_be, numbers=numbers, verified_numbers=verified
    )
    finding = await practice.about("caller_id", PLACES_CALLS)
    assert finding.sign is sign
    assert words in finding.text


SUPPORT = {"support": {"numbers": ["+13125550199", "+13125550144"]}}


async def test_a_line_whose_number_rings_elsewhere_is_told(practice):
    finding = await practice.about("lines", {"lines": SUPPORT})
    assert finding.sign is Sign.PROBLEM
    assert "lines.support: +13125550144 is not assigned" in finding.text


@pytest.mark.parametrize(
    ("unknown", "signs"), [("answer", [Sign.FINE]), ("reject", [Sign.FINE, Sign.WARNING])]
)
async def test_a_number_that_no_line_has_is_told_when_its_callers_are_rejected(
    practice, unknown, signs
):
    usual = practice.as_it_should_be
    stray = replace(OURS, number="+13125550177")
    own = replace(OURS, number="+13125550144")
    practice.telnyx.possessions = replace(usual, numbers=(*usual.numbers, own, stray))
    tables = {"lines": SUPPORT, "inbound": {"unknown_numbers": unknown}}
    findings = [found for found in await practice.findings(tables) if found.check == "lines"]
    assert [found.sign for found in findings] == signs
    assert ("+13125550177" in findings[-1].text) == (unknown == "reject")
