"""Text to linear audio: the protocol and the embedded voice."""
