"""Where the flight recorder listens: thin wrappers around what a call talks to.

Each passes everything on as it is and notes it; none waits for anything of its own, and whatever is
raised goes through. A step that is cancelled leaves no entry of its end. They know the notes
(`voiced.flight.notes`), and of the recorder no more.
"""
