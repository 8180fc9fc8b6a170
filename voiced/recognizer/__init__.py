"""The caller's frames to speech events: the protocol and the embedded recognizer."""
