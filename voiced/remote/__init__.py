"""The operator's commands: `voiced call`, `calls`, `hangup`, `transfer`, `drain`.

They talk to the running daemon's admin API (docs/admin.md). `options` is all that `voiced --help`
needs; the rest is imported when a command runs.
"""
