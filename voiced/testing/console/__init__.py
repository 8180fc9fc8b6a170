"""`voiced console`: talk with your agent without a telephone, by typing or by microphone.

It holds a real call: agent, synthesizer, turns, budgets and record are those of the daemon, and the
emulated Telnyx plays the agent's audio out in real time, so that what is heard of it is true. Only
the network is left out (`voiced.testing.memory`), and in text mode the recognizer: what is typed
counts as spoken in that moment.
"""
