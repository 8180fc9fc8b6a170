from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.picture import (
    STYLE,
    Band,
    CallSound,
    Drawing,
    Marker,
    Passage,
    Wait,
    peaks_of,
    picture_svg,
)
from voiced.record.latency import PARTS

SVG = "{http://www.w3.org/2000/svg}"
EVERY_PART = tuple((part, 0.1) for part in PARTS)


def noise(seconds, seed=1):
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * 8000)).astype(np.int16)


def sound(caller, agent=None):
    agent = caller if agent is None else agent
    return CallSound(caller=peaks_of(caller, 8000), agent=peaks_of(agent, 8000))


def drawn(**what):
    return ET.fromstring(picture_svg(Drawing(**{"title": "A call", **what})))


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def titles(root):
    return [element.text or "" for element in root.iter(f"{SVG}title")]


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def said(text, **what):
    return Passage(**{"side": "agent", "start_s": 1.0, "end_s": 2.0, "text": text, **what})


def test_the_picture_shows_words_waits_and_markers():
    root = drawn(
        sound=sound(noise(10)),
        passages=[
            Passage(side="caller", start_s=1, end_s=2, text="are you open"),
            said("yes we are", start_s=2.7, end_s=4, heard="all", heard_text="yes we are"),
        ],
        waits=[Wait(start_s=2, end_s=2.7)],
        markers=[Marker(at_s=9, label="agent hung up", kind="hangup")],
    )
    shown = texts(root)
    for text in ("A call", "are you open", "yes we are", "0.70 s", "agent hung up", "4 s"):
        assert text in shown
    assert len(list(root.iter(f"{SVG}path"))) == 3  # two waves, one wait
    assert not of_class(root, "unheard")


def test_words_that_the_caller_never_heard_are_struck_out():
    root = drawn(passages=[said("one two three four", heard="part", heard_text="one two")])
    (unheard,) = of_class(root, "unheard")
    assert unheard.text == "three four"
    assert "one two three four" in texts(root)
    assert any('of which the caller heard "one two"' in title for title in titles(root))
    assert "struck out: never heard by the caller" in " ".join(texts(root))
    assert re.search(r"\.unheard\{text-decoration:line-through\}", STYLE)


def test_the_border_of_heard_and_unheard_is_kept_over_line_breaks():
    words = [f"word{n}" for n in range(18)]
    passage = said(" ".join(words), heard="part", heard_text=" ".join(words[:11]))
    root = drawn(passages=[passage])
    unheard = " ".join(element.text for element in of_class(root, "unheard"))
    assert unheard.split() == words[11:]


def test_what_is_not_heard_at_all_or_not_known_is_drawn_hollow():
    for heard, kind in (("none", "unheard"), ("unknown", "unknown")):
        root = drawn(passages=[said("some words", heard=heard, unheard_s=0.7)])
        assert [element.text for element in of_class(root, kind)] == ["some words"]
        assert of_class(root, "dashed")
        assert of_class(root, "unheardbar")
        assert not of_class(root, "bar")


def test_the_bar_of_a_passage_that_was_cut_goes_on_hollow():
    passage = said("one two", heard="part", heard_text="one", unheard_s=0.5)
    root = drawn(length_s=10, passages=[passage])
    (solid,), (hollow,) = of_class(root, "bar"), of_class(root, "unheardbar")
    solid_ends = float(solid.attrib["x"]) + float(solid.attrib["width"])
    assert float(hollow.attrib["x"]) == pytest.approx(solid_ends, abs=0.2)


def test_what_each_wait_was_spent_on_is_a_column_as_high_as_the_wait():
    waits = [
        Wait(start_s=2, end_s=2.6, parts=EVERY_PART),
        Wait(start_s=5, end_s=6.2, parts=(("endpointing", 0.2), ("model", 1.0))),
    ]
    root = drawn(length_s=10, waits=waits)
    model = [float(bar.attrib["height"]) for bar in of_class(root, "model")]
    assert model[1] / model[0] == pytest.approx(10, rel=0.02)
    shown = texts(root)
    assert all(part.replace("_", "-") in shown for part in PARTS)
    assert any("1.20 s from the end of the question" in title for title in titles(root))
    assert any("endpointing 0.20, model 1.00" in title for title in titles(root))


def test_where_no_parts_are_known_there_is_no_chart():
    assert "Waits" not in texts(drawn(waits=[Wait(start_s=1, end_s=2)]))


def test_a_pause_of_the_recording_is_a_band():
    root = drawn(length_s=10, bands=[Band(start_s=2, end_s=5, label="not recorded")])
    assert "not recorded" in texts(root)
    assert len(of_class(root, "band")) == 1


def test_words_are_escaped_and_come_back_whole():
    nasty = "<script>alert('x')</script> & \"so\" on\x00\x1b\ud800\uffff"
    svg = picture_svg(
        Drawing(title=nasty, passages=[Passage(side="caller", start_s=0, end_s=1, text=nasty)])
    )
    assert "<script" not in svg
    root = ET.fromstring(svg)
    assert any("<script>alert('x')</script> & \"so\" on" in title for title in titles(root))


@given(
    st.text(max_size=200),
    st.floats(0, 20),
    st.floats(0, 20),
    st.sampled_from([None, "all", "part", "none", "unknown"]),
)
def test_any_text_at_any_time_gives_valid_xml_and_loses_no_letter(text, start_s, end_s, heard):
    passage = said(text, start_s=start_s, end_s=end_s, heard=heard, heard_text=text[:9])
    svg = picture_svg(
        Drawing(
            title=text,
            passages=[passage],
            waits=[Wait(start_s=start_s, end_s=end_s, parts=EVERY_PART)],
            markers=[Marker(at_s=end_s, label=text, kind="clear")],
        )
    )
    ET.fromstring(svg.encode())


@pytest.mark.parametrize("seconds", [0, 0.0001, 0.5, 2, 600])
def test_every_length_can_be_drawn_in_bounded_size(seconds):
    svg = picture_svg(Drawing(title="", sound=sound(noise(seconds))), width=1600)
    ET.fromstring(svg)
    assert len(svg) < 100_000


def test_a_long_call_gets_wider_paper_within_bounds():
    widths = [int(drawn(length_s=s).attrib["width"]) for s in (10, 100, 200, 36000)]
    assert widths == [1600, 1600, 3200, 6400]


def test_nothing_is_loaded_from_outside_and_both_schemes_are_served():
    svg = picture_svg(Drawing(title="A call", sound=sound(noise(1))))
    assert re.findall(r"https?://[^\"' ]*", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in svg
    assert "prefers-color-scheme:dark" in svg


def test_its_style_touches_nothing_else_on_a_page():
    flat = STYLE.replace("@media (prefers-color-scheme:dark){", "").strip().removesuffix("}")
    for rule in filter(None, flat.strip().splitlines()):
        selectors = rule.partition("{")[0].split(",")
        assert all(selector.startswith(".call-picture ") for selector in selectors), rule


def test_a_page_that_has_the_style_gets_a_picture_without():
    assert "<style" not in picture_svg(Drawing(title=""), styled=False)


def test_who_cannot_see_it_is_told_what_it_shows():
    root = drawn(summary="They talked.")
    assert root.attrib["role"] == "img"
    named = root.attrib["aria-labelledby"].split()
    told = [element.text for element in root.iter() if element.get("id") in named]
    assert told == ["A call", "They talked."]


def test_the_page_is_told_where_the_time_axis_is():
    root = drawn(length_s=10)
    left, px_per_s = float(root.attrib["data-left"]), float(root.attrib["data-px-per-s"])
    assert left + 10 * px_per_s == pytest.approx(1600 - 28, abs=0.01)
    assert float(root.attrib["data-length-s"]) == 10


def test_a_hundred_utterances_stay_inside_the_picture():
    many = [
        Passage(side="caller", start_s=n, end_s=n + 0.6, text="some words to be shown")
        for n in range(100)
    ]
    root = drawn(sound=sound(noise(100)), passages=many)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter(f"{SVG}rect"):
        right = float(box.get("x", 0)) + float(box.attrib["width"])
        bottom = float(box.get("y", 0)) + float(box.attrib["height"])
        assert right <= width
        assert 0 <= float(box.get("y", 0)) < bottom <= height


def test_bubbles_of_one_side_never_cover_each_other():
    many = [said("some words " * n, start_s=n * 2, end_s=n * 2 + 1) for n in range(1, 20)]
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in of_class(drawn(length_s=40, passages=many), "agentbox")
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
    root = drawn(sound=sound(pcm, np.zeros(8000, np.int16)))
    heights = []
    for path in root.iter(f"{SVG}path"):
        ys = [float(y) for y in re.findall(r",([\d.]+)", path.attrib["d"])]
        heights.append(max(ys) - min(ys))
    assert heights[0] == pytest.approx(55.5, abs=0.2)
    assert heights[1] == pytest.approx(1.0)


def test_sound_that_begins_later_lies_where_it_was_heard():
    late = peaks_of(np.full(8000, 9000, np.int16), 8000, starts_at_s=5.0)
    root = drawn(length_s=10, sound=CallSound(caller=late, agent=late))
    px_per_s = float(root.attrib["data-px-per-s"])
    path = next(root.iter(f"{SVG}path"))
    first = float(re.findall(r"M([\d.]+),", path.attrib["d"])[0])
    assert first == pytest.approx(96 + 5 * px_per_s, abs=0.2)
