import pytest

from voiced.recognizer.pronunciation import guess_pronunciation, parts_worth_knowing

KNOWN = {
    "book": "B UH K",
    "shelf": "SH EH L F",
    "smith": "S M IH TH",
    "jones": "JH OW N Z",
    "miller": "M IH L ER",
}


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("bookshelf", "B UH K SH EH L F"),
        ("smith's", "S M IH TH S"),
        ("miller's", "M IH L ER Z"),
        ("jones's", "JH OW N Z IH Z"),
        ("jones'", "JH OW N Z"),
        ("lane", "L EY N"),
        ("nation", "N AE SH AH N"),
        ("schmidt", "SH M IH D T"),
        ("bo", "B AA"),
        ("kim", "K IH M"),
        ("the", "TH IY"),
        ("a", "AE"),
    ],
)
def test_unknown_words_are_guessed(word, phones):
    assert guess_pronunciation(word, KNOWN.get) == phones


def test_every_combination_of_two_letters_has_a_sound():
    letters = "abcdefghijklmnopqrstuvwxyz"
    for word in (a + b for a in letters for b in letters + "'"):
        assert guess_pronunciation(word, KNOWN.get).split()


def test_parts_worth_knowing_hold_what_a_guess_looks_up():
    def look_up(part):
        asked.add(part)

    for word in ("bookshelf", "smith's", "jones'"):
        asked: set[str] = set()
        guess_pronunciation(word, look_up)
        assert asked
        assert asked <= parts_worth_knowing(word)
