"""A model for sherpa-onnx that says one word, whatever it hears: real enough to be loaded and run.

An ONNX file of a NeMo CTC model, written by hand: features in, for each fourth frame the logarithms
of probabilities out, of which one is always the greatest. (The format is onnx.proto, protobuf.)
"""

import struct

WORDS = ("hello",)
N_FEATURES = 80


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _ints(name, *values):
    packed = b"".join(_field(8, value) for value in values)
    return _field(5, _field(1, name) + packed + _field(20, 7))


def _node(op, inputs, outputs, *attributes):
    names = b"".join(_field(1, name) for name in inputs) + b"".join(
        _field(2, name) for name in outputs
    )
    return _field(1, names + _field(4, op) + b"".join(attributes))


def _tensor(name, shape, values, kind=1, code="f"):
    dims = b"".join(_field(1, n) for n in shape)
    raw = struct.pack(f"<{len(values)}{code}", *values)
    return _field(5, dims + _field(2, kind) + _field(8, name) + _field(9, raw))


def _value(number, name, kind, *shape):
    dims = b"".join(
        _field(1, _field(1, one) if isinstance(one, int) else _field(2, one)) for one in shape
    )
    return _field(number, _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims))))


def write_tiny_model(directory):
    """Write model.onnx and tokens.txt into `directory`."""
    tokens = ["\u2581hello", "<blk>"]
    weights = [0.0] * (N_FEATURES * len(tokens))
    graph = (
        # [N, 80, T] -> [N, T, 80] -> every fourth -> [N, T/4, 2], which the bias decides
        _node("Transpose", ["audio_signal"], ["frames"], _ints("perm", 0, 2, 1))
        + _node("Slice", ["frames", "from", "to", "axis", "step"], ["some"])
        + _node("MatMul", ["some", "weights"], ["product"])
        + _node("Add", ["product", "bias"], ["scores"])
        + _node("LogSoftmax", ["scores"], ["logprobs"])
        + _field(2, "tiny")
        + _tensor("weights", [N_FEATURES, len(tokens)], weights)
        + _tensor("bias", [len(tokens)], [5.0, 0.0])
        + _tensor("from", [1], [0], kind=7, code="q")
        + _tensor("to", [1], [1 << 40], kind=7, code="q")
        + _tensor("axis", [1], [1], kind=7, code="q")
        + _tensor("step", [1], [4], kind=7, code="q")
        + _value(11, "audio_signal", 1, "N", N_FEATURES, "T")
        + _value(11, "length", 7, "N")
        + _value(12, "logprobs", 1, "N", "U", len(tokens))
    )
    told = {
        "vocab_size": str(len(tokens) - 1),
        "subsampling_factor": "4",
        "normalize_type": "per_feature",
        "is_giga_am": "0",
    }
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
    for name, value in told.items():
        model += _field(14, _field(1, name) + _field(2, value))
    (directory / "model.onnx").write_bytes(model)
    lines = [f"{token} {n}\n" for n, token in enumerate(tokens)]
    (directory / "tokens.txt").write_text("".join(lines), encoding="utf-8")
