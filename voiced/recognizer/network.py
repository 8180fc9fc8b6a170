"""The voice detector's network, loaded once per process, in a thread."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING

import trio

from voiced.errors import StartupError
from voiced.recognizer.silero import SileroNetwork

if TYPE_CHECKING:
    from voiced.recognizer.silero import Network


class NetworkLoader:
    """A network that is there already, or soon. Shared by all calls of a recognizer."""

    def __init__(self, network: Network | None = None) -> None:
        """Have `network`, or be given the one in the box by `load`."""
        self._network = network
        self._loaded = trio.Event()
        if network is not None:
            self._loaded.set()

    async def load(self) -> None:
        """Load it in a thread: importing onnxruntime and the model take 0.1 s."""
        if self._network is None:
            self._network = await trio.to_thread.run_sync(_silero)
        self._loaded.set()

    async def wait(self) -> Network:
        """Wait for it."""
        await self._loaded.wait()
        assert self._network is not None
        return self._network


@cache
def _silero() -> SileroNetwork:
    return SileroNetwork()


def check_detector() -> None:
    """Raise StartupError where the detector in the box lacks something."""
    if find_spec("onnxruntime") is None:
        raise StartupError("the voice detector needs onnxruntime: `pip install onnxruntime`")
    model = resources.files("voiced.recognizer") / "models" / "silero_vad.onnx"
    if not model.is_file():
        raise StartupError(f"the voice detector's model is missing: {model}; install voiced anew")
