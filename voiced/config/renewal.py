"""What of a configuration that was read anew may take its place in a running daemon.

What belongs to a call may: the call after the reload has it. What belongs to the process (sockets,
files, keys that are in use everywhere) stays as it was until a restart, which costs no call either
(docs/operations.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiced.config.tables import Config

FIXED = ("server", "admin", "telnyx", "records", "post_call", "log")
"""Tables of the process."""


def renewed(running: Config, as_read: Config, fresh: Config) -> tuple[Config, list[str]]:
    """Return the configuration for calls to come, and the keys that stay as they were.

    Args:
        running: what new calls have so far; its fixed tables go on.
        as_read: what the daemon was started with, as it stood in file and environment.
        fresh: what stands there now.
    """
    kept = {name: getattr(running, name) for name in FIXED}
    stale = [
        f"{name}.{key}"
        for name in FIXED
        for key in type(getattr(fresh, name)).model_fields
        if getattr(getattr(fresh, name), key) != getattr(getattr(as_read, name), key)
    ]
    return fresh.model_copy(update=kept), stale
