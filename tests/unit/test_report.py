"""The report: one file that needs nothing, runs nothing, and says the right words."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imprint.evaluation import CheckpointScore, Chosen, ReportData, Scorecard, build_report
from imprint.evaluation.report import Command, DrawingLimit, Pair, Shown, Timeline, TimelineRow, verdict
from imprint.evaluation.report.curves import Curve, line_chart, ticks
from imprint.evaluation.scorecard import SEPARATION
from imprint.evaluation.selection import choose

pytestmark = pytest.mark.unit

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)></title></style>\u202egpj{{ 7*7 }}"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def scored(step: int, **changes: Any) -> CheckpointScore:
    fields = {"subject": 0.8, "prompt": 0.6, "prior_drift": 0.05, "memorisation": 0.2, "diversity": 0.8, **changes}
    return CheckpointScore(step=step, **fields)


def card(**changes: Any) -> Scorecard:
    base = scored(0, subject=0.02, prior_drift=0.0, ground_truth=0.1)
    checkpoints = (scored(50, **{"subject": 0.4, **changes}), scored(100, **changes))
    return Scorecard(checkpoints=checkpoints, chosen=Chosen(step=50, why="Best of two."), base=base)


def picture(folder: Path, name: str = "one.png") -> Path:
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(folder / name)
    return folder / name


def full(folder: Path, words: str = "zkz") -> ReportData:
    one = picture(folder)
    limit = DrawingLimit(26.0, 38.6, words, (Pair(one, one),))
    pair = Pair(one, one, words, flagged=True)
    return ReportData(
        name=words, class_word=words, scorecard=card(ground_truth=0.7), result=(Shown(one, words), Shown(one, words)),
        photos=(one,) * 13, timeline=Timeline(words, (1,), (TimelineRow(0, (one,)), TimelineRow(50, (one,)))),
        drift=(pair,), copies=(pair,), drawing_limit=limit, losses=((1, 0.5), (2, 0.4)),
        recipe=words, commands=(Command(words, words),), facts=((words, words),), notes=(words,),
    )  # fmt: skip


def built(data: ReportData, folder: Path) -> str:
    return build_report(data, folder / "report").read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    page = Page(built(full(tmp_path), tmp_path))
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert sources
    assert all(value.startswith("data:image/jpeg;base64,") for value in sources)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)


def test_hostile_words_are_inert_everywhere(tmp_path: Path) -> None:
    calm, hostile = (Page(built(full(tmp_path, words), tmp_path)) for words in ("zkz", HOSTILE))
    assert hostile.tags == calm.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in calm.attributes]
    assert "{{ 7*7 }}" in "".join(hostile.words)
    assert "\u202e" not in "".join(hostile.words)


def test_hostile_recipe_lines_survive_as_text(tmp_path: Path) -> None:
    data = replace(full(tmp_path), recipe="[method]\nkind = '</code></pre><b>'\n")
    assert "[method]\nkind = '</code></pre><b>'" in "".join(Page(built(data, tmp_path)).words)


def test_equal_data_give_equal_bytes(tmp_path: Path) -> None:
    assert built(full(tmp_path), tmp_path) == built(full(tmp_path), tmp_path)


def test_missing_and_broken_pictures_leave_an_empty_frame(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture(tmp_path).read_bytes()[:60])
    html = built(ReportData("zkz", "dog", card(), photos=(tmp_path / "none.png", broken, tmp_path)), tmp_path)
    assert html.count("picture missing") == 3


def test_a_page_without_any_picture_is_whole(tmp_path: Path) -> None:
    html = built(ReportData("zkz", "dog", card()), tmp_path)
    assert "</html>" in html
    assert "<img" not in html


def test_no_place_or_camera_leaks_from_a_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    Image.new("RGB", (30, 30)).save(tmp_path / "photo.jpg", exif=exif)
    html = built(ReportData("zkz", "dog", card(), photos=(tmp_path / "photo.jpg",)), tmp_path)
    assert b"SecretCamera" not in re.sub(rb"\s", b"", html.encode())
    assert str(tmp_path) not in html


@pytest.mark.parametrize(("subject", "grade"), [(0.8, "learnt"), (0.4, "partly"), (0.1, "not")])
def test_the_verdict_grades_the_subject(subject: float, grade: str) -> None:
    assert verdict(ReportData("zkz", "dog", card(subject=subject))).grade == grade


def test_a_subject_that_the_judge_cannot_tell_from_its_class_is_left_to_the_eyes() -> None:
    data = ReportData(name="zkz", class_word="dog", scorecard=card(detail={SEPARATION: 0.7}))
    found = verdict(data)
    assert (found.grade, found.headline) == ("unknown", "“zkz dog”: look for yourself.")
    assert "pictures of any dog in 70% of comparisons" in " ".join(found.learnt)
    assert "trust your eyes" in choose([scored(10, detail={SEPARATION: 0.7})], scored(0)).why
    assert "trust your eyes" not in choose([scored(10, detail={SEPARATION: 0.95})], scored(0)).why


def test_a_good_run_has_nothing_to_watch() -> None:
    found = verdict(ReportData("zkz", "owl", card(ground_truth=0.7)))
    assert found.watch == ()
    assert any("Asked for an owl without the name, it still draws others" in words for words in found.kept)
    assert any("0.70 of 1, 0.10 for the base" in words for words in found.learnt)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"detail": {"copied_pictures": 2.0}}, "2 pictures come close to being a copy"),
        ({"detail": {"class_likeness": 0.8}}, "its class is being overwritten"),
        ({"prior_drift": 0.6}, "have moved away from the base's"),
        ({"prompt": 0.3}, "followed less well"),
        ({"diversity": 0.1}, "look alike"),
    ],
)
def test_every_vice_is_put_into_words(changes: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in verdict(ReportData("zkz", "dog", card(**changes))).watch)


def test_a_score_still_rising_is_said() -> None:
    rising = card().model_copy(update={"chosen": Chosen(step=100, why="")})
    assert any("still rising" in words for words in verdict(ReportData("zkz", "dog", rising)).watch)


def test_photos_that_the_base_cannot_draw_are_admitted() -> None:
    outside = ReportData("zkz", "dog", card(), drawing_limit=DrawingLimit(26.1, 38.6, "cartoons"))
    assert "26.1 dB" in verdict(outside).limits
    assert "It draws cartoons: expect the subject's colours" in verdict(outside).limits
    assert verdict(replace(outside, drawing_limit=DrawingLimit(28.2, 38.3))).limits == ""


def test_ticks_are_round_and_cover() -> None:
    assert ticks(0.0, 1.0, 4) == (0.0, 0.5, 1.0)
    assert ticks(0.03, 0.47, 4) == (0.0, 0.2, 0.4, 0.6)


def test_a_curve_breaks_where_a_value_is_no_number() -> None:
    points = ((0.0, 0.1), (1.0, 0.2), (2.0, float("nan")), (3.0, 0.3), (4.0, 0.5))
    svg = line_chart(Curve("t", "", points, base=0.1, chosen=3.0))
    assert svg.count("<polyline") == 2
    assert svg.count('class="chosen"') == 1
    assert "nan" not in svg


def test_curves_of_nothing_or_one_point_are_drawn() -> None:
    assert "No values" in line_chart(Curve("t", "", ()))
    assert "<circle" in line_chart(Curve("t", "", ((5.0, 0.5),), chosen=5.0))
    assert "&lt;b&gt;" in line_chart(Curve("<b>", "", ((5.0, 0.5),)))
