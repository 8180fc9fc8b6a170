"""An async context in a thread with a Trio of its own, for tests whose other side blocks."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import trio

LIMIT_S = 60


class Inside:
    """What the context has yielded (`value`), and a way to act in its loop (`do`)."""

    def __init__(self, value, trio_token):
        self.value = value
        self._trio_token = trio_token

    def do(self, function, *args):
        """Run a function, or an async one, in the loop, and return what it returns."""
        is_async = inspect.iscoroutinefunction(function)
        run = trio.from_thread.run if is_async else trio.from_thread.run_sync
        return run(function, *args, trio_token=self._trio_token)


@contextmanager
def in_thread(open_context):
    """Enter `open_context()` in a thread for as long as this context lasts."""
    up, stop, inside = threading.Event(), trio.Event(), []

    async def live():
        with trio.fail_after(LIMIT_S):
            async with open_context() as value:
                inside.append(Inside(value, trio.lowlevel.current_trio_token()))
                up.set()
                await stop.wait()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(trio.run, live)
        running.add_done_callback(lambda _: up.set())
        up.wait(LIMIT_S)
        try:
            if inside:
                yield inside[0]
        finally:
            if not running.done():
                inside[0].do(stop.set)
            running.result(LIMIT_S)
