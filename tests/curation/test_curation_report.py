"""The report of a catalogue without a browser: it asks no host, says what failed, and survives any table."""

from __future__ import annotations

import html
import re

import numpy as np
import pyarrow as pa
import pytest
from curation.small_catalogue import METADATA, Plain, catalogue, clip

from pvdm.curation.report import report_data
from pvdm.curation.report.clip_thumbnails import write_thumbnails
from pvdm.curation.report.curation_report import TEMPLATES, write_report
from pvdm.curation.report.report_columns import categories_of, numbers, scores_of, usable
from pvdm.curation.report.report_data import script_data
from pvdm.data.catalogue.clip_table import ClipTable, table_of
from pvdm.data.catalogue.where import passing


def test_the_page_carries_everything_and_names_what_failed(tmp_path):
    clips = catalogue(tmp_path, 60)
    thumbnails = write_thumbnails(clips.table, tmp_path / "thumbnails", Plain, most=20)
    page = write_report(clips, tmp_path, thumbnails).read_text()
    assert not re.search(r'(src|href)="(?!data:|#)|https?:|@import|url\(', page)
    assert "default-src 'none'" in html.unescape(page) and page.count("data:image/jpeg") == 20
    assert "broken &lt;1&gt;.mp4" in page and "the file is empty; copy it again" in page
    assert "Shaking (not measured)" in page and "Frame rate (25 for all clips)" in page


@pytest.mark.parametrize("rows", [[], [{"file": "a.mp4", "error": "empty"}], [clip(0, np.random.default_rng(0))]])
def test_catalogues_of_nothing_and_of_one_clip(tmp_path, rows):
    clips = ClipTable(table_of(rows), METADATA, tmp_path / "clips.parquet")
    thumbnails = write_thumbnails(clips.table, tmp_path / "thumbnails", Plain)
    page = write_report(clips, tmp_path, thumbnails).read_text()
    assert ("No clip was found" in page) == (len(thumbnails) == 0)


def test_each_choice_of_a_category_is_what_its_expression_selects(tmp_path):
    table = usable(catalogue(tmp_path, 300).table)
    categories = categories_of(table)
    assert {category.name for category in categories} == {"cuts", "kind", "duplicate_of", "variable_rate"}
    for category in categories:
        for place, choice in enumerate(category.choices):
            assert passing(choice.expression, table).to_pylist() == (category.codes == place).tolist(), choice
    assert [choice.kept for choice in categories[0].choices] == [True, False]


def test_each_threshold_is_what_its_expression_selects(tmp_path):
    table = usable(catalogue(tmp_path, 300).table)
    scores, left_out = scores_of(table)
    assert [score.name for score in scores][:2] == ["motion", "text_area"] and scores[-1].name == "beauty"
    assert "fps" in left_out and "frozen" in left_out
    for score in scores:
        levels = score.scale.levels(score.values)
        for place, label in enumerate(score.scale.labels):
            reached = passing(f"{score.name} >= {label}", table).to_numpy(zero_copy_only=False)
            assert np.array_equal(reached, (levels > place) & (levels < 255)), (score.name, label)


def test_of_very_many_clips_the_page_has_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(report_data, "MOST_CLIPS", 100)
    clips = catalogue(tmp_path, 300)
    thumbnails = write_thumbnails(clips.table, tmp_path / "thumbnails", Plain, most=30)
    data = script_data(clips.table, thumbnails, "pvdm select x")
    assert 100 <= data["clips"] <= 130 and data["of"] == 300
    rows = [shown["row"] for shown in data["thumbnails"]]
    assert len(set(rows)) == 30 and max(rows) < data["clips"]
    assert "a sample of" in write_report(clips, tmp_path, thumbnails).read_text()


def test_columns_of_user_steps_and_odd_values_are_shown(tmp_path):
    rows = [{**clip(i, np.random.default_rng(i)), "</script>": i / 7, "mood": "a" if i % 2 else "b"} for i in range(9)]
    rows = [{**row, "hash": 2**62 + 2**40 * i + 1} for i, row in enumerate(rows)]
    table = table_of(rows)
    table = table.append_column("odd", pa.array([float("nan"), float("inf"), None, *range(6)], pa.float32()))
    clips = ClipTable(table, METADATA, tmp_path / "clips.parquet")
    assert np.isinf(numbers(table, "odd")).sum() == 1
    data = script_data(table, {}, "pvdm select x")
    assert {"odd", "hash"} < {score["name"] for score in data["scores"]}
    assert "mood" in {category["name"] for category in data["categories"]}
    page = write_report(clips, tmp_path, {}).read_text()
    assert "&lt;/script&gt; (its name cannot stand in an expression)" in page


def test_templates_name_no_host():
    for path in TEMPLATES.iterdir():
        assert not re.search(r"https?:|url\(|@import", path.read_text(encoding="utf-8")), path
