"""`pvdm select`: what it writes, what it tells, and that training, encoding, evaluation and reports read it."""

import json
import logging

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from data.catalogue.small_catalogues import write_catalogue
from training.miniature import AUTOENCODER, arguments

from pvdm.cli import main
from pvdm.data.catalogue.clip_table import CLIPS, read_clips
from pvdm.data.latents.latent_folder import open_latents
from pvdm.evaluation.clips.protocol_clips import is_model, source_of
from pvdm.evaluation.clips.video_clips import VideoClips
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.generation import VideoGenerator

SPANS = {
    "a.mp4": [(0, 14, {"motion": 1.5}), (15, 39, {"motion": 0.5}), (43, 59, {"motion": 0.1})],
    "b.mp4": [(5, 24, {"motion": 2.0}), (25, 30, {"motion": 2.0}), (31, 39, {"motion": 9.0, "cuts": 1})],
    "c.mp4": [(10, 59, {"motion": 1.0})],
    "broken.mp4": [],
}


@pytest.fixture
def root(make_video, tmp_path):
    for name, frames in (("a", 60), ("b", 40), ("c", 60)):
        make_video(f"videos/{name}.mp4", frames, 16, 16, g="12")
    return tmp_path / "videos"


@pytest.fixture
def catalogue(root, tmp_path):
    return write_catalogue(tmp_path / "catalogue", root, SPANS)


@pytest.fixture
def select(catalogue, tmp_path, capsys):
    """`select("--where", ...)` -> the table of the selection and what was told, spaces between columns made one."""

    def run(*options: object):
        path = tmp_path / "selection.parquet"
        assert main(["select", str(catalogue), "--output", str(path), *map(str, options)]) == 0
        return read_clips(path), [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    return run


def spans_of(clips) -> list[tuple[str, int]]:
    rows = clips.table.to_pylist()
    return [(row["file"], row["first_frame"]) for row in rows]


def test_an_expression_selects_and_each_condition_is_told(select, catalogue, root):
    before = (catalogue / CLIPS).read_bytes()
    clips, told = select("--where", "cuts == 0 and motion > 0.3 and frames >= 16")
    assert spans_of(clips) == [("a.mp4", 15), ("b.mp4", 5), ("c.mp4", 10)]
    assert clips.root == root and (catalogue / CLIPS).read_bytes() == before
    assert told == [
        "condition removes hours leaves hours reason",
        "all 8 0.002 clips, and files that cannot be used",
        "not error 1 0.000 7 0.002 the file can be decoded",
        "cuts == 0 1 0.000 6 0.001 asked for (--where)",
        "motion > 0.3 1 0.000 5 0.001 asked for (--where)",
        "frames >= 16 2 0.000 3 0.001 asked for (--where)",
        "where: not error and cuts == 0 and motion > 0.3 and frames >= 16",
    ]


def test_the_expression_is_in_the_metadata(select, tmp_path):
    select("--where", "motion > 0.3 and kind is None")
    metadata = json.loads(pq.read_schema(tmp_path / "selection.parquet").metadata[b"pvdm"])
    where = "not error and motion > 0.3 and kind is None"
    assert metadata["selection"] == {"where": where, "preset": None, "of": 8, "kept": 6}
    assert metadata["steps"] == {"cuts": {}, "duplicates": {}} and metadata["format"] == "pvdm-catalogue"


def test_without_an_expression_the_default_is_explained(select):
    clips, told = select()
    assert len(clips) == 4 and told[0] == "preset default: pvdm"
    assert (
        "not duplicate_of 0 0.000 4 0.001 each clip counts once, and none is in training and validation alike" in told
    )
    assert len(select("--overwrite", "--frames", 20)[0]) == 3


def test_a_preset_says_what_it_fixes_and_what_cannot_be_applied(select):
    _, told = select("--preset", "svd")
    assert told[0].startswith("preset svd: Stable Video Diffusion") and told[1].startswith("fixes: at most 7%")
    assert any(line.startswith("leaves open: ") for line in told)
    assert "not applied: text_area <= 0.07 (no clip has text_area)" in told
    assert "not error 1 0.000 7 0.002 the file can be decoded" in told
    share = "25% with the lowest motion out: near-still clips teach a model to stand still"
    assert f"motion >= 0.5 1 0.000 3 0.001 {share}" in told


def test_an_existing_selection_is_kept_unless_it_is_to_go(select, catalogue, tmp_path, refusal):
    path = tmp_path / "selection.parquet"
    select()
    before = path.read_bytes()
    assert "exists already" in refusal("select", catalogue, "--output", path, "--where", "motion > 1")
    assert path.read_bytes() == before
    assert len(select("--where", "motion > 1", "--overwrite")[0]) == 4


def test_videos_that_have_moved(select, catalogue, root, tmp_path, refusal):
    root.rename(tmp_path / "moved")
    assert "does not exist; say where they are now: --root" in refusal("select", catalogue, "--output", "s.parquet")
    clips, _ = select("--root", tmp_path / "moved")
    assert clips.root == tmp_path / "moved"
    assert main(["inspect", str(clips.path), "--frames", "4", "--size", "16x16"]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--where", "motoin > 1"), "the catalogue has no column motoin; did you mean motion?"),
        (("--where", "motion > 'a'"), "cannot be compared"),
        (("--where", "motion >"), "'motion >' is no expression"),
        (("--where", "os.remove('a')"), "cannot be part of an expression"),
        (("--where", "text_area < 1"), "text_area < 1 removes the last 7"),
        (("--where", "motion > 1 and motion < 1"), "motion < 1 removes the last 4"),
        (("--output", "selection.csv"), "selection.csv is no name of a selection; give one that ends in .parquet"),
        (("--preset", "sdv"), "sdv"),
        (("--frames", "0"), "0"),
        (("--root", "nowhere"), "the folder nowhere of the videos does not exist"),
    ],
)
def test_what_cannot_be_selected_is_refused_and_writes_nothing(catalogue, tmp_path, refusal, options, words):
    path = tmp_path / "new.parquet"
    assert words in refusal("select", catalogue, "--output", path, *options)
    assert not path.exists()


def test_a_catalogue_is_not_overwritten_by_its_selection(catalogue, refusal):
    path = catalogue / CLIPS
    assert "is an input and would be overwritten" in refusal("select", catalogue, "--output", path, "--overwrite")


def test_a_file_of_something_else_is_refused(tmp_path, refusal):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 it is not PAR1")
    for path, words in ((tmp_path / "a.parquet", "cannot be read as a catalogue"), (tmp_path, "there is no catalogue")):
        assert words in refusal("select", path, "--output", tmp_path / "s.parquet")


def test_inspect_reports_the_clips(select, tmp_path, capsys):
    clips, _ = select("--where", "frames > 6 and cuts == 0")
    options = ("--frames", 4, "--size", "16x16", "--json", "--all-frames", "--output", tmp_path / "report")
    assert main(["inspect", *map(str, (clips.path, *options))]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["layout"] == "catalogue" and report["training"].startswith("would begin")
    parts = report["parts"].values()
    assert (
        sum(part["videos"] for part in parts) == 5 and sum(part["frames"] for part in parts) == 15 + 25 + 17 + 20 + 50
    )
    assert report["selection"]["where"] == "not error and frames > 6 and cuts == 0" and report["notes"] == []
    assert (tmp_path / "report" / "contact_sheet.jpg").is_file()
    assert main(["inspect", str(clips.path), *map(str, options[:4])]) == 0
    assert "selection: 5 of 8 clips, not error and frames > 6 and cuts == 0" in capsys.readouterr().out


def test_evaluation_takes_clips_within_their_spans(select, frame_numbers):
    clips, _ = select("--where", "frames > 6 and cuts == 0")
    videos = VideoSet.find(clips.path, layout="catalogue")
    assert [videos.name(video) for video in videos.videos] == [
        "a.mp4:0-14",
        "a.mp4:15-39",
        "a.mp4:43-59",
        "b.mp4:5-24",
        "c.mp4:10-59",
    ]
    for start in ("first", "middle", "random"):
        source = VideoClips(videos, frames=8, start=start, num=10, several=True)
        for clip, number in zip(source.read(range(len(source))), source.numbers, strict=True):
            info = videos.videos[number].info
            numbers = frame_numbers(clip.video.permute(1, 2, 3, 0).numpy())
            assert np.diff(numbers).tolist() == [1] * 7
            assert info.first_frame <= numbers[0] and numbers[-1] < info.first_frame + info.frames


def test_evaluation_recognizes_a_selection(select):
    clips, _ = select("--where", "frames > 16 and cuts == 0")
    assert not is_model(clips.path) and not is_model("absent/selection.parquet")
    source = source_of(clips.path, PROTOCOLS["coherence/16f"], role="real", num=4)(0)
    described = source.describe()
    assert (described["layout"], described["videos"], described["path"]) == ("catalogue", 4, str(clips.root))


def test_training_and_encoding_read_it_and_the_card_tells(select, tmp_path, monkeypatch, caplog, frame_numbers):
    """Stage 1 trains on a selection; its latents are encoded; both keep the expression for the model's card."""

    def refuse(path):
        raise AssertionError(f"{path} is opened to index it")

    clips, _ = select("--where", "cuts == 0 and motion > 0.3")
    monkeypatch.setattr("pvdm.data.index.probe", refuse)
    where = "not error and cuts == 0 and motion > 0.3"
    options = {"data__layout": "catalogue", "trainer__max_steps": 1}
    assert main([*map(str, arguments("fit", "autoencoder", tmp_path / "run", clips.path, **options))]) == 0
    checkpoint = next((tmp_path / "run").rglob("last.ckpt"))
    assert main(["export", str(checkpoint), "--output", str(tmp_path / "model")]) == 0
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "selection: where" in card and r"motion \> 0.3" in card and "selection: kept" in card
    assert VideoGenerator.load(tmp_path / "model").data["selection"]["where"] == where
    torch.manual_seed(0)
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "first")
    options = {**options, "model__autoencoder": tmp_path / "first"}
    stage_2 = arguments("encode", "diffusion", tmp_path / "run2", clips.path, **options)
    with caplog.at_level(logging.INFO):
        assert main([*map(str, stage_2), "--output", str(tmp_path / "latents")]) == 0
    plan = open_latents(tmp_path / "latents")
    found = {(video.path.as_posix(), video.info.first_frame): video.info.frames for video in plan.videos}
    wanted = {
        (row["file"], row["first_frame"]): row["last_frame"] - row["first_frame"] + 1 for row in clips.table.to_pylist()
    }
    assert found == {key: frames for key, frames in wanted.items() if frames >= plan.clip.span(plan.videos[0].info)}
    assert plan.data["selection"]["where"] == where
