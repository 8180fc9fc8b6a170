"""The voice detector: is somebody speaking in this 32 ms of telephone audio?

The network is Silero VAD 6.2.3 (MIT, `models/`), run by onnxruntime at its native 8 kHz. What this
module adds is the care for its memory. The network is recurrent and its state does not settle in
silence: the cell integrates for as long as nobody speaks, and the detector grows deaf. Measured on
448 synthesized utterances after pauses of 1-6 s, at -20 and -35 dBFS, over background noise from
none to -30 dBFS: with the state left alone, 22 short answers were missed, and in the worst of the
seven conditions 5 % of the starts came more than 850 ms late. With the care below none was missed;
half of the starts came within 63-97 ms of onset and 95 % within 130-330 ms.

So, once the line has been calm (probability below 0.1) for a quarter of a second, the state is
cleared; one second later it has learnt this line's background and is kept. From then on, while
the line stays calm, it goes back to the kept state four times a second.

The kept state also makes a gate possible: a window hardly louder than the background cannot hold
speech, and as the state would be put back anyway, the network need not see it. With a caller who
speaks 36 % of the time that saves 47 % of the runs: 60 us for a window instead of 115, both on a
busy machine. It misses, splits and invents no utterance, and the median start is as early.

The level of the background (`voiced.audio.noise_floor`) is told with each probability: in noise
the network lets a voice linger for 200 ms and longer, and where others talk behind the caller it
finds no end at all. What the endpointer makes of it stands there.
"""

from __future__ import annotations

import math
import os
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voiced.audio.noise_floor import NoiseFloor

if TYPE_CHECKING:
    from voiced.audio.frame import Pcm

WINDOW_SAMPLES = 256
"""Samples in one window: 32 ms at 8 kHz. The network takes no other size."""

WINDOW_S = 0.032

_CONTEXT_SAMPLES = 32
_RATE_HZ = np.array(8000, np.int64)
_FULL_SCALE = np.float32(32768)

_CALM_PROBABILITY = 0.1
_CALM_WINDOWS = 8  # 256 ms: the tail of a word is over
_LEARN_WINDOWS = 32  # 1.02 s: start lag is worst with 16, no better with 62
_RESTORE_WINDOWS = 8  # 256 ms: 4 to 16 make no difference

_SILENCE_RMS = 16.0  # -66 dBFS: two steps of G.711; no telephone carries speech below it
_QUIET_RATIO = 2.0  # 6 dB above the background; 9.5 dB began to delay starts at -30 dBFS of noise

Floats: TypeAlias = NDArray[np.float32]


class Network(Protocol):
    """The detector's network: no memory of its own, so that all calls share one."""

    def __call__(self, samples: Floats, state: Floats) -> tuple[float, Floats]:
        """Return the probability of voice and the next state.

        Args:
            samples: shape (1, 288), in -1..1: the 32 samples before the window, then the window.
            state: shape (2, 1, 128); zeros at the start of a call. Not written to.
        """
        ...


class SileroNetwork:
    """Silero VAD in one onnxruntime session, for all calls; about 95 microseconds per window.

    Making one imports onnxruntime and loads the model: 0.09 s and 54 MB, once per process. One
    thread, never spinning: the network is too small to share out, and a spinning thread would
    take the core that the calls run on. Without the arena it is no slower and no bigger.
    """

    def __init__(self) -> None:
        # From 1.29 on its wheels report to their maker, keep an identifier of this machine in the
        # home directory and a thread that sends. The only full way out, and it must come first.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        for kind in ("intra_op", "inter_op"):
            options.add_session_config_entry(f"session.{kind}.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            _read_model(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, samples: Floats, state: Floats) -> tuple[float, Floats]:
        """Run the network once. See `Network`."""
        feed = {"input": samples, "state": state, "sr": _RATE_HZ}
        probability, next_state = self._session.run(_OUTPUTS, feed)
        return float(probability[0, 0]), next_state


_OUTPUTS = ("output", "stateN")


def _read_model() -> bytes:
    return (resources.files("voiced.recognizer") / "models" / "silero_vad.onnx").read_bytes()


class VoiceDetector:
    """One call's detector: windows of caller audio in, probabilities of voice out.

    Synchronous and without a clock: the same windows always give the same probabilities. Holds
    about 4 kB.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._floor = NoiseFloor()  # in int16 units
        self._rms = 0.0  # of the last window
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far but how loud the background is."""
        self._samples = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._state = _fresh_state()
        self._kept: Floats | None = None  # the state that knows this line's background
        self._calm = 0  # windows since the last that could have been voice

    def probability(self, window: Pcm) -> float:
        """Return how likely it is, 0..1, that somebody speaks in `window`.

        Args:
            window: int16, shape (256,), 8 kHz; the one that follows the window given before.
        """
        samples = self._samples
        samples[0, :_CONTEXT_SAMPLES] = samples[0, -_CONTEXT_SAMPLES:]
        np.divide(window, _FULL_SCALE, out=samples[0, _CONTEXT_SAMPLES:], casting="unsafe")
        if self._is_quiet(samples[0, _CONTEXT_SAMPLES:]) and self._kept is not None:
            self._state = self._kept
            return 0.0
        probability, self._state = self._network(samples, self._state)
        self._refresh(probability)
        return probability

    def _is_quiet(self, samples: Floats) -> bool:
        """Say whether the window is too near to the background to hold speech."""
        self._rms = math.sqrt(float(samples @ samples) / WINDOW_SAMPLES) * float(_FULL_SCALE)
        self._floor.hear(self._rms)
        return self._rms < max(_SILENCE_RMS, _QUIET_RATIO * self._floor.rms)

    @property
    def floor_rms(self) -> float:
        """The level of the background, RMS in int16 units; 0 while it is not known."""
        return self._floor.rms

    @property
    def level_db(self) -> float:
        """The level of the last window: RMS in dB above one step of int16, 0 to 90."""
        return 20.0 * math.log10(max(self._rms, 1.0))

    @property
    def above_floor_db(self) -> float:
        """How far the last window is above the background, or above silence on a line without."""
        return self.level_db - 20.0 * math.log10(max(self._floor.rms, _SILENCE_RMS))

    def _refresh(self, probability: float) -> None:
        """Clear, keep or put back the state, as the head of this module tells."""
        if probability >= _CALM_PROBABILITY:
            self._calm = 0
            self._kept = None
            return
        self._calm += 1
        learnt = self._calm - _CALM_WINDOWS - _LEARN_WINDOWS
        if self._calm == _CALM_WINDOWS:
            self._state = _fresh_state()
        elif learnt == 0:
            self._kept = self._state
        elif learnt > 0 and self._kept is not None and learnt % _RESTORE_WINDOWS == 0:
            self._state = self._kept


def _fresh_state() -> Floats:
    return np.zeros((2, 1, 128), np.float32)
