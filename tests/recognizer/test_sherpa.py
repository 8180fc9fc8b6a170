import pytest
import trio

from tests.recognizer.remote import level_network, spoken
from tests.recognizer.tiny_model import write_tiny_model
from voiced.errors import ConfigError, StartupError
from voiced.recognizer.sherpa import SherpaRecognizer, SherpaSettings
from voiced.recognizer.sherpa_files import find_files
from voiced.testing.recognizer_kit import RECOGNIZER_PROMISES, Sample


def settings(directory, **keys):
    return SherpaSettings(model=str(directory), kind="nemo_ctc", pause_ms=0, **keys)


@pytest.mark.slow
async def test_a_model_of_ones_own_is_loaded_and_heard_through(tmp_path):
    write_tiny_model(tmp_path)
    speech = Sample(pcm=spoken(-0.2, 0.5, -0.7), texts=("hello",))
    given = settings(tmp_path, silence_ms=400)
    async with SherpaRecognizer.open(given, network=level_network) as recognizer:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:  # threads need real time: all at once
                for promise in RECOGNIZER_PROMISES:
                    nursery.start_soon(promise, recognizer, speech)


async def test_a_model_that_cannot_be_loaded_is_told(tmp_path):
    write_tiny_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StartupError, match=r"recognizer\.model = "):
        async with SherpaRecognizer.open(settings(tmp_path)):
            pass


@pytest.mark.parametrize(
    ("files", "kind", "reason"),
    [
        ([], "nemo_ctc", "must have one ONNX file for the model, but has none"),
        (["a.onnx", "b.onnx"], "nemo_ctc", "but has a.onnx, b.onnx"),
        (["model.onnx"], "nemo_ctc", r"has 0 files \*tokens.txt"),
        (["encoder.onnx", "tokens.txt"], "whisper", "one ONNX file for the decoder"),
    ],
)
def test_what_is_missing_of_a_model_is_told_before_it_is_loaded(tmp_path, files, kind, reason):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ConfigError, match=reason):
        SherpaRecognizer.check(SherpaSettings(model=str(tmp_path), kind=kind))


def test_a_directory_that_is_none_is_told(tmp_path):
    with pytest.raises(ConfigError, match="is no directory"):
        SherpaRecognizer.check(settings(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("kind", "names", "found"),
    [
        (
            "transducer",
            ["encoder-99.int8.onnx", "encoder-99.onnx", "decoder-99.onnx", "joiner-99.int8.onnx"],
            {
                "encoder": "encoder-99.int8.onnx",
                "decoder": "decoder-99.onnx",
                "joiner": "joiner-99.int8.onnx",
            },
        ),
        (
            "whisper",
            ["tiny.en-encoder.int8.onnx", "tiny.en-decoder.int8.onnx"],
            {"encoder": "tiny.en-encoder.int8.onnx", "decoder": "tiny.en-decoder.int8.onnx"},
        ),
        (
            "moonshine",
            ["preprocess.onnx", "encode.int8.onnx", "uncached_decode.int8.onnx",
             "cached_decode.int8.onnx"],
            {
                "preprocessor": "preprocess.onnx",
                "encoder": "encode.int8.onnx",
                "uncached_decoder": "uncached_decode.int8.onnx",
                "cached_decoder": "cached_decode.int8.onnx",
            },
        ),
        ("sense_voice", ["model.int8.onnx", "model.onnx"], {"model": "model.int8.onnx"}),
    ],
)  # fmt: skip
def test_the_files_of_a_model_are_found_by_their_names(tmp_path, kind, names, found):
    for name in [*names, "tiny.en-tokens.txt"]:
        (tmp_path / name).write_bytes(b"")
    expected = {part: str(tmp_path / name) for part, name in found.items()}
    assert find_files(tmp_path, kind) == {
        **expected,
        "tokens": str(tmp_path / "tiny.en-tokens.txt"),
    }
