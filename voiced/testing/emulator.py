"""An emulated Telnyx: rings the daemon, takes its commands, and reports what became of the call.

    async with open_emulator(network, "http://127.0.0.1:8080/telnyx/webhook") as telnyx:
        report = await telnyx.ring(tone_caller(hangs_up_s=3.0))

The daemon must use `telnyx.api_key`, `telnyx.public_key` and, as its REST base, `telnyx.app` (in
memory, through `httpx.ASGITransport`) or the URL that `serve_api(telnyx.app)` yields. Calls may run
at the same time. What the daemon dials is answered as `telnyx.directory` says:

    telnyx.directory.entries["+13125550177"] = busy()
    report = await telnyx.dialled(1)
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio

from voiced.record.journal import Unobserved
from voiced.testing.account import AccountApi, Possessions, usual_possessions
from voiced.testing.callees import Directory
from voiced.testing.deliveries import DeliverySettings
from voiced.testing.exchange import Exchange
from voiced.testing.faults import NO_FAULTS
from voiced.testing.leg.context import CallServices
from voiced.testing.leg.incoming import Incoming
from voiced.testing.leg.texml_incoming import TexmlIncoming
from voiced.testing.recordings import UrlSigner
from voiced.testing.rules import DEFAULT_RULES, CallRules, Latencies, Speaker
from voiced.testing.speech import tone_speaker
from voiced.testing.telnyx_api.calls import CallsApi
from voiced.testing.telnyx_api.dialling import Dialling
from voiced.testing.telnyx_api.recordings import RecordingsApi
from voiced.testing.telnyx_api.rest import RestApi, bearer_matches
from voiced.testing.telnyx_api.texml import TexmlApi
from voiced.testing.webhooks import Signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from voiced.audio.frame import Pcm
    from voiced.record.journal import Observer
    from voiced.testing.account import TexmlApplication
    from voiced.testing.caller import Caller
    from voiced.testing.faults import Faults
    from voiced.testing.network import Network
    from voiced.testing.report import CallReport

API_KEY = "KEY_of_the_emulated_Telnyx"
CONNECTION_ID = "1494404757140276705"
CALLED_NUMBER = "+13125550199"


def _wall_clock() -> float:
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the emulated Telnyx is.

    Attributes:
        api_key: the key that the daemon must send.
        signing_key: signs webhooks; a new one by default.
        latencies: how long things take at Telnyx.
        speaker: the voice of the `speak` command; a tone by default.
        observer: watches all calls from Telnyx's side.
        wall: Unix seconds, for signatures and `occurred_at`.
        webhooks_in_order: deliver one webhook of a call after the other.
        salt: makes the ids of two accounts with one signing key differ.
    """

    api_key: str = API_KEY
    signing_key: Ed25519PrivateKey | None = None
    latencies: Latencies = field(default_factory=Latencies)
    speaker: Speaker = tone_speaker
    observer: Observer = field(default_factory=Unobserved)
    wall: Callable[[], float] = _wall_clock
    webhooks_in_order: bool = True
    salt: str = ""


class EmulatedTelnyx:
    """One account at the emulated Telnyx. Made by `open_emulator`.

    Attributes:
        network: how the daemon is reached; may be exchanged between calls.
        webhook_url: where webhooks go; may be set once the daemon listens.
        directory: who is behind the numbers that the daemon dials or transfers to.
        exchange: the legs.
        media: audio by URL or media name, for playback; what is not here is fetched.
        recordings: what was recorded, and who fetched it.
        dialling: the calls that the daemon dials; its `faults` and `rules` are theirs.
        app: the REST API as an ASGI application.
        possessions: what the account owns; None for an account as it should be.
    """

    def __init__(
        self, network: Network, webhook_url: str, account: Account, live_legs: trio.Nursery
    ) -> None:
        self.network = network
        self.webhook_url = webhook_url
        self.directory = Directory()
        self.media: dict[str, Pcm] = {}
        self.possessions: Possessions | None = None
        self._account = account
        self._signer = Signer(account.signing_key)
        self._unauthorized = 0
        self.exchange = Exchange(
            live_legs=live_legs,
            account_key=self.public_key + account.salt,
            connection_id=CONNECTION_ID,
            directory=self.directory,
            services=self._services,
        )
        self.dialling = Dialling(
            self.exchange, lambda: self.owned, reply_s=account.latencies.dial_s
        )
        self.recordings = RecordingsApi(
            UrlSigner(account.api_key.encode(), account.wall), account.wall
        )
        handlers = (
            self.recordings.handle,
            CallsApi(self.exchange, self.dialling).handle,
            TexmlApi(self.exchange).handle,
            AccountApi(lambda: self.owned, account.wall).handle,
        )
        self.app = RestApi(self, handlers, open_handlers=(self.recordings.fetch,))

    @property
    def api_key(self) -> str:
        """Return the key that the daemon must send."""
        return self._account.api_key

    @property
    def public_key(self) -> str:
        """Return the key for the daemon's `telnyx.public_key`."""
        return self._signer.public_key

    @property
    def owned(self) -> Possessions:
        """Return what the account owns."""
        return self.possessions or self.usual_possessions()

    def usual_possessions(self) -> Possessions:
        """Return an account that is set up as it should be: application, number, profile, key."""
        return usual_possessions(
            connection_id=CONNECTION_ID,
            webhook_url=self.webhook_url,
            public_key=self.public_key,
            number=CALLED_NUMBER,
        )

    @property
    def reply_s(self) -> float:
        """Return how long a REST answer takes."""
        return self._account.latencies.reply_s

    @property
    def zombies(self) -> tuple[str, ...]:
        """Return the call_control_ids of legs that were left up."""
        return tuple(self.exchange.zombies)

    @property
    def unauthorized_requests(self) -> int:
        """Return how many REST requests came without the right key."""
        return self._unauthorized

    def is_authorized(self, authorization: str) -> bool:
        """Tell whether a request's Authorization header holds the account's key."""
        matches = bearer_matches(authorization, self.api_key)
        self._unauthorized += not matches
        return matches

    async def ring(
        self,
        caller: Caller,
        *,
        from_: str = "+13125550100",
        to: str = CALLED_NUMBER,
        faults: Faults = NO_FAULTS,
        rules: CallRules = DEFAULT_RULES,
    ) -> CallReport:
        """Ring the daemon and run the call; returns when all is over, last webhook included.

        Args:
            caller: who rings; a fresh one for each call.
            from_: the caller's number.
            to: the called number.
            faults: what shall go wrong.
            rules: codec, limits and noise of the call.
        """
        return await self.exchange.ring(
            Incoming(caller), from_=from_, to=to, faults=faults, rules=rules
        )

    async def ring_texml(
        self,
        caller: Caller,
        application: TexmlApplication,
        *,
        from_: str = "+13125550100",
        to: str = CALLED_NUMBER,
        faults: Faults = NO_FAULTS,
        rules: CallRules = DEFAULT_RULES,
    ) -> CallReport:
        """Ring a TeXML application: fetch its document and carry it out; else like `ring`."""
        return await self.exchange.ring(
            TexmlIncoming(caller, application), from_=from_, to=to, faults=faults, rules=rules
        )

    async def dialled(self, number: int = 1) -> CallReport:
        """Return what became of the `number`th call that the daemon dialled, counted from 1.

        Waits until it has been dialled and is over.
        """
        return await self.dialling.report(number)

    def _services(self, webhook_url: str) -> CallServices:
        account = self._account
        return CallServices(
            exchange=self.exchange,
            deliveries=DeliverySettings(
                network=self.network,
                url=webhook_url or self.webhook_url,
                signer=self._signer,
                wall=account.wall,
                delay_s=account.latencies.webhook_s,
                in_order=account.webhooks_in_order,
            ),
            speaker=account.speaker,
            media=self.media,
            recordings=self.recordings,
            observer=account.observer,
            latencies=account.latencies,
        )


@asynccontextmanager
async def open_emulator(
    network: Network, webhook_url: str = "", *, account: Account | None = None
) -> AsyncIterator[EmulatedTelnyx]:
    """Open an emulated Telnyx; legs that it made for the daemon end with it.

    Args:
        network: how the daemon is reached.
        webhook_url: where webhooks go; may be set later, before the first ring.
        account: keys, latencies, voice, observer.
    """
    async with trio.open_nursery() as live_legs:
        yield EmulatedTelnyx(network, webhook_url, account or Account(), live_legs)
        live_legs.cancel_scope.cancel()
