"""One process takes a line over from another without losing a call.

The newer process gets the listening sockets of the older one, and with them all new connections.
The older one, an elder from then on, ends when its last call has ended. Until then the newer one
offers it every webhook first, and joins media sockets of its calls to it, by a Unix socket in the
runtime directory (docs/decisions/0012-handover.md).
"""

from voiced.handover.door import Door, House
from voiced.handover.elders import Elders, open_elders

__all__ = ["Door", "Elders", "House", "open_elders"]
