"""Live calls by their ids: who is let in, whom we dial, and which call an event belongs to."""
