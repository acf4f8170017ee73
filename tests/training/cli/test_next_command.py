"""The command that a run logs at its end uses its result."""

import shlex
from pathlib import Path

from pvdm.training.cli.command import parsed
from pvdm.training.cli.next_command import export_command, sampling_command, stage_2_command

STAGE_1 = ["-c", "configs/autoencoder.yaml", "--data.path", "my videos"]
BEST = Path("runs/it's best/checkpoints/best.ckpt")


def following(*given: str) -> tuple[str, list[str]]:
    """The command after stage 1 with these arguments, and its arguments as a shell reads them."""
    arguments = [*STAGE_1, *given]
    line = stage_2_command(["fit", *arguments], parsed(arguments), BEST, parsed)
    words = shlex.split(line)
    assert words[:2] == ["pvdm", "fit"]
    return line, words[2:]


def test_nothing_is_said_that_the_config_says():
    line, _ = following()
    assert line == (
        "pvdm fit -c configs/diffusion.yaml --data.path 'my videos' "
        """--model.autoencoder 'runs/it'"'"'s best/checkpoints/best.ckpt'"""
    )


def test_the_second_recipe_continues_with_its_own_stage():
    first = ["-c", "configs/spectral.yaml", "-c", "configs/sizes/spectral-64.yaml", "--data.path", "videos"]
    words = shlex.split(stage_2_command(["fit", *first], parsed(first), BEST, parsed))
    assert words[2:6] == ["-c", "configs/velocity.yaml", "-c", "configs/sizes/velocity-64.yaml"]
    assert parsed(words[2:]).model.init_args.denoiser.width == 192


def test_sizes_and_layout_are_kept_as_they_were_given():
    line, words = following("-c", "configs/sizes/autoencoder-tiny.yaml", "--config=configs/data/ucf101.yaml")
    assert words[:6] == [
        *("-c", "configs/diffusion.yaml", "-c", "configs/sizes/diffusion-tiny.yaml"),
        *("-c", "configs/data/ucf101.yaml"),
    ]
    assert line.count("--") == 2  # the path and the autoencoder
    config = parsed(words)
    assert (config.data.layout, config.data.height, config.trainer.precision) == ("ucf101", 64, "32-true")


def test_what_the_user_has_set_for_the_data_and_the_machine_is_kept():
    _, words = following(
        *("--data.height", "128", "--data.fps", "12.5", "--data.layout", "classes", "--data.random_crop", "false"),
        *("--data.card.source", "a friend's phone; 2024", "--data.batch_size", "3", "--seed_everything", "7"),
        *("--trainer.accelerator", "cpu", "--trainer.precision", "32-true", "--trainer.max_steps", "9"),
    )
    config, default = parsed(words), parsed(["-c", "configs/diffusion.yaml", *words[words.index("--data.path") :][:4]])
    data = config.data
    assert (data.height, data.width, data.fps, data.layout, data.random_crop) == (128, 256, 12.5, "classes", False)
    assert (data.card.source, config.seed_everything) == ("a friend's phone; 2024", 7)
    assert (config.trainer.accelerator, config.trainer.precision) == ("cpu", "32-true")
    assert (data.batch_size, data.clips) == (default.data.batch_size, 2)
    assert config.trainer.max_steps == default.trainer.max_steps


def test_the_folder_of_stage_2_is_another():
    used, planned = parsed(STAGE_1), parsed(["-c", "configs/diffusion.yaml", *STAGE_1[2:], "--model.autoencoder=a"])
    others = {
        "runs/autoencoder": None,  # runs/diffusion, as the config says
        ".": None,
        "runs/sky_autoencoder": "runs/sky_diffusion",
        "runs/first try": "runs/first try_diffusion",
    }
    for folder, other in others.items():
        used.trainer.default_root_dir = folder
        words = shlex.split(stage_2_command(["fit", *STAGE_1], used, BEST, lambda _: planned))
        assert words[-2:] == (["--trainer.default_root_dir", other] if other else ["--model.autoencoder", str(BEST)])


def test_configs_of_the_users_own(tmp_path):
    """Those of stage 1 have no place in stage 2 but by their counterparts; what they set for the data has."""
    sizes, data = tmp_path / "my_autoencoder.yaml", tmp_path / "my data.yaml"
    sizes.write_text("model: {class_path: pvdm.training.AutoencoderTraining}\ndata: {height: 96, stride: 2}\n")
    data.write_text("data: {card: {name: mine}}\n")
    _, words = following("-c", str(sizes), "-c", str(data))
    assert words[:4] == ["-c", "configs/diffusion.yaml", "-c", str(data)]
    config = parsed(words)
    assert (config.data.height, config.data.stride, config.data.card.name) == (96, 2, "mine")
    counterpart = tmp_path / "my_diffusion.yaml"
    counterpart.write_text("data: {height: 96, stride: 2}\n")
    _, words = following("-c", str(sizes), "-c", str(data))
    assert words[:6] == ["-c", "configs/diffusion.yaml", "-c", str(counterpart), "-c", str(data)]
    assert "--data.height" not in words


def test_output_goes_where_nothing_is(tmp_path):
    best = tmp_path / "checkpoints" / "best.ckpt"
    for number in ("", "_2", "_3"):
        for command, name in ((sampling_command, "samples"), (export_command, "model")):
            words = shlex.split(command(best, tmp_path))
            assert words[2] == str(best)
            assert words[-1] == str(tmp_path / f"{name}{number}")
            Path(words[-1]).mkdir()
