"""The story of a call, from what it has left behind: `voiced explain`.

`tale` (what happened), `answers` (what is asked first), `findings` (what went wrong) and `waits`
(who was slow) are pure and serve the dashboard, too; `places` finds a call's files; `command` is
the command.
"""
