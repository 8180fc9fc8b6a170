"""The wire, both ways: webhooks, media messages and commands as values; only `rest` does IO."""
