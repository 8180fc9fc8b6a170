"""Models of sherpa-onnx: what is in their directories, by kind.

Models as https://k2-fsa.github.io/sherpa/onnx/pretrained_models offers them: a directory with ONNX
files named by their part, and `tokens.txt`. Where a part is there twice, the quantized one (`int8`)
is taken: on a telephone's audio nothing is lost by it, and it is two to three times as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind: TypeAlias = Literal[
    "transducer",
    "nemo_transducer",
    "nemo_ctc",
    "zipformer_ctc",
    "whisper",
    "moonshine",
    "sense_voice",
    "paraformer",
]

_ENCODER_DECODER = {"encoder": "encod", "decoder": "decod"}
_TRANSDUCER = {**_ENCODER_DECODER, "joiner": "join"}
_MODEL = {"model": ""}

PARTS: Mapping[Kind, Mapping[str, str]] = {
    "transducer": _TRANSDUCER,
    "nemo_transducer": _TRANSDUCER,
    "nemo_ctc": _MODEL,
    "zipformer_ctc": _MODEL,
    "whisper": _ENCODER_DECODER,
    "moonshine": {
        "preprocessor": "preprocess",
        "encoder": "encode",
        "uncached_decoder": "uncached_decode",
        "cached_decoder": "cached_decode",
    },
    "sense_voice": _MODEL,
    "paraformer": {"paraformer": ""},
}
"""Part, as sherpa-onnx calls its argument: what the names of its files contain."""


def find_files(directory: Path, kind: Kind) -> dict[str, str]:
    """Return the paths of a model's files, by the arguments of sherpa-onnx.

    Raises:
        ValueError: there is no such directory, or a part is missing or there several times.
    """
    if not directory.is_dir():
        raise ValueError("is no directory")
    models = sorted(directory.glob("*.onnx"))
    found = {part: str(_one(models, part, word)) for part, word in PARTS[kind].items()}
    tokens = sorted(directory.glob("*tokens.txt"))
    if len(tokens) != 1:
        raise ValueError(f"has {len(tokens)} files *tokens.txt, and not one")
    return {**found, "tokens": str(tokens[0])}


def _one(models: list[Path], part: str, word: str) -> Path:
    fitting = [path for path in models if word in path.name and not _is_other(path.name, part)]
    quantized = [path for path in fitting if ".int8." in path.name]
    candidates = quantized or fitting
    if len(candidates) != 1:
        names = ", ".join(path.name for path in candidates) or "none"
        raise ValueError(f"must have one ONNX file for the {part}, but has {names}")
    return candidates[0]


def _is_other(name: str, part: str) -> bool:
    """Say whether `name` is that of another part: "cached_decode" is in "uncached_decode"."""
    return part == "cached_decoder" and "uncached" in name
