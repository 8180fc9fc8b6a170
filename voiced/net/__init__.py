"""How providers are reached: sockets, HTTP, server-sent events, keys. No provider by name.

* `peer.Peer`: one provider as this daemon sees it. Names it in errors, obeys its rate limit.
* `socket.open_provider_socket`: a WebSocket that notices when the far end has gone.
* `http.open_provider_http`: one client kept warm for all calls; answers as streams.
* `sse.SseParser` and `http.SseReader`: server-sent events, from bytes and from an answer.
* `secrets.provider_key`: the key, from its table, the environment or a systemd credential.
* `urls`: kinds of values for settings (`HttpBase`, `SocketUrl`), queries.
* `wire.Wire`: TCP and TLS, or what a test gives in their place.

Everything foreign (httpx, trio-websocket, OSError, TLS) becomes the `ProviderError` that the peer
is made with: `kind` says what happened, `retryable` whether trying again makes sense.
"""
