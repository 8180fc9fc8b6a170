"""A call's audio: from the media socket to the agent, and paced back to the caller."""
