"""An emulated Telnyx: rings the daemon, takes its commands, and reports what became of the call.

    async with open_emulator(network, "http://127.0.0.1:8080/telnyx/webhook") as telnyx:
        report = await telnyx.ring(tone_caller(hangs_up_s=3.0))

The daemon must use `telnyx.api_key`, `telnyx.public_key` and, as its REST base, `telnyx.app` (in
memory, through `httpx.ASGITransport`) or the URL that `serve_api(telnyx.app)` yields. Calls may run
at the same time.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from voiced.journal import Unobserved
from voiced.testing.account import AccountApi, Possessions, usual_possessions
from voiced.testing.deliveries import DeliverySettings
from voiced.testing.faults import NO_FAULTS
from voiced.testing.incoming import Incoming
from voiced.testing.leg_context import CallServices
from voiced.testing.legs import Hangup
from voiced.testing.phone_leg import PhoneLeg
from voiced.testing.rest import RestApi, bearer_matches
from voiced.testing.rules import DEFAULT_RULES, CallRules, Latencies, Parties, Speaker
from voiced.testing.speech import tone_speaker
from voiced.testing.webhooks import Signer, derived_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from voiced.journal import Observer
    from voiced.testing.caller import Caller
    from voiced.testing.faults import Faults
    from voiced.testing.network import Network
    from voiced.testing.report import CallReport

API_KEY = "KEY_of_the_emulated_Telnyx"
CONNECTION_ID = "1494404757140276705"
CALLED_NUMBER = "+13125550199"

_RECENT_CALLS = 1000
"""Ended calls that still answer 90018; older ones answer 90015."""


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
    """

    api_key: str = API_KEY
    signing_key: Ed25519PrivateKey | None = None
    latencies: Latencies = field(default_factory=Latencies)
    speaker: Speaker = tone_speaker
    observer: Observer = field(default_factory=Unobserved)
    wall: Callable[[], float] = _wall_clock
    webhooks_in_order: bool = True


class EmulatedTelnyx:
    """One account at the emulated Telnyx. Made by `open_emulator`.

    Attributes:
        network: how the daemon is reached; may be exchanged between calls.
        webhook_url: where webhooks go; may be set once the daemon listens.
        app: the REST API as an ASGI application.
        possessions: what the account owns; None for an account as it should be.
    """

    def __init__(self, network: Network, webhook_url: str, account: Account) -> None:
        self.network = network
        self.webhook_url = webhook_url
        self.app = RestApi(self)
        self.possessions: Possessions | None = None
        self._account = account
        self._signer = Signer(account.signing_key)
        self._calls: OrderedDict[str, PhoneLeg] = OrderedDict()
        self._n_calls = 0
        self._unauthorized = 0
        self._zombies: list[str] = []

    @property
    def api_key(self) -> str:
        """Return the key that the daemon must send."""
        return self._account.api_key

    @property
    def public_key(self) -> str:
        """Return the key for the daemon's `telnyx.public_key`."""
        return self._signer.public_key

    @property
    def account_api(self) -> AccountApi:
        """Return what answers questions about the account."""
        return AccountApi(lambda: self.possessions or self.usual_possessions(), self._account.wall)

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
        return tuple(self._zombies)

    @property
    def unauthorized_requests(self) -> int:
        """Return how many REST requests came without the right key."""
        return self._unauthorized

    def is_authorized(self, authorization: str) -> bool:
        """Tell whether a request's Authorization header holds the account's key."""
        matches = bearer_matches(authorization, self.api_key)
        self._unauthorized += not matches
        return matches

    def find(self, call_control_id: str) -> PhoneLeg | None:
        """Return a live or recent call."""
        return self._calls.get(call_control_id)

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
        leg = PhoneLeg(
            parties=self._parties(from_, to),
            origin=Incoming(caller),
            services=self._services(),
            rules=rules,
            faults=faults,
        )
        self._remember(leg)
        try:
            report = await leg.run()
        finally:
            # Only a cancelled call is still up here: nobody is there any more to hang it up.
            if leg.state.end(Hangup(cause="unspecified", source="unknown")):
                self._zombies.append(leg.state.call_control_id)
        if report.zombie:
            self._zombies.append(report.call_control_id)
        return report

    def _services(self) -> CallServices:
        account = self._account
        return CallServices(
            deliveries=DeliverySettings(
                network=self.network,
                url=self.webhook_url,
                signer=self._signer,
                wall=account.wall,
                delay_s=account.latencies.webhook_s,
                in_order=account.webhooks_in_order,
            ),
            speaker=account.speaker,
            observer=account.observer,
            latencies=account.latencies,
        )

    def _parties(self, from_: str, to: str) -> Parties:
        self._n_calls += 1
        # The account's key makes the ids of two emulators that ring the same daemon differ.
        base = (self.public_key, self._n_calls)
        return Parties(
            call_control_id="v3:" + derived_id("control", *base).replace("-", ""),
            call_leg_id=derived_id("leg", *base),
            call_session_id=derived_id("session", *base),
            connection_id=CONNECTION_ID,
            user_id=derived_id("user", self.public_key),
            from_=from_,
            to=to,
        )

    def _remember(self, leg: PhoneLeg) -> None:
        self._calls[leg.state.call_control_id] = leg
        while len(self._calls) > _RECENT_CALLS:
            self._calls.popitem(last=False)


@asynccontextmanager
async def open_emulator(
    network: Network, webhook_url: str = "", *, account: Account | None = None
) -> AsyncIterator[EmulatedTelnyx]:
    """Open an emulated Telnyx.

    Args:
        network: how the daemon is reached.
        webhook_url: where webhooks go; may be set later, before the first ring.
        account: keys, latencies, voice, observer.
    """
    yield EmulatedTelnyx(network, webhook_url, account or Account())
