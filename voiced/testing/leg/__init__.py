"""One emulated leg: who is at its far end, what it carries, and what commands do to it."""
