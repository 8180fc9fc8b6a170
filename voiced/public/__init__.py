"""The public listener, where Telnyx comes in: webhooks, TeXML, media sockets. Decides nothing."""
