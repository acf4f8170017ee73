"""`pvdm study`: from folders and models to a study, its result, and what is refused."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pvdm.cli import main
from pvdm.commands import study
from pvdm.commands.studies import study_sources
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.preferences.study_store import StudyStore
from pvdm.video import probe, read_video, write_video


@pytest.fixture
def served(monkeypatch) -> list[Path]:
    """The studies that would have been served."""
    folders: list[Path] = []
    monkeypatch.setattr(study, "serve", lambda folder, **options: folders.append(folder))
    return folders


@pytest.fixture
def source(tmp_path) -> Callable[..., Path]:
    """`source("a", {"one": 100, ...})` -> a folder of videos of these gray levels."""

    def make(
        name: str, levels: dict[str, int], frames: int = 8, size: tuple[int, int] = (16, 16), fps: int = 8
    ) -> Path:
        for stem, level in levels.items():
            clip = torch.full((3, frames, *size), level, dtype=torch.uint8)
            write_video(tmp_path / name / f"{stem}.mp4", clip, fps=fps)
        return tmp_path / name

    return make


def make_study(*arguments: object) -> StudyStore:
    assert main(["study", *map(str, arguments)]) == 0
    return StudyStore(Path(arguments[arguments.index("--output") + 1]))


def levels(store: StudyStore) -> list[tuple[int, int]]:
    """The gray levels of the pairs that are no checks, by sample."""
    videos, pairs = store.path.parent / "videos", [pair for pair in store.pairs.values() if not pair.is_check]
    means = [[read_video(videos / f"{pair.sample:04d}-{i}.mp4").float().mean() for i in (0, 1)] for pair in pairs]
    return [(round(float(one), -1), round(float(other), -1)) for one, other in means]


def test_videos_of_one_name_meet_cut_to_the_shorter_and_of_one_size(source, served, tmp_path, caplog):
    a = source("a", {"x": 40, "y": 80, "z": 160})
    b = source("b", {"y": 90, "x": 50, "other": 250}, frames=20, size=(32, 24), fps=16)
    with make_study(a, b, "--output", tmp_path / "s", "--seconds", 0.75) as store:
        assert levels(store) == [(40, 50), (80, 90)] and store.settings.size == (16, 16)
        infos = [probe(tmp_path / "s" / "videos" / f"0000-{i}.mp4") for i in (0, 1)]
        assert [(info.frames, info.fps, info.height) for info in infos] == [(6, 8, 16), (12, 16, 16)]
        assert store.settings.sources == ("a", "b") and list(store.settings.questions) == ["quality", "motion"]
    assert "paired by name, 2 of each source; 2 videos have no partner and are left out" in caplog.text
    assert "videos have 2 sizes; all are shown at 16x16, see --size" in caplog.text
    assert served == [tmp_path / "s"]


def test_videos_without_common_names_meet_in_order(source, served, tmp_path, caplog):
    a, b = source("a", {"1": 40, "2": 80, "3": 120}), source("b", {"p": 50, "q": 90})
    with make_study(a, b, "--output", tmp_path / "s", "--question", "Which is darker?", "--checks", 1) as store:
        assert levels(store) == [(40, 50), (80, 90)] and len(store.pairs) == 3
        assert store.settings.questions == {"Which is darker?": "Which is darker?"}
    assert "paired in the order of their names (3 in a, 2 in b)" in caplog.text


def test_models_sample_the_same_seeds_and_are_resumed(
    model, generator, labelled_model, served, source, tmp_path, monkeypatch
):
    videos = source("real", {str(i): 100 for i in range(3)}, size=(32, 32))
    arguments = (model, videos, labelled_model, "--output", tmp_path / "s", "--device", "cpu", "--steps", 1)
    arguments += ("--pairs", 2, "--seed", 3, "--checks", 0)
    write, asked = study_sources.save_file, []

    def killed(*given, **options):
        asked.append(given)
        if len(asked) == 2:
            raise KeyboardInterrupt
        write(*given, **options)

    monkeypatch.setattr(study_sources, "save_file", killed)
    assert main(["study", *map(str, arguments)]) == 130 and not served
    with make_study(*arguments) as store:
        assert len(asked) == 3  # what the first model had made was there
        assert store.settings.sources == ("model", "real", "labelled") and len(store.pairs) == 6
        assert not (tmp_path / "s" / "samples").exists()
        expected = generator.sample(2, sampler=SamplerConfig(steps=1), seed=3)
        for sample in range(2):
            found = read_video(tmp_path / "s" / "videos" / f"{sample:04d}-0.mp4")
            distances = (found.float() - expected.float()).abs().mean(dim=(1, 2, 3, 4))
            assert distances.argmin() == sample


def test_the_result_and_all_votes(source, served, tmp_path, capsys, refusal):
    a, b = source("a", {"x": 40, "y": 80}), source("b", {"x": 50, "y": 90})
    folder = tmp_path / "s"
    with make_study(a, b, "--output", folder, "--checks", 0) as store:
        _, tasks = store.tasks("anna")
        assert "has no votes yet; vote first: pvdm study" in refusal("study", folder, "--results")
        for task in tasks:
            store.add_vote(1, task.place, "motion", "left" if task.is_mirrored else "right", 1.0)
    assert main(["study", str(folder), "--results", "--csv", str(tmp_path / "votes.csv")]) == 0
    assert "| b | at least 2000 |" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "votes.csv").read_text().splitlines()))
    assert [row["preferred"] for row in rows] == ["b", "b"]
    assert main(["study", str(folder / "study.sqlite"), "--results"]) == 0


def test_the_same_command_and_the_folder_alone_resume_and_other_options_are_refused(source, served, tmp_path, refusal):
    a, b = source("a", {"x": 40}), source("b", {"x": 50})
    arguments = (a, b, "--output", tmp_path / "s", "--checks", 0)
    with make_study(*arguments) as store:
        store.tasks("anna")
        store.add_vote(1, 0, "motion", "left", 1.0)
    shutil.rmtree(a)
    assert main(["study", *map(str, arguments)]) == main(["study", str(tmp_path / "s")]) == 0
    assert served == [tmp_path / "s"] * 3
    with StudyStore(tmp_path / "s") as store:
        assert len(store.votes()) == 1
    assert "s holds a study of other per_person" in refusal("study", *arguments, "--per-person", 5)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    assert "other holds other files" in refusal("study", a, b, "--output", tmp_path / "other")
    a = source("a", {"x": 40})
    with make_study(*arguments[:-1], 1, "--overwrite") as store:
        assert store.votes() == [] and len(store.pairs) == 2


def test_what_cannot_be_compared_leaves_nothing(source, served, tmp_path, caplog):
    a, empty, output = source("a", {"x": 40}), tmp_path / "empty", tmp_path / "s"
    empty.mkdir()
    broken = source("broken", {"x": 40})
    (broken / "x.mp4").write_bytes(b"no video")
    frames = tmp_path / "frames" / "clip"
    write_video(frames, torch.zeros(3, 4, 16, 16, dtype=torch.uint8), fps=8)
    for arguments, message in (
        ((a,), "a is only one source, and no study; give two or more folders or models"),
        ((a, a), "a source is given twice; give each once"),
        ((a, empty), f"{empty} holds no videos"),
        ((a, tmp_path / "nowhere"), "nowhere"),
        ((a, broken), "x.mp4"),
        ((a, frames.parent), "clip has no frame rate; give --fps 25 for folders of frames"),
        ((a, broken, "--seconds", 0), "--seconds is 0; give seconds above 0"),
        ((a, broken, "--question", " "), "question 1 is empty"),
        ((a, broken, "--question", "q=A?", "--question", "q=B?"), "the question q is given twice"),
        ((a, broken, "--csv", "votes.csv"), "--csv and --everyone are for the result of a study; add --results"),
        ((empty, "--results"), "empty holds no study"),
    ):
        assert main(["study", *map(str, arguments), "--output", str(output)]) == 2
        assert message in caplog.messages[-1] and "\n" not in caplog.messages[-1]
    assert not output.exists() and not served
