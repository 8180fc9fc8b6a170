from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.testing.picture import Marker, Timeline, timeline_svg
from voiced.testing.utterances import Turn, Utterance

SVG = "{http://www.w3.org/2000/svg}"


def noise(seconds, seed=1):
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * 8000)).astype(np.int16)


def texts(svg):
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def titles(svg):
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}title")]


def test_the_picture_shows_words_waits_and_markers():
    svg = timeline_svg(
        Timeline(
            caller=noise(10),
            agent=noise(10),
            caller_utterances=[Utterance(start_s=1, end_s=2, text="are you open")],
            agent_utterances=[Utterance(start_s=2.7, end_s=4, text="yes we are")],
            turns=[Turn(caller_end_s=2, agent_start_s=2.7)],
            markers=[Marker(at_s=9, label="agent hung up", kind="hangup")],
            title="A call",
        )
    )
    shown = texts(svg)
    for text in ("A call", "are you open", "yes we are", "0.70 s", "agent hung up", "4 s"):
        assert text in shown
    assert len(list(ET.fromstring(svg).iter(f"{SVG}path"))) == 3  # two waves, one wait


def test_words_are_escaped_and_come_back_whole():
    nasty = "<script>alert('x')</script> & \"so\" on\x00\x1b\ud800\uffff"
    svg = timeline_svg(
        Timeline(
            caller=noise(1),
            agent=noise(1),
            caller_utterances=[Utterance(start_s=0, end_s=1, text=nasty)],
            title=nasty,
        )
    )
    assert "<script" not in svg
    assert any("<script>alert('x')</script> & \"so\" on" in title for title in titles(svg))


@given(st.text(max_size=200), st.floats(0, 20), st.floats(0, 20))
def test_any_text_at_any_time_gives_valid_xml(text, start_s, end_s):
    svg = timeline_svg(
        Timeline(
            caller=np.zeros(80000, np.int16),
            agent=np.zeros(0, np.int16),
            agent_utterances=[Utterance(start_s=start_s, end_s=end_s, text=text)],
            turns=[Turn(caller_end_s=start_s, agent_start_s=end_s)],
            markers=[Marker(at_s=end_s, label=text, kind="clear")],
            title=text,
        )
    )
    ET.fromstring(svg.encode())


@pytest.mark.parametrize("seconds", [0, 0.0001, 0.5, 2, 600])
def test_every_length_can_be_drawn_in_about_the_same_size(seconds):
    svg = timeline_svg(Timeline(caller=noise(seconds), agent=noise(seconds)))
    ET.fromstring(svg)
    assert len(svg) < 90_000


def test_nothing_is_loaded_from_outside_and_both_schemes_are_served():
    svg = timeline_svg(Timeline(caller=noise(1), agent=noise(1)))
    assert re.findall(r"https?://[^\"' ]*", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in svg
    assert "prefers-color-scheme:dark" in svg


def test_a_hundred_utterances_stay_inside_the_picture():
    many = [Utterance(start_s=n, end_s=n + 0.6, text="some words to be shown") for n in range(100)]
    svg = timeline_svg(Timeline(caller=noise(100), agent=noise(100), caller_utterances=many))
    root = ET.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter(f"{SVG}rect"):
        right = float(box.get("x", 0)) + float(box.attrib["width"])
        bottom = float(box.get("y", 0)) + float(box.attrib["height"])
        assert right <= width
        assert 0 <= float(box.get("y", 0)) < bottom <= height


def test_bubbles_of_one_side_never_cover_each_other():
    many = [Utterance(start_s=n * 2, end_s=n * 2 + 1, text="some words " * n) for n in range(1, 20)]
    svg = timeline_svg(Timeline(caller=noise(40), agent=noise(40), agent_utterances=many))
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in ET.fromstring(svg).iter(f"{SVG}rect")
        if box.get("class") == "agentbox"
    ]
    assert len(boxes) > 10
    for n, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[n + 1 :]:
            apart_x = x + width <= other_x or other_x + other_width <= x
            apart_y = y + height <= other_y or other_y + other_height <= y
            assert apart_x or apart_y


def test_the_wave_reaches_its_lane_at_the_loudest_sample_and_is_a_line_in_silence():
    pcm = np.zeros(8000, np.int16)
    pcm[4000] = 32767
    svg = timeline_svg(Timeline(caller=pcm, agent=np.zeros(8000, np.int16)))
    waves = [path.attrib["d"] for path in ET.fromstring(svg).iter(f"{SVG}path")]
    heights = []
    for wave in waves:
        ys = [float(y) for y in re.findall(r",([\d.]+)", wave)]
        heights.append(max(ys) - min(ys))
    assert heights[0] == pytest.approx(55.5, abs=0.2)
    assert heights[1] == pytest.approx(1.0)
