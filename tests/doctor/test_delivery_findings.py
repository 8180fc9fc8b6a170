from dataclasses import replace

from tests.doctor.conftest import PUBLIC_URL, WALL
from voiced.doctor import Sign, all_fine
from voiced.doctor.delivery_findings import delivery_findings
from voiced.doctor.facts import FailedDelivery as Failed
from voiced.testing.account import FailedDelivery
from voiced.testing.webhooks import derived_id, iso_time

URL = f"{PUBLIC_URL}/telnyx/webhook"


def failed(n, code, *, ago_s, url=URL):
    return FailedDelivery(id=derived_id("hook", n), url=url, code=code, at=iso_time(WALL - ago_s))


async def test_failed_deliveries_are_told_by_their_cause(practice):
    deliveries = (
        failed(1, 75404, ago_s=7 * 3600),
        failed(2, 75599, ago_s=600),
        failed(3, 75404, ago_s=5 * 3600),
    )
    practice.telnyx.possessions = replace(practice.as_it_should_be, failed_deliveries=deliveries)
    findings = await practice.findings()
    assert all_fine(findings)
    told = [found for found in findings if found.check == "deliveries"]
    assert [found.sign for found in told] == [Sign.WARNING] * 2
    assert told[0].text == (
        "2 webhooks were not delivered in the last 24 hours, the last one 5 hours ago:"
        " the answer was 404: nothing is at this path (75404)"
    )
    assert told[1].text.startswith("1 webhook was not delivered in the last 24 hours, the last one")
    assert "10 min ago" in told[1].text
    assert "server.bind" in told[1].remedy


async def test_other_urls_and_older_days_are_passed_over(practice):
    deliveries = (
        failed(1, 75404, ago_s=600, url="https://sms.example.com/hook"),
        failed(2, 75404, ago_s=25 * 3600),
    )
    practice.telnyx.possessions = replace(practice.as_it_should_be, failed_deliveries=deliveries)
    assert (await practice.about("deliveries")).sign is Sign.FINE


async def test_a_code_that_nobody_knows_is_told_as_it_is(practice):
    unheard = Failed(at=None, urls=(URL,), codes=("75777",))
    silent = Failed(at=None, urls=(URL,), codes=())
    found = list(delivery_findings(practice.config(), (unheard, silent), WALL))
    assert "Telnyx says 75777" in found[0].text
    assert "a reason that Telnyx does not tell" in found[1].text
