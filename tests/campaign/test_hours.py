from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from voiced.campaign import parse_hours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-02-02T10:00", "2026-02-02T10:00"),  # a Monday
        ("2026-02-02T08:59", "2026-02-02T09:00"),
        ("2026-02-02T18:00", "2026-02-03T09:00"),
        ("2026-02-06T18:30", "2026-02-09T09:00"),  # over the weekend
        ("2026-02-07T12:00", "2026-02-09T09:00"),
        ("2026-03-27T18:00", "2026-03-30T09:00"),  # the clocks change on the 29th
        ("2026-10-23T18:00", "2026-10-26T09:00"),
    ],
)
def test_calls_wait_for_the_hours(now, opens):
    hours = parse_hours("mo-fr 9:00-18:00", "Europe/Berlin")
    assert hours.next_open(at(now)) == at(opens)


def test_one_day_a_week_is_found_from_its_own_evening():
    hours = parse_hours("mo 9:00-10:00", "Europe/Berlin")
    assert hours.next_open(at("2026-02-02T10:00")) == at("2026-02-09T09:00")


def test_the_hours_are_those_of_the_zone():
    hours = parse_hours("mo-su 9:00-18:00", "America/New_York")
    assert hours.next_open(at("2026-02-02T09:00")) == at("2026-02-02T15:00")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mo-fr 9:00-18:00", {0, 1, 2, 3, 4}),
        ("Sa, Su 10:00-12:30", {5, 6}),
        ("fr-mo 9:00 - 10:00", {4, 5, 6, 0}),
        ("we 0:00-23:59", {2}),
    ],
)
def test_days_are_names_and_ranges(text, days):
    assert parse_hours(text, "UTC").days == days


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("always", "UTC", "are no calling hours"),
        ("mo-fr 9-18", "UTC", "are no calling hours"),
        ("mo-fr 18:00-9:00", "UTC", "the end must be later"),
        ("mo-fr 9:00-24:00", "UTC", "24:00 is no time of day"),
        ("mon-fri 9:00-18:00", "UTC", "'mon' is no day"),
        ("mo-fr 9:00-18:00", "Berlin", "'Berlin' is no known time zone"),
        ("mo-fr 9:00-18:00", "../etc/passwd", "no known time zone"),
    ],
)
def test_what_is_no_hours_is_told(text, zone, words):
    with pytest.raises(ValueError, match=words):
        parse_hours(text, zone)
