"""One call. Start reading at `call`: its nursery is the call, all other modules serve it."""
