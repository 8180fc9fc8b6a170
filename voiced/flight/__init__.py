"""The flight recorder: everything a call was told and everything it did, with the time of each.

`flight` is what one call notes, `taps` are the places where it listens, `recorder` writes it to
the disk, `entries` is the format of a line, `reading` reads a recording again.
"""
