"""Bad input: each ends with one sentence, status 2, no traceback and nothing left; `--debug` shows the traceback."""

from __future__ import annotations

import builtins
import pickle
import shutil
from functools import wraps
from importlib import import_module
from pathlib import Path

import pytest
import torch
from fuzzing import encode, moving
from generation.conftest import Code
from generation.small_models import small_generator
from isolation import Ended
from PIL import Image
from test_fuzz import problem
from training.miniature import autoencoder_training, diffusion_training

from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

TINY = [
    "--data.frames=4",
    "--data.height=16",
    "--data.width=16",
    "--data.workers=0",
    "--trainer.accelerator=cpu",
    "--trainer.max_steps=1",
    "--trainer.default_root_dir=run",
    "--trainer.enable_progress_bar=false",
]
FIRST = ["-c", "configs/autoencoder.yaml", "-c", "configs/sizes/autoencoder-tiny.yaml", *TINY]
SECOND = ["-c", "configs/diffusion.yaml", "-c", "configs/sizes/diffusion-tiny.yaml", *TINY]
SAMPLE = "sample {model} --output out --num-videos 1 --steps 1 --device cpu"
EXTEND = "extend {model} --frames 40 --steps 1 --output out.mp4 --device cpu"
RECONSTRUCT = "reconstruct {model} --output out.mp4 --device cpu"
FIT = "fit FIRST --data.path {videos}"
FIT_2 = "fit SECOND --data.path {videos} --model.autoencoder {tiny}"

BAD = [
    # models
    ("export {none}.ckpt --output out", "there is no model at"),
    ("export {empty} --output out", "has no config.json; it is not an exported model"),
    ("export {text}.ckpt --output out", "cannot be read as a checkpoint: it is incomplete, of another kind"),
    ("export {cut}.ckpt --output out", "cannot be read as a checkpoint: it is incomplete"),
    ("export {foreign}.ckpt --output out", "is not a checkpoint of pvdm fit; released weights are loaded by pvdm conv"),
    ("export {evil}.ckpt --output out", "or holds code; copy or download it again"),
    ("export {pickle}.ckpt --output out", "or holds code; copy or download it again"),
    ("export {long}.mp4 --output out", "cannot be read as a checkpoint"),
    ("convert --autoencoder {evil}.ckpt --output out", "or holds code"),
    ("convert --autoencoder {first}.ckpt --output out", "is not the state dict of a released PVDM autoencoder"),
    ("convert --autoencoder {none}.pth --output out", "there is no file"),
    (
        "convert --autoencoder {first}.ckpt --fps -3 --output out",
        "--fps is -3; give frames per second, above 0",
    ),
    ("sample {newer} --output out", "is not one of this version of pvdm (unknown colour)"),
    # a stage-1 file where stage 2 is wanted
    ("sample {first}.ckpt --output out --device cpu", "a stage-1 autoencoder without a denoiser; train stage 2"),
    ("sample {tiny} --output out --device cpu", "a stage-1 autoencoder without a denoiser; train stage 2"),
    ("extend {tiny} --frames 40 --output out.mp4 --device cpu", "a stage-1 autoencoder without a denoiser"),
    # videos
    (f"{RECONSTRUCT} {{none}}.mp4", "none.mp4 does not exist; give a video file or a folder of frames"),
    (f"{RECONSTRUCT} {{text}}.mp4", "cannot be decoded as a video (Invalid data found when processing input); remove"),
    (f"{RECONSTRUCT} {{cut}}.mp4", "cannot be decoded as a video"),
    (f"{RECONSTRUCT} {{short}}.mp4", "short.mp4 has 3 frames; this model takes clips of 8"),
    (f"{RECONSTRUCT} {{empty}}", "holds no frames; put images (.jpg, .jpeg, .png) directly into it"),
    (f"{RECONSTRUCT} {{mixed}}", "f_3.png is 24x16, but the first frame of its clip is 16x16; give all frames"),
    (f"{RECONSTRUCT} {{first}}.ckpt", "is not a video file; give one of .mp4, .avi"),
    (f"{EXTEND} --input {{none}}.mp4", "none.mp4 does not exist"),
    (f"{EXTEND} --input {{text}}.mp4", "cannot be decoded as a video"),
    (f"{EXTEND} --input {{short}}.mp4", "has 3 frames; the context of this model is a clip of 8, give a longer video"),
    (f"{EXTEND} --input {{long}}.mp4 --frames 12", "has 20 frames already; give more --frames, or --only-new"),
    # options of ours
    (f"{SAMPLE} --steps -1", "--steps is -1; give a whole number of at least 1"),
    (f"{SAMPLE} --steps 201", "201 steps are more than the 200 timesteps of this model; give at most 200"),
    (f"{SAMPLE} --num-videos -3", "--num-videos is -3; give a whole number of at least 1"),
    (f"{SAMPLE} --batch-size -3", "--batch-size is -3; give a whole number of at least 1"),
    (f"{SAMPLE} --seed -1", "--seed is -1; give a whole number of at least 0"),
    (f"{SAMPLE} --fps -1", "--fps is -1; give frames per second, above 0"),
    (
        f"{SAMPLE} --fps 1e-9",
        "the frame rate for out/sample_000000_seed0.mp4 is 1e-09; give frames per second from 0.01",
    ),
    (f"{SAMPLE} --eta -1", "eta is -1.0; it must be in [0, 1]"),
    (f"{SAMPLE} --guidance nan", "--guidance is nan; give a finite number"),
    (f"{SAMPLE} --sampler euler", "--sampler is euler; choose one of ddpm, ddim, dpmpp_2m, unipc"),
    (f"{SAMPLE} --device cuda", "there is no device cuda here; choose cpu, or leave out --device"),
    (f"{SAMPLE} --device meta", "there is no device meta here"),
    (f"{SAMPLE} --device hpu", "there is no device hpu here"),
    (f"{EXTEND} --frames -5", "--frames is -5; give a whole number of at least 1"),
    (f"{EXTEND} --seeds 1 -1", "--seeds is -1; give a whole number of at least 0"),
    (f"{EXTEND} --later-steps 500", "500 steps are more than the"),
    ("demo --autoencoder-steps -1", "--autoencoder-steps is -1; give a whole number of"),
    ("demo --output {videos}", "holds something other than a demo; choose another --output"),
    # output
    (f"{SAMPLE} --output {{long}}.mp4/out", "out cannot be written (File exists); choose another place"),
    (
        f"{SAMPLE} --output {{videos}}",
        "videos exists already; pass --overwrite (in Python overwrite=True) or choose another name",
    ),
    (f"{SAMPLE} --output {{videos}} --overwrite", "which would be lost; choose another name"),
    (f"{EXTEND} --output {{long}}.mp4", "long.mp4 exists already; pass --overwrite"),
    (f"{EXTEND} --output {{long}}.mp4/out.mp4", "out.mp4 cannot be written"),
    (f"{RECONSTRUCT} {{long}}.mp4 --output out.avi", "out.avi ends in .avi, which cannot be written; choose a name in"),
    ("export {tiny} --output {long}.mp4/out", "cannot be written"),
    ("export {tiny} --output {videos}", "exists already; pass --overwrite"),
    ("demo --output {long}.mp4/demo", "cannot be written (Not a directory)"),
    # data
    ("fit FIRST --data.path {none}", "none does not exist; give the folder"),
    ("fit FIRST", "data.path must be given; give the folder of the videos, or --data.layout scenes"),
    ("fit FIRST --data.path {empty}", "empty holds no videos; put video files"),
    ("fit FIRST --data.path {long}.mp4", "long.mp4 is a file; give the folder"),
    ("fit FIRST --data.path {damaged}", "cannot be decoded as a video"),
    (f"{FIT} --data.frames 400", "400"),
    (f"{FIT_2} --data.clips 1", "the data gives 1 clip(s) of 4 frames of 16x16, the model takes 2"),
    # options of training
    ("fit", "model must be given; use a config (stage 1: -c configs/autoencoder.yaml"),
    (f"{FIT} --data.height 20", "height 20 is not divisible by the patch size 8; choose a multiple of 8"),
    (f"{FIT} --data.frames -4", "frames is -4; it must be at least 1"),
    (f"{FIT} --data.batch_size -1", "batch_size is -1; give a value at least 1"),
    (f"{FIT} --data.workers -1", "workers is -1; give a value at least 0"),
    (f"{FIT} --data.fps -1", "clip's fps is -1.0; give a positive number"),
    (
        f"{FIT} --model.autoencoder.channels 1000000000000",
        "the memory is full; take fewer samples at once (data.batch_size",
    ),
    (f"{FIT} --model.optimizer.learning_rate -1", "learning_rate is -1.0; give a value at least 0"),
    (f"{FIT} --model.clip_norm 0", "clip_norm is 0.0; give a value above 0, or null for no clipping"),
    (f"{FIT} --model.autoencoder.channels -8", "channels is -8; it must be at least 1"),
    (f"{FIT} --averaging.decay -1", "decay is -1.0; give a value from 0 to 1"),
    (f"{FIT_2} --model.denoiser.heads 0", "heads is 0; it must be at least 1"),
    (f"{FIT_2} --model.denoiser.blocks_per_level -1", "blocks_per_level is -1; it must be at least 1"),
    (f"{FIT_2} --model.denoiser.attention_factors [3]", "attention_factors are (3,); give powers of 2"),
    (f"{FIT_2} --model.diffusion.timesteps -1", "timesteps is -1; it must be at least 1"),
    (f"{FIT_2} --model.context_dropout -1", "context_dropout is -1.0; give a value from 0 to 1"),
    # the trainer
    (f"{FIT} --trainer.max_steps -5", "the trainer cannot be set up: `max_steps` must be a non-negative integer"),
    (f"{FIT} --trainer.accelerator gpu", "the trainer cannot be set up: no supported gpu backend found"),
    (f"{FIT} --trainer.accelerator cuda --trainer.devices 4", "cannot be set up: `CUDAAccelerator` can not run on"),
    (f"{FIT} --trainer.devices -3", "the trainer cannot be set up: `devices` selected with `CPUAccelerator`"),
    (f"{FIT} --trainer.strategy deepspeed", "trainer.strategy is deepspeed, whose checkpoints cannot be resumed here"),
    (f"{FIT} --trainer.precision 16-mixed", "trainer.precision is 16-mixed"),
    (f"{FIT} --trainer.precision bf16-true", "choose one of 32, 32-true, bf16, bf16-mixed"),
    (f"{FIT} --trainer.val_check_interval 0", "trainer.val_check_interval is 0; give a number of batches, or a frac"),
    (
        f"{FIT} --trainer.val_check_interval 9999",
        "`val_check_interval` (9999) must be less than or equal to the",
    ),
    (f"{FIT} --trainer.gradient_clip_val 1", "the trainer cannot do that: automatic gradient clipping is not supp"),
    (f"{FIT_2} --trainer.gradient_clip_val -1", "gradient_clip_val is -1; give a value at least 0"),
    (f"{FIT} --checkpoint.mode mean", "the trainer cannot do that: `mode` can be min, max but got mean"),
    (
        f"{FIT} --trainer.default_root_dir {{long}}.mp4/run",
        "run, cannot be written (Not a directory); choose another as",
    ),
    # checkpoints of training
    (f"{FIT} --ckpt_path none.ckpt", "there is no checkpoint none.ckpt; check --ckpt_path"),
    (f"{FIT} --ckpt_path {{text}}.ckpt", "cannot be read as a checkpoint"),
    (f"{FIT} --ckpt_path {{evil}}.ckpt", "or holds code"),
    (
        f"{FIT} --ckpt_path {{foreign}}.ckpt",
        "foreign.ckpt is not a checkpoint of pvdm fit; give another as --ckpt_path",
    ),
    (f"{FIT} --ckpt_path {{first}}.ckpt", "first.ckpt holds a model but no training state to resume (no"),
    ("validate FIRST --data.path {videos} --ckpt_path {first}.ckpt", "in the checkpoint and"),
    ("predict FIRST --data.path {videos}", "there is no checkpoint run/checkpoints/last.ckpt; give one as --ckpt_path"),
    ("fit SECOND --data.path {videos} --model.autoencoder {evil}.ckpt", "or holds code"),
    ("fit SECOND --data.path {videos} --model.autoencoder {none}", "there is no model at"),
    ("fit SECOND --data.path {videos} --model.autoencoder {long}.mp4", "cannot be read as a checkpoint"),
]

FULL_DISK = [
    (
        f"{RECONSTRUCT} {{long}}.mp4",
        600,
        "out.mp4 cannot be written (File too large); choose a writable folder",
    ),
    ("reconstruct {model} {long}.mp4 --output out", 50, "out cannot be written (File too large)"),
    (EXTEND, 600, "out.mp4 cannot be written (File too large)"),
    (SAMPLE, 600, "out/sample_000000_seed0.mp4 cannot be written (File too large)"),
    (f"{SAMPLE} --format png", 50, "cannot be written (File too large)"),
    ("export {model} --output out", 4000, "out cannot be written (error while serializing: I/O error: File too large"),
    ("export {model} --output out", 100, "out cannot be written (File too large); choose another place"),
    ("demo --output out", 20, "out/pvdm-demo.json cannot be written (File too large)"),
    (FIT, 300, "run/config.yaml cannot be written (File too large); choose another place"),
]
"""A disk that is full after so many bytes of a file, as the system's limit of file sizes has it."""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Good and bad files under the names that the commands have in braces."""
    folder = tmp_path_factory.mktemp("files")
    _make_videos(folder)
    _make_models(folder)
    (folder / "empty").mkdir()
    for name in ("text.ckpt", "text.mp4"):
        (folder / name).write_text("neither a video nor a model")
    return folder


def _make_videos(folder: Path) -> None:
    for name, frames in (("long", 20), ("short", 3), ("videos/train/a", 20), ("videos/val/b", 9)):
        encode(folder / f"{name}.mp4", moving(frames, 16, 24))
    whole = (folder / "long.mp4").read_bytes()
    (folder / "damaged").mkdir()
    for name in ("cut.mp4", "damaged/a.mp4"):
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "mixed").mkdir()
    for index in range(10):
        Image.new("RGB", (24 if index == 3 else 16, 16)).save(folder / "mixed" / f"f_{index}.png")


def _make_models(folder: Path) -> None:
    small_generator().save_pretrained(folder / "model")
    small_generator(denoiser=False, frames=4, height=16, width=16).save_pretrained(folder / "tiny")
    shutil.copytree(folder / "model", folder / "newer")
    config = (folder / "newer" / "config.json").read_text()
    (folder / "newer" / "config.json").write_text(config.replace("{", '{"colour": 3,', 1))
    generator = VideoGenerator.from_pretrained(folder / "tiny")
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    whole = {"pvdm": generator.to_config(), "state_dict": state, "pytorch-lightning_version": "2.6.0"}
    torch.save(whole, folder / "first.ckpt")
    data = (folder / "first.ckpt").read_bytes()
    (folder / "cut.ckpt").write_bytes(data[: len(data) // 2])
    torch.save({"weights": torch.zeros(3)}, folder / "foreign.ckpt")
    torch.save({**whole, "evil": Code(folder / "made")}, folder / "evil.ckpt")
    (folder / "pickle.ckpt").write_bytes(pickle.dumps(Code(folder / "made")))


def arguments(line: str, files: Path) -> list[str]:
    """A command line with the files' places, and the long options of a stage, filled in."""
    stages = {"FIRST": FIRST, "SECOND": SECOND}
    parts = [part for word in line.split() for part in stages.get(word, [word])]
    return [part.replace("{", f"{files}/").replace("}", "") for part in parts]


def refusal(ended: Ended, here: Path) -> str:
    """The sentence that a command ended with; nothing else of it is left."""
    assert problem(ended, sorted(path.name for path in here.iterdir())) is None
    assert ended.status == 2 and ended.out == "" and "usage:" not in ended.err
    return ended.err.splitlines()[-1].removeprefix("pvdm: error: ")


@pytest.mark.parametrize(
    ("line", "words"), BAD, ids=[f"{number}-{line.split()[0]}" for number, (line, _) in enumerate(BAD)]
)
def test_bad_input(isolation, files, tmp_path, line, words):
    before = sorted(files.rglob("*"))
    assert words in refusal(isolation(arguments(line, files), tmp_path), tmp_path)
    assert sorted(files.rglob("*")) == before  # also: no code of a checkpoint was run


@pytest.mark.parametrize(("line", "size", "words"), FULL_DISK)
def test_a_full_disk(isolation, files, tmp_path, line, size, words):
    assert words in refusal(isolation(arguments(line, files), tmp_path, file_size=size), tmp_path)


@pytest.mark.parametrize(
    "line", [BAD[0][0], f"{RECONSTRUCT} {{none}}.mp4", f"{SAMPLE} --steps -1", f"{FIT} --data.frames -1"]
)
def test_debug_shows_the_traceback(isolation, files, tmp_path, line):
    ended = isolation([*arguments(line, files), "--debug"], tmp_path)
    assert ended.status == 1 and "Traceback" in ended.err and "pvdm.errors." in ended.err
    assert list(tmp_path.iterdir()) == []


def with_a_bug(arguments: list[str]) -> int:
    """`pvdm` where a function, such as a constructor, raises; the first two arguments name it and the exception."""
    place, error, *command = arguments
    module, _, path = place.partition(":")
    kind, _, name = path.partition(".")
    owner = getattr(import_module(module), kind)

    @wraps(getattr(owner, name))
    def broken(*_: object, **__: object) -> None:
        raise getattr(builtins, error)("a bug")

    setattr(owner, name, broken)
    return main(command)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("pvdm.autoencoder:AutoencoderConfig.__post_init__", "ValueError"),
        ("pvdm.autoencoder:ProjectedAutoencoder.__init__", "TypeError"),
        ("pvdm.data.data_options:DataOptions.__post_init__", "ValueError"),
        ("pvdm.data.data_options:DataOptions.__post_init__", "TypeError"),
        ("pvdm.data.data_options:DataOptions.__post_init__", "KeyError"),
        ("pvdm.training.callbacks.averaging:AveragedWeights.__init__", "ValueError"),
        ("pvdm.training.run.checkpoint_files:CheckpointFiles.__init__", "TypeError"),
    ],
)
def test_a_bug_in_a_constructor_shows_its_traceback(isolation, files, tmp_path, place, error):
    target = f"{with_a_bug.__module__}:{with_a_bug.__name__}"
    ended = isolation([place, error, *arguments(FIT, files)], tmp_path, target=target)
    assert ended.status == 1 and "Traceback" in ended.err and "raise getattr(builtins, error)(" in ended.err
    assert "pvdm: error: " not in ended.err


@pytest.mark.parametrize("line", [f"{SAMPLE} --num-videos 5000 --batch-size 1", f"{EXTEND} --frames 100000"])
def test_an_interruption_leaves_nothing(isolation, files, tmp_path, line):
    ended = isolation(arguments(line, files), tmp_path, interrupt_after=1.5)
    assert ended.status == 130 and ended.err.endswith("pvdm: interrupted\n") and "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_refused_command_keeps_the_config_of_the_run(isolation, files, tmp_path):
    assert isolation(arguments(FIT, files), tmp_path).status == 0
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    ended = isolation(arguments(f"{FIT} --data.height 24", files), tmp_path)
    assert ended.status == 2 and "autoencoder.height is 16 in the checkpoint and 24 in the config" in ended.err
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize("change", [lambda state: state.popitem(), lambda state: state.update(extra=torch.zeros(1))])
def test_weights_that_do_not_fit_are_said(change):
    module = autoencoder_training()
    state = dict(module.state_dict())
    change(state)
    with pytest.raises(InputError, match=r"the checkpoint's weights do not fit the model \(.+\); give another"):
        module.load_state_dict(state)


def test_more_steps_than_times_are_refused_before_the_first_clip(tmp_path):
    module = diffusion_training(tmp_path / "first", sampler=SamplerConfig(steps=5000))
    with pytest.raises(InputError, match=r"sampler.steps is 5000; give a value from 1 to 1000"):
        module.on_predict_start()
