"""The rules of turn-taking. Pure: events and times in, decisions out; `conversation` acts."""
