"""A call's two-track recording."""
