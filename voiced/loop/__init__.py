"""The event loop, watched: who stalls it, how late it is, and when that is too much."""
