from hypothesis import given
from hypothesis import strategies as st

from voiced.recognizer.backlog import Backlog


def test_audio_is_kept_by_its_position_until_it_is_not_needed():
    backlog = Backlog(bytes_per_s=100, keep_s=10)
    backlog.append(bytes(range(100)))
    assert (backlog.begin_s, backlog.end_s) == (0.0, 1.0)
    backlog.forget_before(0.4)
    assert backlog.read(50, 3) == bytes([50, 51, 52])
    assert (backlog.begin_s, backlog.byte_at(0.0), backlog.byte_at(0.75)) == (0.4, 40, 74)


def test_what_is_too_old_is_lost_whoever_needs_it():
    backlog = Backlog(bytes_per_s=100, keep_s=1)
    for _ in range(5):
        backlog.append(bytes(100))
    assert (backlog.begin_s, backlog.end_s) == (4.0, 5.0)


@given(st.lists(st.tuples(st.binary(max_size=30), st.floats(0, 3)), max_size=20))
def test_what_is_kept_is_the_end_of_what_came(steps):
    backlog, all_of_it = Backlog(bytes_per_s=50, keep_s=1), b""
    for data, needed_s in steps:
        backlog.append(data)
        all_of_it += data
        backlog.forget_before(needed_s)
        kept = backlog.read(0, 10**6)
        assert len(kept) <= 50
        assert all_of_it.endswith(kept)
        assert backlog.end == len(all_of_it)
