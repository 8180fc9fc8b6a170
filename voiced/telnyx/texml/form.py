"""The fields of a TeXML request, from its form body or its query."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from voiced.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

Form: TypeAlias = "Mapping[str, str]"

MAX_FIELDS = 200
"""Telnyx sends about thirty."""


def parse_form(body: bytes) -> Form:
    """Read `application/x-www-form-urlencoded`.

    Args:
        body: of a POST, verified and of bounded size, or the query of a GET.

    Raises:
        RemoteProtocolError: not UTF-8, more than MAX_FIELDS fields, or a field that comes twice
            (which of them is meant?).
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeError:
        raise RemoteProtocolError("texml: not a form in UTF-8") from None
    except ValueError:
        raise RemoteProtocolError(f"texml: more than {MAX_FIELDS} fields") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise RemoteProtocolError("texml: a field comes twice")
    return form
