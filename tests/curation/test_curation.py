"""The whole way from a heap of raw video to a catalogue, whatever runs it and however often it is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from raw_heap import heap, shot, spans, write

from pvdm.cli import main
from pvdm.curation.curation import Curated, scores_of
from pvdm.curation.curation import curate as curate_files
from pvdm.curation.curation_plan import Plan
from pvdm.curation.engines.task import Task, perform
from pvdm.curation.folder.catalogue_folder import write_catalogue
from pvdm.curation.steps.captioning import CaptionStep
from pvdm.data.catalogue.clip_table import read_clips

STEPS = "cuts,motion,quality,duplicates"
WITHOUT_TRANSNET = (
    "import sys, pvdm.commands.curate as c; c.TRANSNET = 'absent'; from pvdm.cli import main; sys.exit(main())"
)


class InThisProcess:
    """An engine for steps that a test changes."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | None]]:
        for task in tasks:
            yield task, perform(task)

    def close(self) -> None: ...


def curate(raw: Path, output: Path, *options: str, steps: str = STEPS) -> int:
    return main(["curate", str(raw), "--output", str(output), "--steps", steps, "--workers", "2", *options])


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def rows_of(catalogue: Path) -> list[dict]:
    return read_clips(catalogue).table.to_pylist()


@pytest.fixture(scope="module", autouse=True)
def without_transnet() -> Iterator[None]:
    """Worker processes need not import PyTorch; `test_cuts` asks the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pvdm.commands.curate.TRANSNET", "absent")
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return heap(tmp_path_factory.mktemp("heap") / "raw")


@pytest.fixture(scope="module")
def catalogue(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("made") / "catalogue"
    assert curate(raw, output) == 0
    return output


def test_clips_lie_between_cuts_and_sources_are_untouched(raw, catalogue):
    rows = rows_of(catalogue)
    assert spans(rows, "joined.mp4") == [(0, 47), (48, 95), (96, 143)]
    (first, second) = spans(rows, "below/mixed.mp4")
    assert first[0] == 0 and 34 <= first[1] <= 40 and 44 <= second[0] <= 50 and second[1] == 85
    assert spans(rows, "still.mp4") == [(0, 35)] and spans(rows, "one.mp4") == [(0, 0)]
    assert sorted(path.name for path in raw.iterdir()) == sorted(path.name for path in heap(raw.parent / "x").iterdir())


def test_scores_and_times_are_those_of_the_clip(catalogue):
    rows = {(row["file"], row["first_frame"]): row for row in rows_of(catalogue)}
    still, moving = rows["still.mp4", 0], rows["joined.mp4", 48]
    assert still["static"] > 0.95 and still["motion"] < 0.1 and still["kind"] == "still"
    assert moving["static"] == 0 and moving["motion"] > 1 and moving["kind"] == "photo"
    assert (moving["start_seconds"], moving["end_seconds"], moving["fps"]) == pytest.approx((4, 8, 12))
    assert (moving["height"], moving["width"], moving["cuts"]) == (96, 128, 0)
    assert 0 < moving["brightness"] < 1 and moving["file_frames"] == 144


def test_copies_name_what_is_kept(catalogue):
    rows = rows_of(catalogue)
    by_place = {(row["file"], row["first_frame"]): row for row in rows}
    pairs = {by_place["copy.mp4", 0]["id"], by_place["joined.mp4", 48]["id"]}
    pair = [row for row in rows if row["id"] in pairs]
    assert sorted(row["duplicate_of"] is None for row in pair) == [False, True]
    assert next(row["duplicate_of"] for row in pair if row["duplicate_of"]) in pairs
    mirrored = [by_place["mirrored.mp4", 0], by_place["joined.mp4", 96]]
    assert sorted(row["duplicate_of"] is None for row in mirrored) == [False, True]
    assert sum(row["duplicate_of"] is not None for row in rows) == 2


def test_files_that_cannot_be_used_are_listed_with_the_cause(catalogue):
    bad = {row["file"]: row for row in rows_of(catalogue) if row["error"]}
    assert {"empty.mp4", "text.mkv", "cut_off.mp4"} == set(bad)
    assert all(row["first_frame"] is None and row["file"] in row["error"] for row in bad.values())
    card = (catalogue / "README.md").read_text()
    assert "3 clips or files cannot be used" in card and (catalogue / "report.html").is_file()


def test_any_number_of_workers_and_shards_give_the_same(raw, catalogue, tmp_path):
    for number, workers in ((2, 1), (1, 3), (3, 2)):
        assert curate(raw, tmp_path / "shards", "--shard", f"{number}/3", "--workers", str(workers)) == 0
    assert not (tmp_path / "shards" / "clips.parquet").exists()
    assert curate(raw, tmp_path / "shards", "--workers", "1") == 0
    assert read_clips(tmp_path / "shards").table.equals(read_clips(catalogue).table)


def test_only_new_files_are_computed(raw, catalogue, tmp_path, monkeypatch):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("joined.mp4", "still.mp4"):
        (folder / name).symlink_to(raw / name)
    assert curate(folder, tmp_path / "made") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made" / "ledger").rglob("*.npz")}
    write(folder / "new.mp4", shot(9, 20))
    assert curate(folder, tmp_path / "made") == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert spans(rows_of(tmp_path / "made"), "new.mp4") == [(0, 19)]


def test_a_run_that_is_killed_resumes_to_the_same(raw, catalogue, tmp_path):
    output = tmp_path / "catalogue"
    command = [sys.executable, "-c", WITHOUT_TRANSNET, "curate", str(raw), "--output", str(output)]
    killed = subprocess.Popen([*command, "--steps", STEPS, "--workers", "1"], stderr=subprocess.DEVNULL)
    deadline = time.time() + 90
    while not list(output.glob("ledger/scans/*/*/*.npz")):
        assert time.time() < deadline and killed.poll() is None
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (output / "clips.parquet").exists()
    assert curate(raw, output) == 0
    made, expected = ({p.relative_to(f): p.read_bytes() for p in files_of(f)} for f in (output, catalogue))
    report = Path("report.html")  # which names its folder
    made[report] = made[report].replace(str(output).encode(), str(catalogue).encode())
    assert made == expected


def test_captions_of_copies_are_those_beside_each_and_edits_are_read(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("pvdm.curation.steps.captioning.CaptionStep._told", lambda *_: [("a sea", "image")])
    folder = tmp_path / "raw"
    for name, text in (("a", "one"), ("b", "two"), ("c", None)):
        (folder / name).mkdir(parents=True)
        shutil.copy(raw / "one.mp4", folder / name / "x.mp4")
        if text:
            (folder / name / "x.txt").write_text(text)

    def captions() -> list[list[str]]:
        plan = Plan(folder, tmp_path / "made", ("motion",), (CaptionStep(),))
        curated = curate_files(plan, InThisProcess(), progress=False)
        return [row["captions"] for file, clips in curated.files for row, _ in scores_of(plan, file, clips)]

    assert captions() == [["one", "a sea"], ["two", "a sea"], ["a sea"]]
    (folder / "b" / "x.txt").write_text("three")
    assert captions() == [["one", "a sea"], ["three", "a sea"], ["a sea"]]


def test_a_name_that_is_no_text_is_listed_and_the_rest_goes_on(raw, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "still.mp4").symlink_to(raw / "still.mp4")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4")).symlink_to(raw / "one.mp4")
    assert curate(folder, tmp_path / "made", steps="motion") == 0
    assert {row["file"]: row["error"] for row in rows_of(tmp_path / "made")} == {
        "caf\\udce9.mp4": "its name is not in UTF-8, rename it",
        "still.mp4": None,
    }


def test_clips_of_another_catalogue_are_duplicates(raw, catalogue, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "again.mp4").symlink_to(raw / "joined.mp4")
    assert curate(folder, tmp_path / "made", "--against", str(catalogue)) == 0
    assert [row["duplicate_of"].startswith("catalogue/") for row in rows_of(tmp_path / "made")] == [True] * 3


def test_files_that_the_latest_run_does_not_make_are_deleted(tmp_path):
    nothing = Curated([], {"a.mp4": "it holds no frame"})
    write_catalogue(Plan(tmp_path, tmp_path / "made", ("duplicates",)), nothing)
    for name in (".clips.123.parquet", "ledger/clips/ab/.abc.123.npz"):  # of a run that was killed
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).touch()
    assert (tmp_path / "made" / "hashes.parquet").exists()
    write_catalogue(Plan(tmp_path, tmp_path / "made", ("motion",)), nothing)
    files = {path.name for path in files_of(tmp_path / "made")}
    assert files == {"clips.parquet", "README.md", "report.html"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "cuts,motoin"], "--steps is cuts,motoin; give some of cuts, motion, quality, duplicates"),
        (["--steps", "motoin"], "(did you mean motion?)"),
        (["--steps", ","], "--steps is ,; give some of"),
        (["--shard", "4/3"], "--shard is 4/3; number them from 1, as in 2/8"),
        (["--shard", "a"], "--shard is a; give its number and their count, as in 2/8"),
        (["--ray-address", "x:1"], "the engine is local; add --engine ray"),
        (["--against", "none"], "none has no hashes of clips (there are none)"),
    ],
)
def test_bad_options_are_one_sentence(raw, tmp_path, caplog, options, message):
    assert main(["curate", str(raw), "--output", str(tmp_path / "made"), *options]) == 2
    assert message in caplog.text


def test_the_folder_may_have_the_name_of_the_usual_part(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    assert main(["curate", "raw", "--output", "made"]) == 2
    assert "the folder raw does not exist" in caplog.text


def test_folders_that_are_something_else_are_refused(raw, tmp_path, caplog):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").write_bytes(b"")
    assert curate(raw, tmp_path / "other") == 2
    assert "other exists and is no catalogue; choose another name" in caplog.text
    assert curate(tmp_path / "absent", tmp_path / "made") == 2
    (tmp_path / "nothing").mkdir()
    assert curate(tmp_path / "nothing", tmp_path / "made") == 2
    assert "holds no videos" in caplog.text and not (tmp_path / "made").exists()
