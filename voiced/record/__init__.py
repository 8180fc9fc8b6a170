"""What is known of a call: what happened, what was heard, the waits; and where it is kept."""
