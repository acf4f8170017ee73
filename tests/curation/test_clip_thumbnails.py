"""Which clips a report shows, and the files of their pictures."""

from __future__ import annotations

import numpy as np
import pytest
from curation.small_catalogue import Plain, catalogue
from PIL import Image

from pvdm.curation.report.clip_thumbnails import clips_to_show, write_thumbnails
from pvdm.curation.report.report_columns import numbers, scores_of, usable
from pvdm.curation.report.score_scales import ABSENT
from pvdm.errors import InputError


def test_clips_are_chosen_across_the_range_of_every_score(tmp_path):
    table = usable(catalogue(tmp_path, 3000).table)
    shown = clips_to_show(table, 120)
    assert len(shown) == len(set(shown["id"].to_pylist())) == 120
    for score in scores_of(table)[0]:
        of_all, levels = (np.unique(score.scale.levels(numbers(part, score.name))) for part in (table, shown))
        widest = max(np.diff(of_all[of_all < ABSENT]).max(), 0.4 * len(score.scale.edges))
        assert np.diff(levels[levels < ABSENT]).max() <= widest, score.name
        assert {levels[0], levels[levels < ABSENT][-1]} == {of_all[0], of_all[of_all < ABSENT][-1]}, score.name
    assert shown.equals(clips_to_show(table, 120))


def test_pictures_are_written_once_and_those_of_other_clips_removed(tmp_path):
    table, folder = catalogue(tmp_path, 40).table, tmp_path / "thumbnails"
    opened = []

    def frames(row):
        opened.append(row["id"])
        return Plain(row)

    found = write_thumbnails(table, folder, frames, most=10)
    assert len(found) == len(opened) == 10 and all(path.is_file() for path in found.values())
    with Image.open(found[opened[0]]) as picture:
        assert picture.format == "JPEG" and min(picture.size) == 160
    foreign, killed, copy = (folder / name for name in ("a.jpg", f".{'0' * 16}_1-2.77.jpg", f"{'0' * 16}_1-2@3.jpg"))
    for path in (foreign, killed, copy):
        path.write_bytes(b"x")
    fewer = write_thumbnails(table, folder, frames, most=4)
    assert set(fewer) <= set(table["id"].to_pylist()) and foreign.is_file() and not killed.exists()
    assert {path.name for path in folder.iterdir()} == {foreign.name, *(path.name for path in fewer.values())}
    assert len(opened) == 10 + len(set(fewer) - set(found))


def test_a_clip_that_cannot_be_read_has_no_picture(tmp_path, caplog):
    table = catalogue(tmp_path, 5).table
    first = table["id"][0].as_py()

    def frames(row):
        if row["id"] == first:
            raise InputError("the file is gone")
        return Plain(row)

    assert set(write_thumbnails(table, tmp_path / "t", frames)) == set(table["id"].to_pylist()) - {first, None}
    assert "the file is gone" in caplog.text


def test_a_full_disk_is_said(tmp_path):
    (tmp_path / "t").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        write_thumbnails(catalogue(tmp_path, 5).table, tmp_path / "t", Plain)
