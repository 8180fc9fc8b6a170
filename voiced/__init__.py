"""voiced: a Trio daemon that answers and places phone calls on Telnyx and lets a voice agent talk.

Start reading at `voiced.call.call`: one call is one nursery, and every other module serves it.
"""

__version__ = "0.1.0"
