"""What there is on a line beside the caller: noises of one loudness, the same for the same seed."""

import numpy as np

from voiced.audio.frame import LINE_RATE_HZ

SCALE_HZ = (262, 294, 330, 349, 392, 440, 494, 523)
CHORD_HZ = (131, 165, 196)


def noise(kind, seconds, dbfs, *, talk=()):
    """Return noise at 8 kHz as floating point, int16 units, with this RMS level.

    `kind` is white, pink (200 Hz and above, as lines pass it), hum (mains), music (a melody of
    plucked strings over chords) or babble (eight voices at once; `talk` is what they say, as int16
    audio of several sentences).
    """
    rng = np.random.default_rng(5)
    n = round(seconds * LINE_RATE_HZ)
    match kind:
        case "white":
            samples = rng.standard_normal(n)
        case "pink":
            samples = _pink(n, rng)
        case "hum":
            t = np.arange(n) / LINE_RATE_HZ
            samples = sum(np.sin(2 * np.pi * 50 * h * t + h) / h for h in range(1, 12))
            samples = samples + 0.05 * rng.standard_normal(n)
        case "music":
            samples = _music(n, rng)
        case _:
            assert kind == "babble"
            samples = sum(_monologue(n, rng, talk) for _ in range(8))
    return samples / np.sqrt(np.mean(samples**2)) * 32768 * 10 ** (dbfs / 20)


def _pink(n, rng):
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[np.fft.rfftfreq(n, 1 / LINE_RATE_HZ) < 200] = 0
    return np.fft.irfft(spectrum, n)


def _music(n, rng):
    samples = np.zeros(n)
    beat = round(0.3 * LINE_RATE_HZ)
    for number, start in enumerate(range(0, n, beat)):
        if number % 4 == 0:
            for hertz in CHORD_HZ:
                _pluck(samples, start, 4 * beat, hertz, 0.4, fades_per_s=0.8)
        hertz = rng.choice(SCALE_HZ)
        for harmonic, amplitude in ((1, 1.0), (2, 0.5), (3, 0.3), (4, 0.15)):
            _pluck(samples, start, beat, hertz * harmonic, amplitude, fades_per_s=2.5)
    return samples


def _pluck(samples, start, length, hertz, amplitude, *, fades_per_s):
    t = np.arange(min(length, len(samples) - start)) / LINE_RATE_HZ
    envelope = np.minimum(1, t / 0.01) * np.exp(-t * fades_per_s)
    samples[start : start + len(t)] += amplitude * envelope * np.sin(2 * np.pi * hertz * t)


def _monologue(n, rng, talk):
    skipped = int(rng.integers(0, 2 * LINE_RATE_HZ))
    said = [np.zeros(0)]
    while sum(map(len, said)) < n + skipped:
        said += [talk[rng.integers(len(talk))], np.zeros(rng.integers(0, LINE_RATE_HZ // 5))]
    return np.concatenate(said)[skipped : skipped + n]
