"""`pvdm evaluate`: figures by named protocols in one file, and a sentence for all that cannot be."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from evaluation.forked import forked
from evaluation.tiny_detector import TinyNetwork, install
from PIL import Image

from pvdm.cli import main
from pvdm.commands.evaluate import protocol_table
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.video import write_video

SMALL = ["--frames", 8, "--size", "native", "--num-real", 3, "--num-fake", 3]
SAMPLED = [*SMALL, "--steps", 1]


@pytest.fixture
def networks(monkeypatch) -> dict[str, TinyNetwork]:
    """Instead of the detectors; those of the tests that load none need not ask."""
    return install(monkeypatch)


@pytest.fixture
def real(tmp_path) -> Path:
    """Five folders of frames of the model's size."""
    for number in range(5):
        video = torch.randint(0, 256, (3, 8, 32, 32), generator=torch.Generator().manual_seed(number))
        write_video(tmp_path / "real" / f"{number}", video.byte(), fps=10)
    return tmp_path / "real"


@pytest.fixture
def evaluated(pvdm, real, tmp_path) -> Callable[..., list[dict]]:
    """`evaluated("--fake", X, "--protocol", P, ...)` -> the results in the file."""

    def run(*options: object) -> list[dict]:
        pvdm("evaluate", "--real", real, "--output", tmp_path / "out.json", "--overwrite", *options)
        return json.loads((tmp_path / "out.json").read_text())["results"]

    return run


@pytest.fixture
def refused(refusal, real, tmp_path) -> Callable[..., str]:
    """`refused("--fake", X, ...)` -> the sentence; nothing is written but what lay there."""

    def run(*options: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        message = refusal("evaluate", "--real", real, "--output", tmp_path / "new" / "out.json", *options)
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return run


def test_a_live_model_and_its_samples_in_files(evaluated, networks, pvdm, model, tmp_path, capsys):
    common = ["--protocol", "fvd-random/16f", *SMALL]
    (live,) = evaluated("--fake", model, *common, "--steps", 1)
    for format in ("png", "mp4"):
        options = ["--num-videos", 3, "--steps", 1, "--format", format]
        pvdm("sample", model, "--output", tmp_path / format, *options)
    (stored,) = evaluated("--fake", tmp_path / "png", *common)
    assert stored["metrics"] == live["metrics"]
    capsys.readouterr()
    (lossy,) = evaluated("--fake", tmp_path / "mp4", *common)
    assert lossy["metrics"] != live["metrics"]
    assert (live["protocol"], live["based_on"]) == ("custom", "fvd-random/16f")
    assert live["fake"]["model"]["path"] == model and live["fake"]["sampler"]["steps"] == 1
    shown = capsys.readouterr().out
    assert "FVD ↓" in shown and "KVD ↓" in shown and f"{lossy['metrics']['fvd']['value']:.5g}" in shown
    assert "fvd-random/16f (changed: frames, size, num_real, num_fake)" in shown and "custom" not in shown
    assert "fvd-random/16f was changed: frames 8, size native, num_real 3, num_fake 3" in shown


def test_the_number_is_that_of_the_clips(evaluated, networks, model, generator, real, frames):
    options = ["--fake-part", "both", *SMALL, "--num-real", 5, "--seeds", 1]
    (result,) = evaluated("--fake", model, "--protocol", "fvd-random/16f", *options, "--steps", 1)
    found = generator.sample(3, sampler=SamplerConfig(steps=1), seed=1)
    wanted = torch.stack([frames(real / f"{number}") for number in range(5)])
    network = TinyNetwork()
    expected = frechet_distance(network(found).double(), network(wanted).double())
    assert result["metrics"]["fvd"]["value"] == pytest.approx(expected, rel=1e-3)
    assert list(result["metrics"]["fvd"]["by_seed"]) == ["1"] and result["counts"]["real"] == 5


def test_the_file_says_all_that_a_number_depends_on(evaluated, networks, model, real, tmp_path):
    evaluated("--fake", real, "--protocol", "fvd-random/16f", *SMALL)
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["format"] == "pvdm-evaluation" and content["versions"]["torch"] == torch.__version__.split("+")[0]
    assert content["command"].startswith("pvdm") and content["hardware"]["device"] == "cpu"
    (result,) = content["results"]
    assert result["settings"]["based_on"] == "fvd-random/16f" and result["detector"]["sha256"] == "0" * 64
    assert len(result["real"]["files_sha256"]) == 64 and result["real"]["path"] == str(real)
    assert [path.name for path in tmp_path.glob("*.json")] == ["out.json"]


def test_several_protocols_and_families(evaluated, networks, real):
    results = evaluated("--fake", real, "--protocol", "coherence/16f", "fvd-random", "coherence", "--allow-few", *SMALL)
    found = [(result["based_on"], result["few"]) for result in results]
    assert found == [
        (f"{name}", False) for name in ("coherence/16f", "fvd-random/16f", "fvd-random/128f", "coherence/128f")
    ]


def test_few_clips_are_marked(evaluated, refused, networks, real):
    common = ["--fake", real, "--protocol", "fvd-random/16f", "--frames", 8]
    message = refused(*common)
    assert "fvd-random/16f as changed needs 512 real clips and there are 5 and " in message
    assert "needs 2048 generated clips and there are 5; give more, or change the numbers" in message
    assert networks["i3d-random"].clips == 0
    (result,) = evaluated(*common, "--allow-few")
    assert result["few"] is True


def test_a_folder_of_eight_videos_is_enough_for_what_only_looks(pvdm, networks, model, tmp_path, capsys):
    """The line of the README, with fewer steps: what there is is taken, and that is said."""
    for number in range(8):
        video = torch.randint(0, 256, (3, 16, 32, 32), generator=torch.Generator().manual_seed(number))
        write_video(tmp_path / "videos" / f"{number}.mp4", video.byte(), fps=10)
    options = ["--protocol", "coherence/16f", "nearest/16f", "--output", tmp_path / "looks.json", "--steps", 1]
    pvdm("evaluate", "--real", tmp_path / "videos", "--fake", model, *options)
    results = json.loads((tmp_path / "looks.json").read_text())["results"]
    assert [(r["protocol"], r["few"], r["counts"]["real"], r["counts"]["fake"]) for r in results] == [
        ("coherence/16f", True, 8, 8),
        ("nearest/16f", True, 8, 8),
    ]
    shown = capsys.readouterr().out
    assert "coherence/16f was measured with few clips: 8 of 256 real clips and 8 of 256 generated clips" in shown
    assert (
        "motion (pixels per frame) ≈ real" in shown
        and "no copied share: copies are found by 9 or more real clips" in shown
    )


def test_reconstructions(evaluated, networks, model, generator, real, frames, caplog):
    common = ["--frames", 8, "--size", 32]
    (result,) = evaluated("--fake", model, "--protocol", "reconstruction-random/16f", *common)
    wanted = torch.stack([frames(real / f"{number}") for number in range(5)])
    error = ((generator.reconstruct(wanted).double() - wanted) / 255).square().flatten(1).mean(1)
    assert result["metrics"]["psnr"]["value"] == pytest.approx((-10 * error.log10()).mean().item(), rel=1e-4)
    assert list(result["metrics"]) == ["rfvd", "psnr", "ssim", "lpips", "st_rred"]
    (other,) = evaluated("--fake", model, "--reconstruct", "--protocol", "fvd-random/16f", *common, "--num-real", 5)
    assert other["metrics"]["fvd"]["value"] == pytest.approx(result["metrics"]["rfvd"]["value"], rel=1e-9)


def test_classes_in_turn(evaluated, refused, networks, labelled_model):
    common = ["--fake", labelled_model, "--protocol", "fvd-random/16f", *SAMPLED]
    (result,) = evaluated(*common, "--every-class", "--label-guidance", 1)
    assert result["fake"]["labels"] == [0, 1, 2] and result["fake"]["sampler"]["label_guidance"] == 1
    (result,) = evaluated(*common, "--label", "Swing")
    assert result["fake"]["labels"] == [2]
    assert "both given" in refused(*common, "--label", "Swing", "--every-class")
    assert evaluated(*common)[0]["fake"]["labels"] is None


def test_later_clips_have_their_steps(evaluated, networks, model, real, make_frame_folder):
    for number in range(2):
        make_frame_folder(f"long/{number}", frames=16, height=32, width=32)
    options = [*SAMPLED, "--frames", 16, "--num-real", 2, "--num-fake", 2, "--later-steps", 1]
    (result,) = evaluated("--real", real.parent / "long", "--fake", model, "--protocol", "fvd-random/128f", *options)
    assert result["fake"]["later_sampler"]["steps"] == 1 and result["fake"]["frames"] == 16


def test_the_nearest_clips_are_shown(evaluated, networks, real, tmp_path):
    options = ["--fake", real, "--protocol", "nearest/16f", *SMALL, "--picture", tmp_path / "pairs.png"]
    (result,) = evaluated(*options)
    assert result["details"]["0"]["pairs"][0]["distance"] == 0
    with Image.open(tmp_path / "pairs.png") as picture:
        assert picture.width > 300 and picture.height > 300


def test_held_out_clips_are_the_test_part(evaluated, networks, real, tmp_path):
    for name, number in (("train", 0), ("train", 1), ("train", 2), ("val", 3), ("val", 4)):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        (real / f"{number}").rename(tmp_path / "set" / name / f"{number}")
    options = [
        "--real",
        tmp_path / "set",
        "--fake",
        tmp_path / "set",
        "--fake-part",
        "test",
        "--protocol",
        "nearest/16f",
    ]
    (result,) = evaluated(*options, *SMALL, "--num-fake", 2)
    assert result["metrics"]["nearer_than_held_out"]["value"] == 0.5  # the samples are the held-out clips
    assert (result["real"]["part"], result["fake"]["part"]) == ("train", "test")


def test_held_out_clips_may_lie_in_a_folder_of_their_own(evaluated, networks, real, tmp_path):
    for number in range(20, 29):
        video = torch.randint(0, 256, (3, 8, 32, 32), generator=torch.Generator().manual_seed(number))
        write_video(tmp_path / "held" / f"{number}", video.byte(), fps=10)
    options = ["--fake", real, "--protocol", "nearest/16f", *SMALL, "--num-real", "all"]
    (result,) = evaluated(*options, "--held-out", tmp_path / "held")
    assert result["metrics"]["copied_share"]["value"] == 1 and result["metrics"]["copied_share"]["real"] == 0.1


def test_nothing_to_compare_with(pvdm, networks, model, tmp_path):
    options = ["--fake", model, "--protocol", "coherence/16f", *SAMPLED, "--output", tmp_path / "out.json"]
    pvdm("evaluate", *options)
    (result,) = json.loads((tmp_path / "out.json").read_text())["results"]
    assert result["real"] is None and "real" not in result["metrics"]["motion"]


def test_an_enlarged_model_is_told(evaluated, networks, model, caplog):
    evaluated("--fake", model, "--protocol", "coherence/16f", *SAMPLED, "--size", 64)
    wanted = "the model's 32x32 are enlarged to 64 for coherence/16f as changed; --size 32 compares at the model's size"
    assert wanted in caplog.text


def test_the_list(pvdm, capsys, tmp_path):
    pvdm("evaluate", "--list")
    shown = capsys.readouterr().out
    assert shown == protocol_table() + "\n"
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PROTOCOLS)
    (line,) = (line for line in lines if line.startswith("latte/fvd16"))
    assert "1, real 3" in line and "256 lanczos" in line and "i3d-torchscript" in line and "2048 random" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "fvd"], "there is no protocol fvd; choose one of stylegan-v/fvd2048_16f,"),
        (
            ["--protocol", "coherence/16f", "--size", "big"],
            "--size is big; give a whole number of at least 1, or native",
        ),
        (["--protocol", "coherence/16f", "--seeds", 1, 1], "a seed is given twice"),
        (["--protocol", "coherence/16f", "--picture", "p.jpg"], "name a protocol that finds them (nearest/16f)"),
        (["--protocol", "nearest/16f", "--picture", "p.gif"], "--picture is p.gif; give a name that ends in .jpg"),
        (["--protocol", "coherence/16f", "--reconstruct"], "--reconstruct takes a model as --fake, and"),
        (["--protocol", "coherence/16f", "--label", "Swing"], "--label and --every-class apply only to a model"),
        (
            ["--protocol", "coherence/16f", "--steps", 100, "--eta", 0],
            "to sample with --steps and --eta; leave",
        ),
        (["--protocol", "coherence/16f", "--sampler", "ddim"], "there is no model to sample with --sampler"),
        (["--protocol", "coherence/16f", "--later-steps", 9], "no model to sample with --later-steps"),
        (["--protocol", "coherence/16f", "--part", "test"], "real has no parts, so --part test does not apply"),
        (["--protocol", "coherence/16f", *SMALL, "--fake-part", "test"], "so --fake-part test does not apply"),
        (["--protocol", "coherence/16f", "--detector", "a.pt"], "--detector a.pt is for none of these protocols'"),
        (["--protocol", "pvdm/fvd16", "--detector", "c3d-ucf101=a.pt"], "--detector c3d-ucf101=a.pt is for none of"),
        (["--protocol", "coherence/16f", "--device", "toaster"], "there is no device toaster here"),
        (["--protocol", "coherence/16f", "--frames", 9], "the 5 video(s) of"),
        (
            ["--protocol", "coherence/16f", *SMALL, "--frames", 2],
            "coherence was given 2 frames of 32x32; give at least 3",
        ),
    ],
)
def test_options_that_do_not_fit(refused, real, options, message):
    assert message in refused("--fake", real, *options)


def test_a_model_s_options_that_do_not_fit(refused, networks, model, stage_1_model):
    common = ["--protocol", "fvd-random/16f", *SAMPLED]
    assert "201 steps are more than the 200 timesteps of this model" in refused(
        "--fake", model, *common, "--steps", 201
    )
    assert "201 steps" in refused("--fake", model, *common, "--later-steps", 201)
    assert "this model has no classes; leave out --every-class" in refused("--fake", model, *common, "--every-class")
    assert "stage-1 autoencoder without a denoiser" in refused("--fake", stage_1_model, *common)
    wanted = "the clips are 64x64, but the model reconstructs 32x32; give --size 32"
    assert wanted in refused("--fake", model, *common, "--size", 64, "--reconstruct")


def test_what_is_missing(refusal, real, tmp_path):
    for options in ([], ["--real", real]):
        message = refusal("evaluate", *options)
        assert "--fake and --protocol and --output must be given; see pvdm evaluate" in message
    common = ["--fake", real, "--protocol", "fvd-random/16f", "--output", tmp_path / "out.json"]
    assert "compares with real clips; give them as --real" in refusal("evaluate", *common)
    assert "the folder none does not exist" in refusal("evaluate", "--real", "none", *common)
    assert "there is no model at none.ckpt" in refusal("evaluate", "--real", "none.ckpt", *common)
    assert not (tmp_path / "out.json").exists()


def test_folders_that_cannot_be_used(refused, networks, real, tmp_path, make_frame_folder, make_video):
    common = ["--protocol", "fvd-random/16f", *SMALL]
    (tmp_path / "empty").mkdir()
    assert "empty holds no videos; put video files" in refused("--fake", tmp_path / "empty", *common)
    make_frame_folder("mixed/a", frames=8, height=32, width=32)
    make_frame_folder("mixed/b", frames=9, height=24, width=32)
    message = refused("--fake", tmp_path / "mixed", *common, "--num-fake", 2)
    assert "mixed/a is 32x32 and " in message and "mixed/b is 24x32; give videos of one size, or scale" in message
    make_frame_folder("short/a", frames=5, height=32, width=32)
    message = refused("--fake", tmp_path / "short", *common)
    assert "the 1 video(s) of" in message and "short have 5 frames, and a clip of 8 frames needs 8" in message
    message = refused("--fake", make_video("a.mp4", frames=8), *common)
    assert "a.mp4 is not a model; give a model, or the folder that holds the videos" in message
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").touch()
    message = refused("--fake", tmp_path / "run", *common)
    assert (
        "run is the folder of a training run; give one of its checkpoints, such as" in message
        and "last.ckpt" in message
    )
    (tmp_path / "short" / "broken.mp4").write_bytes(b"")
    assert "broken.mp4 cannot be" in refused("--fake", tmp_path / "short", *common)
    message = refused("--fake", real, *common, "--real-layout", "ucf101")
    assert "there is no folder ucfTrainTestlist in" in message


def test_mixed_lengths_are_fine_as_long_as_they_are_long_enough(evaluated, networks, real, make_frame_folder, tmp_path):
    for name, frames in (("a", 8), ("b", 30), ("c", 11), ("d", 7)):
        make_frame_folder(f"mixed/{name}", frames=frames, height=32, width=32)
    (result,) = evaluated("--fake", tmp_path / "mixed", "--protocol", "fvd-random/16f", *SMALL)
    assert result["counts"]["fake"] == 3 and result["counts"]["fake_dropped_short"] == 1


def test_weights_that_are_not_what_they_should_be(refused, real, tmp_path):
    """The detectors' own words, before any clip is read."""
    (tmp_path / "notes.pt").write_text("my notes")
    common = ["--fake", real, *SMALL]
    message = refused(*common, "--protocol", "pvdm/fvd16", "--detector", f"i3d-400={tmp_path / 'notes.pt'}")
    assert "notes.pt" in message
    message = refused(*common, "--protocol", "pvdm/fvd16", "--detector", tmp_path / "none.pt")
    assert "there is no file" in message and "none.pt" in message
    options = ["--detector", tmp_path / "a.pt", "--detector", tmp_path / "b.pt"]
    assert "--detector is given twice" in refused(*common, "--protocol", "pvdm/fvd16", *options)
    options = ["--st-rred", "--size", 64]
    assert "ST-RRED needs frames of at least 72x72" in refused(
        *common, "--protocol", "reconstruction-random/16f", *options
    )
    options = ["--lpips-weights", tmp_path / "notes.pt", "--real-stride", 1]
    assert "notes.pt" in refused(*common, "--protocol", "reconstruction-random/16f", *options)


def test_the_table_says_why_there_is_no_figure_and_what_was_measured(evaluated, networks, model, capsys):
    common = ["--fake", model, *SMALL[:4], "--num-real", "all"]
    evaluated(*common, "--num-fake", "all", "--protocol", "fvd-random/16f", "--reconstruct")
    shown = capsys.readouterr().out
    assert "size native, num_real all, num_fake all" in shown and "of reconstructions" in shown
    evaluated(*common, "--protocol", "reconstruction-random/16f")
    shown = capsys.readouterr().out
    assert "of reconstructions" not in shown and "PSNR (dB) ↑" in shown
    assert "\nno ST-RRED: ST-RRED is slow; request it with --st-rred\n" in shown


def test_existing_output_is_kept(pvdm, refusal, networks, real, tmp_path):
    (tmp_path / "out.json").write_text("precious")
    common = ["--real", real, "--fake", real, "--protocol", "fvd-random/16f", *SMALL, "--output", tmp_path / "out.json"]
    assert "out.json exists already; pass --overwrite" in refusal("evaluate", *common)
    assert (tmp_path / "out.json").read_text() == "precious" and networks["i3d-random"].clips == 0
    pvdm("evaluate", *common, "--overwrite")
    assert json.loads((tmp_path / "out.json").read_text())["results"]


def test_what_is_measured_is_never_overwritten(refusal, networks, real, tmp_path):
    common = ["--real", real, "--fake", real, "--protocol", "nearest/16f", *SMALL, "--overwrite"]
    before = sorted(real.rglob("*"))
    assert "real holds 0, which would be lost" in refusal("evaluate", *common, "--output", real)
    (tmp_path / "last.ckpt").write_text("precious")
    options = ["--fake", tmp_path / "last.ckpt", "--output", tmp_path / "last.ckpt"]
    assert "last.ckpt is an input and would be overwritten" in refusal("evaluate", *common, *options)
    names = ["--output", tmp_path / "out.png", "--picture", tmp_path / "out.png"]
    assert "are both" in refusal("evaluate", *common, *names)
    assert sorted(real.rglob("*")) == before and (tmp_path / "last.ckpt").read_text() == "precious"
    assert not (tmp_path / "out.png").exists() and networks["i3d-random"].clips == 0


def test_a_video_that_is_damaged_within(refused, networks, real):
    """It is found when it is read; nothing is half-written."""
    (real / "1" / "frame_000004.png").write_bytes(b"no picture")
    found = sorted(path.name for path in (real / "1").iterdir())
    assert found[4] == "frame_000004.png"
    message = refused("--fake", real, "--protocol", "fvd-random/16f", *SMALL, "--num-real", 5)
    assert "frame_000004.png cannot be read as an image" in message


def started(*options: object) -> Callable[[object], tuple[int, str]]:
    """A function that runs the command in a process and gives its exit status and what it says."""

    def run(group: object) -> tuple[int, str]:
        install(pytest.MonkeyPatch())
        sys.stdout = io.StringIO()
        logger, log = logging.getLogger("pvdm"), io.StringIO()
        logger.addHandler(logging.StreamHandler(log))
        try:
            status = main(["evaluate", "--device", "cpu", *map(str, options)])
        except SystemExit as end:
            status = end.code
        return status, sys.stdout.getvalue() + log.getvalue()

    return run


def test_of_two_processes_the_first_writes_and_speaks(real, model, tmp_path):
    common = ["--real", real, "--fake", model, "--protocol", "fvd-random/16f", *SAMPLED, "--batch-size", 2]
    [(status, _)] = forked(started(*common, "--output", tmp_path / "one.json"), size=1)
    (first, said), second = forked(started(*common, "--output", tmp_path / "two.json"))
    assert (status, first, second) == (0, 0, (0, ""))
    one, two = (json.loads((tmp_path / f"{name}.json").read_text())["results"][0] for name in ("one", "two"))
    assert one["metrics"] == two["metrics"] and (one["processes"], two["processes"]) == (1, 2)
    assert "fvd-random/16f was changed: frames 8" in said
    first, second = forked(started(*common, "--num-real", 9, "--output", tmp_path / "none.json"))
    assert first[0] == 2 and "needs 9 real clips and there are 5" in first[1] and second == (2, "")
    assert not (tmp_path / "none.json").exists()
