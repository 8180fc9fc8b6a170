"""What a process leaves to the one that serves."""

import os

from voiced.handover.bequest import leave_bequest, take_bequest


def test_it_is_taken_once_by_the_name_of_its_socket(tmp_path):
    leave_bequest(tmp_path, b"voiced_calls 1\n")
    socket_path = tmp_path / f"{os.getpid()}.sock"
    assert take_bequest(socket_path) == "voiced_calls 1\n"
    assert take_bequest(socket_path) is None


def test_a_place_that_cannot_be_written_costs_no_more_than_the_counts(tmp_path):
    leave_bequest(tmp_path / "nowhere", b"x")
    (tmp_path / "7.metrics").write_bytes(b"\xff")
    assert take_bequest(tmp_path / "7.sock") is None
