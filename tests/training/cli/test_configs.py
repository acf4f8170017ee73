"""Every combination of config files builds its model, data and trainer, and says what it is read to say."""

from itertools import chain

import pytest
import torch
import yaml
from pytorch_lightning.strategies import SingleDeviceStrategy

from pvdm.autoencoder import AutoencoderConfig
from pvdm.cli import main
from pvdm.configs import FOLDER, names
from pvdm.data import Augmentation
from pvdm.diffusion import TransformerConfig, UNetConfig
from pvdm.generation import VideoGenerator
from pvdm.runtime.precision import fastest_precision
from pvdm.training import AutoencoderTraining, AveragedWeights, DiffusionTraining, ShardedStrategy, WriteVideos
from pvdm.training.cli.command import TrainingCLI, find_configs, parsed
from pvdm.training.run.checkpoints import RunCheckpoints
from pvdm.video import ColorJitter

AUTOENCODERS = [
    ["autoencoder"],
    ["autoencoder", "sizes/autoencoder-tiny"],
    ["autoencoder", "sizes/autoencoder-small"],
    ["autoencoder", "gan"],
    ["autoencoder", "sizes/autoencoder-tiny", "gan"],
    ["spectral"],
    ["spectral", "sizes/spectral-64"],
]
DIFFUSIONS = [["diffusion"], ["diffusion", "sizes/pvdm-s"]]
DIFFUSIONS += [["diffusion", "sizes/diffusion-tiny"], ["diffusion", "sizes/diffusion-small"]]
DIFFUSIONS += [["diffusion", "class_conditional"], ["diffusion", "class_conditional", "sizes/diffusion-tiny"]]
DIFFUSIONS += [["velocity"], ["velocity", "sizes/velocity-64"], ["velocity", "sizes/sprites-64"]]
WITH_DATA = [
    ["autoencoder", "data/ucf101"],
    ["diffusion", "sizes/pvdm-s", "data/ucf101"],
    ["diffusion", "data/skytimelapse"],
    ["diffusion", "sizes/diffusion-tiny", "data/latents"],
    ["autoencoder", "sizes/autoencoder-tiny", "data/folder"],
    ["autoencoder", "sizes/autoencoder-tiny", "data/scenes"],
]
WITH_STRATEGY = [["diffusion", "strategies/fsdp"]]
COMBINATIONS = AUTOENCODERS + DIFFUSIONS + WITH_DATA + WITH_STRATEGY

BESIDE = ("data/", "strategies/")
"""Folders of files that leave the networks alone."""

MILLIONS = {
    "autoencoder": 62.06,
    "autoencoder + sizes/autoencoder-tiny": 0.08,
    "autoencoder + sizes/autoencoder-small": 1.78,
    "autoencoder + gan": 62.06,
    "autoencoder + sizes/autoencoder-tiny + gan": 0.08,
    "spectral": 16.03,
    "spectral + sizes/spectral-64": 3.78,
    "diffusion": 528.27,
    "diffusion + sizes/pvdm-s": 132.16,
    "diffusion + sizes/diffusion-tiny": 0.93,
    "diffusion + sizes/diffusion-small": 3.68,
    "diffusion + class_conditional": 528.38,
    "diffusion + class_conditional + sizes/diffusion-tiny": 0.94,
    "velocity": 154.73,
    "velocity + sizes/velocity-64": 4.0,
    "velocity + sizes/sprites-64": 4.0,
}
"""Weights of the network that is trained; those of the paper's sizes are the released networks'."""


@pytest.fixture
def build(monkeypatch, tmp_path):
    """`build(["autoencoder"], "--data.height=32")` -> the TrainingCLI with all it built, weights on no device."""
    monkeypatch.setattr(VideoGenerator, "load", lambda path: VideoGenerator(AutoencoderConfig(), fps=12.0))

    def build(configs, *options):
        built = []
        monkeypatch.setattr(TrainingCLI, "_run_subcommand", lambda self, verb: built.append(self))
        files = [part for name in configs for part in ("-c", f"configs/{name}.yaml")]
        first_stage = [f"--model.autoencoder={tmp_path}"] if configs[0] in ("diffusion", "velocity") else []
        paths = [f"--data.path={tmp_path}", f"--trainer.default_root_dir={tmp_path / 'run'}"]
        with torch.device("meta"):
            main(["fit", *files, *first_stage, *paths, "--trainer.accelerator=cpu", *options])
        return built[0]

    return build


def leaves(tree: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    found = {}
    for key, value in tree.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def written(name: str) -> dict:
    return leaves(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("configs", COMBINATIONS, ids=" + ".join)
def test_it_builds_and_the_last_file_has_the_last_word(build, configs):
    cli = build(configs)
    assert type(cli.model) is (AutoencoderTraining if configs[0] in ("autoencoder", "spectral") else DiffusionTraining)
    kinds = {type(callback) for callback in cli.trainer.callbacks}
    assert kinds >= {AveragedWeights, RunCheckpoints, WriteVideos}
    strategy = ShardedStrategy if "strategies/fsdp" in configs else SingleDeviceStrategy
    assert isinstance(cli.trainer.strategy, strategy)
    wanted = {key: value for name in configs for key, value in written(name).items()}
    del wanted["trainer.default_root_dir"]  # given by the fixture
    if wanted["trainer.precision"] == "auto":
        wanted["trainer.precision"] = fastest_precision("cpu")
    found = leaves(cli.config["fit"].as_dict())
    weights = sum(value.numel() for value in cli.model.get_submodule(cli.model.trained).parameters())
    assert round(weights / 1e6, 2) == MILLIONS[" + ".join(name for name in configs if not name.startswith(BESIDE))]
    assert {key: found[key] for key in wanted} == {key: _as_parsed(value) for key, value in wanted.items()}


@pytest.mark.parametrize("stage", ["autoencoder", "diffusion"])
def test_the_rate_of_the_small_size_falls_to_the_end_of_its_training(stage):
    small = written(f"sizes/{stage}-small")
    assert small["model.init_args.optimizer.cosine_steps"] == small["trainer.max_steps"]
    assert small["trainer.max_steps"] % small["trainer.val_check_interval"] == 0  # the end is validated


def _as_parsed(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["data/ucf101", "data/skytimelapse", "data/folder"])
def test_configs_of_data_sets_leave_the_stage_alone(name):
    assert all(key.startswith("data.") for key in written(name))


def test_the_card_of_the_data_reaches_them(build):
    options = ["--data.card.license=ours", "--data.split=2", "--data.color_jitter.hue=0.1"]
    data = build(["autoencoder", "data/ucf101"], *options).datamodule.options
    assert data.samples.augmentation == Augmentation(True, True, ColorJitter(hue=0.1))
    assert (data.card.name, data.card.license, data.layout, data.split) == ("UCF101", "ours", "ucf101", 2)


def test_in_the_gan_phase_the_average_follows_faster_and_clipping_can_be_left_out(build):
    options = ["--model.adversary.start=7", "--model.clip_norm=null", "--seed_everything=5"]
    cli = build(["autoencoder", "gan"], *options)
    config = cli.model.adversary.config
    assert (config.start, config.weight) == (7, written("gan")["model.init_args.adversary.weight"])
    (averaging,) = (found for found in cli.trainer.callbacks if isinstance(found, AveragedWeights))
    assert averaging.decay == 0.999
    assert cli.model.clip_norm is None
    assert cli.datamodule.options.seed == 5  # the run's


def test_the_sizes_of_the_data_reach_the_autoencoder(build):
    sizes = ["--data.frames=8", "--data.height=64", "--data.width=32"]
    cli = build(["autoencoder", "sizes/autoencoder-tiny"], *sizes)
    config = cli.model.generator.autoencoder.config
    assert (config.frames, config.height, config.width) == (8, 64, 32)
    clip = cli.datamodule.collection.clip
    assert (clip.frames, clip.height, clip.width) == (8, 64, 32)


def test_the_sizes_of_stage_2_are_those_of_its_first_stage(build):
    generator = build(["diffusion", "sizes/diffusion-tiny"]).model.generator
    assert generator.denoiser.config.latent_shape == (16, 32, 32)
    assert generator.fps == 12


@pytest.mark.parametrize("option", ["--model.denoiser.classes=3", "--model.init_args.denoiser.classes=3"])
@pytest.mark.parametrize(("config", "kind"), [("diffusion", UNetConfig), ("velocity", TransformerConfig)])
def test_an_option_of_the_denoiser_leaves_its_class_alone(config, kind, option):
    found = parsed(["-c", f"configs/{config}.yaml", "--model.autoencoder=model", option]).model.init_args.denoiser
    assert kind(**found.as_dict()).classes == 3
    own = {key.rpartition(".")[2]: value for key, value in written(config).items() if ".denoiser." in key}
    assert own and all(found[name] == _as_parsed(value) for name, value in own.items())


def test_values_without_a_config_are_those_for_training(build):
    cli = build(["autoencoder"])
    trainer = cli.trainer
    assert trainer.num_sanity_val_steps == 0
    assert trainer.logger.log_dir.rstrip("/") == trainer.default_root_dir
    assert cli.model.adversary is None and cli.datamodule.options.seed == 0


def refusal(arguments, caplog) -> str:
    """The one sentence about options of stage 1."""
    assert main(["fit", "-c", "configs/autoencoder.yaml", "--data.path=videos", *arguments]) == 2
    (message,) = caplog.messages
    assert message.startswith("pvdm: error: ") and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("data.colour", "data.colour is not an option; see pvdm fit --help"),
        ("model.kernel_size", "model.kernel_size is not an option of AutoencoderTraining; see"),
        ("model.lpips_weigth", "AutoencoderTraining (did you mean model.lpips_weight?)"),
        ("model.optimizer.learnin_rate", "(did you mean model.optimizer.learning_rate?)"),
        ("trainer.max_stesp", "trainer.max_stesp is not an option (did you mean trainer.max_steps?)"),
        ("checkpoint.best", "checkpoint.best is not an option"),
    ],
)
def test_an_unknown_option_is_named(caplog, key, words):
    assert words in refusal([f"--{key}=3"], caplog)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("data: {colour: 3}", "data.colour is not an option"),
        ("data: {framse: 3}", "data.framse is not an option (did you mean data.frames?)"),
        (
            "model: {init_args: {autoencoder: {colour: 3}}}",
            "model.autoencoder.colour is not an option of AutoencoderConfig",
        ),
        ("model: {init_args: {optimizer: {warmup_step: 3}}}", "(did you mean model.optimizer.warmup_steps?)"),
        ("colour: 3", "colour is not an option"),
    ],
)
def test_an_unknown_key_of_a_file_is_named(caplog, tmp_path, tree, words):
    (tmp_path / "more.yaml").write_text(tree)
    assert words in refusal([f"--config={tmp_path / 'more.yaml'}"], caplog)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("data.height=tall", "data.height is tall; give a whole number"),
        ("data.random_crop=perhaps", "data.random_crop is perhaps; give true or false"),
        ("data.fps=fast", "data.fps is fast; give a number or null"),
        ("data.card=3", "data.card is '3'; give keys below it, such as name"),
        ("data.layout=heap", "data.layout is heap; give one of auto, folder, classes"),
        ("trainer.logger=perhaps", "trainer.logger is perhaps; give a Logger, a list, true or false or null"),
        ("trainer.strategy.speed=3", "trainer.strategy has the wrong type; give text or a Strategy"),
        ("model.optimizer.learning_rate=high", "model.optimizer.learning_rate is high; give a number"),
        ("model.optimizer.betas=[0.5]", "model.optimizer.betas is [0.5]; give a list of 2 values"),
        ("model=os.system", "model is os.system; give pvdm.training.AutoencoderTraining (stage 1) or"),
        ("seed_everything=-1", "seed_everything is -1; give a value from 0 to 4294967295"),
        ("data.frames=${data.none}", "a value of data.frames cannot be resolved"),
    ],
)
def test_a_value_of_another_type_is_named(caplog, tmp_path, option, words):
    if "${" in option:
        key, _, value = option.partition("=")
        (tmp_path / "more.yaml").write_text(f"data: {{{key.partition('.')[2]}: '{value}'}}")
        assert words in refusal([f"--config={tmp_path / 'more.yaml'}"], caplog)
    else:
        assert words in refusal([f"--{option}"], caplog)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"data: [1,\n b: {", "more.yaml is not YAML (expected the node content"),
        (b"data:\n\tframes: 3\n", "that cannot start any token in line 2, column 1); correct it there"),
        (bytes(range(256)), "more.yaml is not YAML ('utf-8' codec can't decode"),
        (b"- 1\n- 2\n", "more.yaml is not a mapping of keys to values"),
        (b"", "more.yaml is not a mapping of keys to values"),
        (b"data: !!python/object/apply:os.system ['touch made']", "could not determine a constructor for the tag"),
        (None, "there is no config"),
    ],
)
def test_a_damaged_config_is_named(caplog, tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "more.yaml").write_bytes(content)
    assert words in refusal(["-c", str(tmp_path / "more.yaml")], caplog)
    assert not (tmp_path / "made").exists()


def test_configs_of_the_package_are_found_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = find_configs(["fit", "-c", "configs/autoencoder.yaml", "--config", "mine.yaml", "configs/autoencoder.yaml"])
    assert found == ["fit", "-c", f"{FOLDER}/autoencoder.yaml", "--config", "mine.yaml", "configs/autoencoder.yaml"]


def test_a_file_of_ones_own_comes_before_the_packages(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs" / "autoencoder.yaml"
    own.parent.mkdir()
    own.write_text("")
    assert find_configs(["fit", "-c", "configs/autoencoder.yaml"])[2] == "configs/autoencoder.yaml"


def test_all_configs_of_the_package_are_tested():
    own = {
        "adapter",
        "adversarial",
        "consistency",
        *(name for name in names() if name.startswith("recipes/")),
    }  # which have tests of their own
    assert set(names()) - own == set(chain(*COMBINATIONS))
