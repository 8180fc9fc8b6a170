"""Transcription over HTTP as the recognizer: of OpenAI, or of a Whisper server at `base_url`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from voiced.audio.frame import LINE_RATE_HZ
from voiced.audio.resample import Resampler
from voiced.errors import RecognizerFailed
from voiced.net.helpers import open_helpers
from voiced.net.http import open_provider_http
from voiced.net.peer import Peer
from voiced.net.secrets import provider_key
from voiced.net.wire import INTERNET
from voiced.recognizer.batch import open_batch
from voiced.recognizer.openai_wire import (
    OPENAI,
    PATH,
    PROVIDER,
    SENT_RATE_HZ,
    VARIABLE,
    OpenAiSettings,
    form_of,
    read,
    wav_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from voiced.audio.frame import Pcm
    from voiced.net.http import ProviderHttp
    from voiced.net.wire import Wire
    from voiced.recognizer.base import Vocabulary
    from voiced.recognizer.batch import BatchRecognizer
    from voiced.recognizer.silero import Network
    from voiced.recognizer.worker_wire import Transcript


class OpenAiRecognizer:
    """`[recognizer] provider = "openai"`."""

    Settings = OpenAiSettings

    @classmethod
    def check(cls, settings: OpenAiSettings) -> None:
        """Raise ConfigError where there is no key, and OpenAI would want one."""
        _headers(settings)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: OpenAiSettings, *, wire: Wire = INTERNET, network: Network | None = None
    ) -> AsyncIterator[BatchRecognizer]:
        """Yield the recognizer; `wire` and `network` are for tests. Raises ConfigError."""
        peer = Peer(PROVIDER, RecognizerFailed)
        async with (
            open_provider_http(
                settings.base_url,
                peer=peer,
                headers=_headers(settings),
                connect_s=settings.connect_timeout_s,
                stall_s=settings.decode_timeout_s,
                wire=wire,
            ) as http,
            open_helpers() as helpers,
        ):

            async def warm() -> None:
                with trio.move_on_after(settings.connect_timeout_s):
                    await http.warm()

            async with open_batch(
                cls,
                settings,
                PROVIDER,
                _Decoder(http, peer, settings),
                network=network,
                anticipate=lambda: helpers.start_soon(warm, name="warm transcription"),
            ) as recognizer:
                yield recognizer


class _Decoder:
    """Has utterances transcribed. Fits `Decoder`."""

    def __init__(self, http: ProviderHttp, peer: Peer, settings: OpenAiSettings) -> None:
        self._http = http
        self._peer = peer
        self._settings = settings

    async def decode(self, pcm: Pcm, vocabulary: Vocabulary) -> Transcript:
        """Return the words of an utterance, 8 kHz; what may pass is tried once more at once.

        The deadline is the caller's, over both tries. Raises RecognizerFailed.
        """
        form = form_of(self._settings, vocabulary)
        wav = wav_of(Resampler(LINE_RATE_HZ, SENT_RATE_HZ).process(pcm))
        for is_last in (False, True):
            try:
                return await self._ask(form, wav)
            except RecognizerFailed as failed:
                if is_last or not failed.retryable or failed.kind == "rate_limited":
                    raise
        raise AssertionError

    async def _ask(self, form: Mapping[str, str | list[str]], wav: bytes) -> Transcript:
        file = {"file": ("speech.wav", wav, "audio/wav")}
        answer = await self._http.request("POST", PATH, data=form, files=file)
        try:
            return read(answer)
        except ValueError as error:
            raise self._peer.failed("garbage", str(error)) from None


def _headers(settings: OpenAiSettings) -> dict[str, str]:
    """Return the key as it is sent; OpenAI's own, from the environment, goes to OpenAI only."""
    key = settings.api_key.get_secret_value()
    if settings.base_url == OPENAI:
        found = provider_key(settings.api_key, variable=VARIABLE, role="recognizer")
        key = found.get_secret_value()
    return {"Authorization": f"Bearer {key}"} if key else {}
