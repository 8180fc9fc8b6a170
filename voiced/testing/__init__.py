"""An emulated Telnyx and callers, for tests and for `voiced simulate`."""
