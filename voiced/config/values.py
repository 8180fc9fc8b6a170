"""The kinds of values that keys of config.toml may have, each with what is wrong with a bad one."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from voiced.address import parse_bind, parse_url, url_host_is_loopback
from voiced.webhook_signature import read_secrets

PUBLIC_KEY_BYTES = 32  # an Ed25519 public key (RFC 8032)
SPEAK_MAX_CHARS = 3000  # Telnyx's limit for the payload of `speak`
E164 = re.compile(r"\+[1-9][0-9]{1,14}")  # ITU-T E.164: at most 15 digits
NUMBER_PATTERN = re.compile(r"\+[1-9][0-9]{1,14}|\+[1-9][0-9]{0,13}\*|\*")


def _bind(text: str) -> str:
    return str(parse_bind(text))


def _http_url(text: str) -> str:
    return parse_url(text, schemes=("https", "http"))


def _required_http_url(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return _http_url(text)


def _no_gaps(text: str) -> str:
    if text and not re.fullmatch(r"[!-~]+", text):
        raise ValueError("must be one word of visible ASCII characters: it goes into a header")
    return text


def _header_secret(secret: SecretStr) -> SecretStr:
    _no_gaps(secret.get_secret_value())
    return secret


def _none_if_empty(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret is not None and secret.get_secret_value() else None


def _index_url(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and not re.fullmatch(r"postgres(ql)?://[!-~]+", text):
        raise ValueError('must be "" or like postgresql://voiced@database.internal/voiced')
    return secret


def _webhook_url(secret: SecretStr) -> SecretStr:
    webhook_url(secret.get_secret_value())
    return secret


def webhook_url(text: str) -> str:
    """Check the URL of somebody whom we tell of calls; "" stays "".

    Raises:
        ValueError: it is none. The text does not repeat it.
    """
    if not text:
        return text
    if not re.fullmatch(r"[!-~]{1,2000}", text) or "#" in text:
        raise ValueError("must be a URL of at most 2000 visible ASCII characters, without #")
    base = parse_url(text.partition("?")[0], schemes=("https", "http"))
    if base.startswith("http:") and not url_host_is_loopback(base):
        raise ValueError("must begin with https://: plain http is for loopback only")
    return text


def _webhook_secrets(secret: SecretStr) -> SecretStr:
    read_secrets(secret.get_secret_value())
    return secret


def _public_key(text: str) -> str:
    if not text:
        return ""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"must be base64 of {PUBLIC_KEY_BYTES} bytes, this is {len(key)}")
    return text


def _phone_number(text: str) -> str:
    if text and not E164.fullmatch(text):
        raise ValueError("must be E.164: a plus sign, country code and number, as in +13125550123")
    return text


def _spoken(text: str) -> str:
    if text and not text.strip():
        raise ValueError('is only spaces: write "" for nothing')
    return text


def _spoken_codec(name: object) -> object:
    if isinstance(name, str) and name.upper() == "AMR-WB":
        raise ValueError("is not spoken by voiced: Telnyx does not document its payload")
    return name


def _path(value: object) -> object:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise ValueError("must name a directory")
        return Path(value)
    return value  # refused by the type


def _patterns(value: object) -> object:
    if not isinstance(value, list):
        return value  # refused by the type, but for a tuple, which is already good
    for item in value:
        if not isinstance(item, str) or not NUMBER_PATTERN.fullmatch(item):
            raise ValueError(
                f"{item!r} is no number: write E.164, as in +13125550123, or the beginning of one "
                "and a star, as in +1312*"
            )
    return tuple(value)


def _numbers(value: object) -> object:
    if not isinstance(value, list):
        return value
    for item in value:
        if not isinstance(item, str) or not E164.fullmatch(item):
            raise ValueError(f"{item!r} is not E.164, as in +13125550123")
    return tuple(value)


BindText = Annotated[str, AfterValidator(_bind)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
RequiredHttpUrl = Annotated[str, AfterValidator(_required_http_url)]
OneWord = Annotated[str, AfterValidator(_no_gaps)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_secret)]
OptionalSecret = Annotated[HeaderSecret | None, AfterValidator(_none_if_empty)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_webhook_url)]
WebhookSecrets = Annotated[SecretStr, AfterValidator(_webhook_secrets)]
IndexUrl = Annotated[SecretStr, AfterValidator(_index_url)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
PhoneNumber = Annotated[str, AfterValidator(_phone_number)]


def _phrases(value: object) -> object:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return value  # refused by the type, but for a tuple, which is already good
    if not all(text.strip() for text in value):
        raise ValueError("must not hold empty texts")
    return tuple(value)


Phrases = Annotated[tuple[str, ...], BeforeValidator(_phrases)]
PhoneNumbers = Annotated[tuple[str, ...], BeforeValidator(_numbers)]
NumberPatterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]
"""E.164 numbers, and beginnings of numbers with a star behind them."""
DirectoryPath = Annotated[Path, BeforeValidator(_path)]
Spoken = Annotated[str, Field(max_length=SPEAK_MAX_CHARS), AfterValidator(_spoken)]
MediaCodec = Annotated[
    Literal["PCMU", "PCMA", "G722", "L16", "OPUS"], BeforeValidator(_spoken_codec)
]
