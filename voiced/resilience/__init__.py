"""Fallback lists: providers of one role, tried in order, each behind a circuit breaker.

The wrappers fit the protocols of the roles (`Recognizer`, `DialogueAgent`, `AudioAgent`,
`Synthesizer`), so that a call does not know whether it has a provider or a list of them.
`voiced.server.staff` puts them together; a role without a list is served by its provider itself,
with nothing in between. docs/providers.md tells what callers notice.
"""
