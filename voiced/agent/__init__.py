"""The mind behind the voice: the protocol and the embedded agents."""
