import numpy as np

from voiced.record.word_times import Word
from voiced.synthesizer.phrase import Phrase
from voiced.synthesizer.phrase_cache import PhraseCache


def phrase(n_bytes: int) -> Phrase:
    return Phrase(pcm=np.zeros(n_bytes // 2, np.int16))


def test_a_phrase_is_found_again_and_others_are_not():
    cache = PhraseCache(100)
    yes = phrase(40)
    cache.put("yes", yes)
    assert cache.get("yes") is yes
    assert cache.get("no") is None


def test_the_least_recently_used_phrase_makes_room():
    cache = PhraseCache(100)
    for name in ("a", "b"):
        cache.put(name, phrase(40))
    cache.get("a")
    cache.put("c", phrase(40))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.n_bytes == 80


def test_putting_a_phrase_again_counts_its_bytes_once():
    cache = PhraseCache(100)
    cache.put("a", phrase(40))
    cache.put("a", phrase(60))
    assert cache.n_bytes == 60


def test_a_phrase_larger_than_the_cache_is_not_kept_and_drops_no_other():
    cache = PhraseCache(100)
    cache.put("a", phrase(40))
    cache.put("long", phrase(102))
    assert cache.get("long") is None
    assert cache.get("a") is not None


def test_words_count_too():
    cache = PhraseCache(100)
    cache.put("a", Phrase(pcm=np.zeros(20, np.int16), words=(Word("a", 0.1),)))
    assert cache.get("a") is None
