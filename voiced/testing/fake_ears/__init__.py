"""Fakes of the recognizers that `voiced.recognizer` speaks with, to be served by `fake_provider`.

server = FakeServer(FakeDeepgram(["hello there", "goodbye"]), faults=[Drop(at_s=3)])
async with serve_fake(server) as host:            # [recognizer] url = "ws://{host}/v1/listen"
...
"""
