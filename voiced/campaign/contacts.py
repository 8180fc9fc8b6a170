"""The list: CSV with a header; `number` is whom to call, every other column is a variable. Pure.

number,name,appointment
+13125550123,Ms Miller,Tuesday at nine
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voiced.errors import CallListError
from voiced.switchboard.call_request import MOST_CHARS_OF_A_VALUE, VARIABLE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NUMBER_COLUMN = "number"

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_ORNAMENT = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody to be called.

    Attributes:
        number: E.164.
        variables: what the agent is told of the call; columns without a value are left out.
        line: where it stands in the file, counted from 1.
    """

    number: str = field(repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    line: int


def read_contacts(text: str) -> tuple[Contact, ...]:
    """Read a list.

    Args:
        text: of the file, decoded; a byte order mark may stand first.

    Raises:
        CallListError: with every fault found, each with its line; nobody is called then.
    """
    rows = csv.reader(text.removeprefix("\ufeff").splitlines(keepends=True), strict=True)
    problems: list[str] = []
    contacts: dict[str, Contact] = {}
    try:
        header = _read_header(next(rows, []), problems)
        if problems:
            raise CallListError(problems)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            contact = _read_row(row, header, rows.line_num, problems)
            if contact is None:
                continue
            known = contacts.setdefault(contact.number, contact)
            if known is not contact:
                problems.append(f"line {contact.line}: this number is on line {known.line} too")
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    if not contacts and not problems:
        problems.append("there is no number in it")
    if problems:
        raise CallListError(problems)
    return tuple(contacts.values())


def _read_header(row: list[str], problems: list[str]) -> list[str]:
    header = [name.strip().lower() for name in row]
    if NUMBER_COLUMN not in header:
        hint = ""
        if len(header) == 1 and re.search(r"[;\t|]", header[0]):
            hint = " (columns are divided by commas)"
        elif header and _E164.fullmatch(_ORNAMENT.sub("", header[0])):
            hint = " (the first line must name the columns)"
        problems.append(f"line 1: there is no column {NUMBER_COLUMN!r}{hint}")
        return header
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            problems.append(f"line 1: the column {name!r} is there twice")
        if not VARIABLE_NAME.fullmatch(name):
            shown = name or "(empty)"
            problems.append(
                f"line 1: {shown!r} cannot name a variable"
                " (a letter, then letters, digits and underscores)"
            )
    return header


def _read_row(row: list[str], header: list[str], line: int, problems: list[str]) -> Contact | None:
    """Return the contact of a row; None when it has faults."""
    if len(row) != len(header):
        problems.append(f"line {line}: {len(row)} columns where the header has {len(header)}")
        return None
    values = dict(zip(header, (cell.strip() for cell in row), strict=True))
    number = values.pop(NUMBER_COLUMN)
    faults = [*_faults_of_number(number), *_faults_of(values)]
    problems.extend(f"line {line}: {fault}" for fault in faults)
    if faults:
        return None
    variables = {name: value for name, value in values.items() if value}
    return Contact(number=number, variables=variables, line=line)


def _faults_of_number(number: str) -> Iterator[str]:
    bare = _ORNAMENT.sub("", number)
    if _E164.fullmatch(number):
        return
    if not number:
        yield "the number is missing"
    elif _E164.fullmatch(bare):
        yield f"the number must stand without spaces and signs: {bare}"
    elif bare.startswith("00") and _E164.fullmatch(f"+{bare[2:]}"):
        yield "the number must begin with a plus sign instead of 00"
    else:
        yield "the number is not E.164: a plus sign, country code and number, as in +13125550123"


def _faults_of(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if len(value) > MOST_CHARS_OF_A_VALUE:
            yield f"{name} has more than {MOST_CHARS_OF_A_VALUE} characters"
