"""The report's page: what it says, that nothing of others is taken for markup, and that it stands alone."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from benchmark.small_report import WHY, figure, small_results, video, write_benchmark

from pvdm.benchmark.report import write_report
from pvdm.benchmark.report.line_chart import decimal
from pvdm.benchmark.report.published_figures import published
from pvdm.benchmark.report.report_page import TEMPLATES, environment
from pvdm.errors import InputError
from pvdm.files.web_page import STYLE

EVIL = "<img src=x onerror=alert(1)>\"'&</script><script>alert(2)</script>"


class Page(HTMLParser):
    """The elements of a page, its words, and the rows of its tables as lists of cells."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self._silent = self._in_cell = False
        self.feed(content)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        self._silent = tag in ("script", "style")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._silent = self._silent and tag not in ("script", "style")
        if tag in ("td", "th"):
            self._in_cell = False
            self.rows[-1][-1] = " ".join(self.rows[-1][-1].split())

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self.words.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self) -> Counter:
        return Counter(tag for tag, _ in self.elements)


def report(folder: Path, content: dict[str, Any] | None = None) -> Page:
    return Page(write_report(write_benchmark(folder, content)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return report(tmp_path_factory.mktemp("report"))


def test_ours_stand_beside_the_published_figures_best_first(page):
    start = page.rows.index(["Method", "Value", "Protocol", "Source"])
    rows = []
    for cells in page.rows[start + 1 :]:
        if len(cells) != 4 or cells[0] == "Method":
            break
        rows.append(cells)
    values = [float(re.match(r"[\d.]+", cells[1])[0]) for cells in rows]
    assert values == sorted(values)
    assert ["This model 400/400, ddim", "412.2 ± 5.5 over splits", "pvdm/fvd16", "measured here"] in rows
    assert any(cells[0].startswith("PVDM-L 400/400") and cells[1] == "343.6" for cells in rows)


def test_every_published_figure_is_there_with_its_source(page):
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    for row in published("ucf101"):
        assert row.method in page.said
        assert row.url in links
    assert page.said.count("secondary") > 20


def test_a_missing_figure_says_why(page):
    assert f"No FVD128: {WHY} (400/400, ddim; 100/20, ddim; 20/20, dpmpp_2m)" in page.said
    assert "this benchmark did not measure it" in page.said  # the inception score
    assert "no GPU is here" in page.said


def test_our_row_stands_among_the_others_without_a_value_too(page):
    ours = [cells for cells in page.rows if cells[:2] == ["This model", "no value"]]
    assert ours == [["This model", "no value", protocol, "not measured"] for protocol in ("pvdm/fvd16", "none")]
    assert page.rows[page.rows.index(ours[0]) - 1][0].startswith("MoCoGAN")  # the last of those that have one


def test_a_floor_stands_with_its_distance(tmp_path):
    beside = {"floor": 120.5, "floor_clips": [64, 32]}
    figures = [figure("fvd16", 412.25, setting="400/400", **beside), figure("rfvd", 32.0, part="test", **beside)]
    page = report(tmp_path, small_results(figures=figures))
    floor = "120.5 (64 / 32 clips)"
    values = [cell.removesuffix(f"floor {floor}") for cells in page.rows for cell in cells if f"floor {floor}" in cell]
    assert values == ["412.2", "not measured / 32"]
    assert [cells[2:4] for cells in page.rows if floor in cells] == [["412.2", floor], ["32", floor]]


def test_the_page_begins_with_the_videos(page):
    sections = [attributes["id"] for tag, attributes in page.elements if tag == "section" and "id" in attributes]
    assert sections[:2] == ["videos", "published"]
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a" and attributes["href"][0] == "#"]
    assert links[1:] == [f"#{name}" for name in sections if f"#{name}" in links]


def test_the_random_detector_is_never_beside_published_figures(page):
    assert [cells for cells in page.rows if "0.777" in str(cells)] == [
        ["FVD16_RANDOM", "400/400, ddim", "0.777", "lower", "fvd-random/16f", ""],
        ["FVD16_RANDOM", "400/400, ddim", "0.777", "none", "lower", "fvd-random/16f", ""],
    ]
    assert "they are no FVD" in page.said


def test_without_a_detector_the_plots_say_that_they_show_no_fvd(tmp_path):
    random = [figure("fvd16", None, missing=WHY, setting="8/4"), figure("fvd16_random", 0.5, setting="8/4")]
    page = report(tmp_path, small_results(figures=random))
    assert "fvd-random (no FVD) of 16 frames against steps" in page.said
    assert "PVDM-L, published" not in page.said
    assert "It is no FVD and ranks nothing" in page.said


def test_differing_protocols_are_warned_of(page):
    rows = {cells[0].split()[0]: cells[2] for cells in page.rows if len(cells) == 4 and cells[1] == "1431"}
    assert rows == {"StyleGAN-V": "differs stylegan-v/fvd2048_16f trained on train+test"}
    assert "Ours is measured by pvdm/fvd16" in page.said.replace("  ", " ")


def test_changed_protocols_few_clips_and_other_sizes_are_marked(tmp_path):
    names = {"protocol": "custom", "based_on": "pvdm/fvd16", "changed": {"size": 128, "num_fake": 8}}
    changed = figure("fvd16", 900.0, **names, few=True, setting="8/4")
    model = {"height": 128, "width": 128, "frames": 16}
    page = report(tmp_path, small_results(figures=[changed], model=model, remark="Only a subset."))
    assert ["This model 8/4", "900", "pvdm/fvd16 changed: size, num_fake few clips", "measured here"] in page.rows
    before = figure("fvd16", 900.0, protocol="custom", based_on="pvdm/fvd16")  # of results that do not say what
    assert "pvdm/fvd16 changed" in [cells[2] for cells in report(tmp_path, small_results(figures=[before])).rows[:40]]
    assert "Our videos are 128x128, those of the table 256x256." in page.said
    assert "Ours is of fewer clips than its protocol asks for" in page.said
    assert "Only a subset." in page.said


def test_measures_that_should_be_like_real_clips_show_those(page):
    assert any(cells[:4] == ["WARPING_ERROR", "400/400, ddim", "0.0123", "0.0101"] for cells in page.rows)


def test_time_and_memory_are_there(page):
    assert ["400/400 ddim", "9", "4.1", "cpu"] in page.rows
    assert any(cells[0] == "PVDM-L" and cells[3:5] == ["20.4", "5.22"] for cells in page.rows)


def test_all_plots_are_drawn(page):
    titles = ("FVD of 16 frames against steps", "FVD of 16 frames against time", "PSNR of each frame")
    for title in (*titles, "Sharpness along the video", "Coherence along the video", "Flicker along the video"):
        assert title in page.said
    charts = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    assert len(charts) == 6
    assert sum("real" in label for label in charts) == 3
    assert f"Not shown: {WHY}" in page.said  # FVD of 128 frames


def test_the_wall_has_every_video_by_kind_class_and_setting(page):
    clips = [attributes for tag, attributes in page.elements if attributes.get("class") == "clip"]
    lanes = [attributes["data-group"] for _, attributes in page.elements if attributes.get("class") == "lane"]
    assert Counter(clip["data-kind"] for clip in clips) == {"real": 3, "generated": 3, "extended": 1}
    assert {clip["data-class"] for clip in clips} == {"Archery", "Biking", "Bowling"}
    assert lanes == [
        "Real · 16 frames",
        "Generated · 400/400, ddim · 16 frames",
        "Extended · 400/400, ddim · 40 frames",
    ]


def test_the_page_needs_no_other_file_and_asks_no_host(page):
    allowed = ("data:", "#")
    for tag, attributes in page.elements:
        for name in ("src", "poster", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, name)
        if "href" in attributes and tag != "a":
            assert attributes["href"].startswith(allowed)
    for style in (STYLE, TEMPLATES / "page.css"):
        assert not re.search(r"url\(|@import", style.read_text(encoding="utf-8"))
    policy = next(attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes)
    assert "default-src 'none'" in policy


def test_pictures_videos_and_tables_are_told_in_words(page):
    for tag, attributes in page.elements:
        if tag == "img":
            assert attributes["alt"]
        if tag in ("svg", "dialog") or attributes.get("class") == "scroll":
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
    assert page.count()["caption"] == page.count()["table"]
    labels = [attributes.get("aria-label", "") for tag, attributes in page.elements if tag == "button"]
    assert sum(label.startswith("Enlarge: ") for label in labels) == 7


def evil(value: Any) -> Any:
    """Every text below, but those that choose what is shown, is one of somebody who means harm."""
    if isinstance(value, dict):
        return {EVIL if key == "torch" else key: evil(item) for key, item in value.items()}
    if isinstance(value, list):
        return [evil(item) for item in value]
    return EVIL if isinstance(value, str) else value


def test_texts_of_others_are_never_markup(tmp_path):
    content = small_results(remark="a remark")
    kept = ("format", "figures", "videos", "nearest")
    changed = {name: value if name in kept else evil(value) for name, value in content.items()}
    changed["figures"] = [{**evil(entry), "id": entry["id"], "better": entry["better"]} for entry in content["figures"]]
    changed["videos"] = [{**evil(entry), "file": entry["file"]} for entry in content["videos"]]
    changed["nearest"] = [{**evil(entry), "picture": entry["picture"]} for entry in content["nearest"]]
    page = report(tmp_path, changed)
    assert page.count()["script"] == 1
    assert page.count()["img"] == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.said.count("onerror=alert(1)") > 20


def test_files_that_are_gone_or_no_videos_are_named_and_the_rest_is_shown(tmp_path):
    folder = write_benchmark(tmp_path)
    (folder / "videos" / "real_16_000.mp4").unlink()
    (folder / "videos" / "real_16_001.mp4").write_bytes(b"no video")
    (folder / "nearest" / "000.jpg").write_bytes(b"no picture")
    page = Page(write_report(folder).read_text())
    assert "videos/real_16_000.mp4 : the file is not there" in page.said
    assert "videos/real_16_001.mp4 :" in page.said
    assert "nearest/000.jpg : it is no picture" in page.said
    assert page.count()["video"] == 5 + 3  # and those of the two dialogs


def test_a_share_of_copies_stands_beside_that_of_held_out_clips_or_says_why_not(tmp_path):
    share = figure("copied_share", 1.0, protocol="nearest/16f", note="read it beside <others>")
    page = report(tmp_path, small_results(figures=[share, {**share, "real": 0.83, "note": None}]))
    assert "read it beside <others>" in page.said and "0.83" in page.said


def test_a_report_without_any_video_is_written(tmp_path):
    page = report(tmp_path, small_results(videos=[], nearest=[], figures=[], speed=[], curves={}, largest_batch=[]))
    for words in (
        "There is no video to show",
        "Sampling was not timed",
        "No other figure was measured",
        "no pictures of the nearest training clips",
    ):
        assert words in page.said


@pytest.mark.parametrize("name", ["../secret.mp4", "/etc/passwd", "videos/../../secret.mp4", "results.json"])
def test_no_file_outside_the_folder_and_no_other_kind_is_carried(tmp_path, name):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "results.json").write_text(
        json.dumps(small_results(videos=[video("real", 0, 16) | {"file": name}], nearest=[]))
    )
    page = Page(write_report(folder).read_text())
    assert re.search(rf"{re.escape(name)} : (it lies outside|only .mp4, .webm can be shown)", page.said)
    assert page.count()["video"] == 3


def damaged(**changes: Any) -> str:
    return json.dumps(small_results(**changes))


@pytest.mark.parametrize(
    "content, message",
    [
        (None, r"results.json does not exist; give the folder that pvdm benchmark has written"),
        ("{", r"results.json cannot be read as JSON \(.*\); run pvdm benchmark again"),
        ("[" * 100000, r"results.json cannot be read as JSON \(.*\); run pvdm benchmark again"),
        ("[]", r"results.json is not a result of pvdm benchmark; give the folder that one has written"),
        ('{"format": "pvdm-evaluation"}', r"results.json is not a result of pvdm benchmark; give the folder"),
        (damaged(figures=3), r"results.json is damaged \('int' object is not iterable\); run pvdm benchmark again"),
        (
            damaged(figures=[{"name": "x"}]),
            r"results.json is damaged \(.*missing 1 required positional argument: 'id'\)",
        ),
        (
            damaged(speed=[{"frames": math.inf}]),
            r"results.json is damaged \(.*missing 1 required positional argument: 'frames'\)",
        ),
        (damaged(curves=[]), None),
        (damaged(model="x"), r"results.json is damaged \(model is .x.\)"),
        (
            '{"format": "pvdm-benchmark"}',
            r"results.json is damaged \(.*missing 1 required positional argument: 'dataset'\)",
        ),
    ],
)
def test_what_is_no_result_is_refused_and_the_page_is_kept(tmp_path, content, message):
    (tmp_path / "index.html").write_text("before")
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    if message is None:
        write_report(tmp_path)
        return
    with pytest.raises(InputError, match=message) as error:
        write_report(tmp_path)
    assert "\n" not in str(error.value)
    assert (tmp_path / "index.html").read_text() == "before"
    assert not list(tmp_path.glob(".*"))


def test_values_that_are_not_finite_are_missing(tmp_path):
    page = report(tmp_path, small_results(figures=[figure("fvd16", float("nan"), setting="8/4")]))
    assert "No FVD16: no reason was recorded (8/4)" in page.said


@pytest.mark.parametrize(
    "date, expected",
    [("2026-11-22T11:10:09+00:00", "2026-11-22, 11:10 UTC"), ("2026-11-22", "2026-11-22"), ("<today>", "<today>")],
)
def test_the_date_is_written_for_people(tmp_path, date, expected):
    assert f"Benchmark of {expected}" in report(tmp_path, small_results(date=date, videos=[], nearest=[])).said


def test_settings_keep_the_order_of_the_results(tmp_path):
    kinds = [("generated", "8/4"), ("generated", "4/4"), ("real", None)]
    videos = [video(kind, number, 16, setting=setting, label="A") for number, (kind, setting) in enumerate(kinds)]
    videos.append(video("odd", 0, 16))
    page = report(tmp_path, small_results(videos=videos))
    lanes = [attributes["data-group"] for _, attributes in page.elements if attributes.get("class") == "lane"]
    assert lanes == [
        "Real · 16 frames",
        "Generated · 8/4 · 16 frames",
        "Generated · 4/4 · 16 frames",
        "odd · 16 frames",
    ]


@pytest.mark.parametrize(
    "value, expected",
    [
        (343.6, "343.6"),
        (2880.6, "2881"),
        (0.859, "0.859"),
        (27.34, "27.34"),
        (0, "0"),
        (400.0, "400"),
        (-3.25, "-3.25"),
    ],
)
def test_numbers_have_four_digits(value, expected):
    assert decimal(value) == expected
    assert decimal(2880.6, 5) == "2880.6"
    assert decimal(1.2e-7) == "1.200e-07"


def test_only_web_addresses_become_links():
    macros = environment().get_template("macros.html").module
    assert macros.link("a", "javascript:alert(1)").strip() == "a"
    link = '<a href="https://x.y/&#34;" rel="noopener noreferrer">&lt;a&gt;</a>'
    assert macros.link("<a>", 'https://x.y/"').strip() == link
    assert macros.quiet("<'\">") == '<span class="quiet">&lt;&#39;&#34;&gt;</span>'
