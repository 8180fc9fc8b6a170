"""A call's leg at Telnyx: its states, and what is asked of it."""
