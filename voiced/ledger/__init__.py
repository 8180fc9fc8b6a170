"""The ledger of legs: what is up at Telnyx, written ahead, so that no crash leaves a leg billed."""

from voiced.ledger.books import CLOSE_LIMIT_S, LegBooks
from voiced.ledger.legs import LEDGER_FILE, Ledger, LegEntry
from voiced.ledger.settle import Settler

__all__ = ["CLOSE_LIMIT_S", "LEDGER_FILE", "Ledger", "LegBooks", "LegEntry", "Settler"]
