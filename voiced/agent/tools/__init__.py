"""What a model can do beside talking: the phone, HTTP requests, Python functions."""
