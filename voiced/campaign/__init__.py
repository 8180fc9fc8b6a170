"""A list of numbers to call, once each: read from CSV, paced, resumed after a crash, called again.

`contacts` reads the list, `plan` decides who is called when (`retries`, `hours`), all of it pure;
`state_file` writes every attempt down before it is made; `runner` places the calls through whatever
it is given for that; `command` is the command around it all.
"""

from voiced.campaign.command import call_list
from voiced.campaign.contacts import Contact, read_contacts
from voiced.campaign.hours import CallingHours, parse_hours
from voiced.campaign.plan import Limits, Plan, Tally
from voiced.campaign.retries import DEFAULT_RETRIES, Retry
from voiced.campaign.runner import Ask, Campaign, Place
from voiced.campaign.state_file import open_state

__all__ = [
    "DEFAULT_RETRIES",
    "Ask",
    "CallingHours",
    "Campaign",
    "Contact",
    "Limits",
    "Place",
    "Plan",
    "Retry",
    "Tally",
    "call_list",
    "open_state",
    "parse_hours",
    "read_contacts",
]
