"""Telnyx's REST API, as far as the emulator speaks it."""
