"""A run on a mix of data sets: every batch as its order says, a resumed run as an uninterrupted one."""

import shlex

import pytest
import torch
import yaml
from miniature import arguments, read

from pvdm.cli import main
from pvdm.data.data_options import parse_options
from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.training.callbacks.averaging import RAW
from pvdm.training.cli.command import parsed
from pvdm.training.cli.next_command import stage_2_command

SCENES = "{layout: scenes, weight: 3, clips_per_video: 1, scenes: {videos: 6, held_out: 2}}"


@pytest.fixture
def mix(make_video, tmp_path) -> str:
    for index in range(3):
        make_video(f"own/{index}.mp4", frames=12, height=16, width=24)
    return f"[{{path: {tmp_path / 'own'}, validation_fraction: 0}}, {SCENES}]"


def words(run, mix: str, **options) -> list[str]:
    given = arguments("fit", "autoencoder", run, None, data__mix=mix, model__lpips_weight=0, **options)
    return [word for word in given if word != "--data.path=None"]


def test_a_resumed_run_equals_an_uninterrupted_one(mix, tmp_path):
    options = {"data__batch_size": 2, "trainer__val_check_interval": 2, "model__accumulate": 1}
    main(words(tmp_path / "straight", mix, trainer__max_steps=12, **options))
    for steps in (3, 10, 12):
        main(words(tmp_path / "resumed", mix, trainer__max_steps=steps, **options))
    straight, resumed = read(tmp_path / "straight"), read(tmp_path / "resumed")
    assert straight["global_step"] == resumed["global_step"] == 12
    for name in ("state_dict", RAW):
        torch.testing.assert_close(resumed[name], straight[name], rtol=0, atol=0)


def test_batches_have_the_sets_by_weight_and_labels_where_a_set_has_them(mix):
    sets = parse_options({"mix": yaml.safe_load(mix)}).mix
    module = VideoData(mix=sets, frames=4, height=16, width=16, batch_size=5, workers=0)
    module.prepare_data()
    module.setup()
    batches = [*module.train_dataloader()]
    paths = [path for batch in batches for path in batch["path"]]
    labels = [label for batch in batches for label in batch["label"].tolist()]
    assert len(paths) == 15 and sum(path.startswith("scenes:") for path in paths) == 11  # 3 of 4 parts
    assert all((label >= 0) == path.startswith("scenes:") for path, label in zip(paths, labels, strict=True))
    assert next(iter(module.val_dataloader()))["path"][0].startswith("scenes:")


def test_the_next_command_has_the_mix(mix):
    given = ["-c", "configs/autoencoder.yaml", f"--data.mix={mix}"]
    line = stage_2_command(["fit", *given], parsed(given), "best.ckpt", parsed)
    following = parsed(shlex.split(line)[2:])
    assert following.data.mix == parsed(given).data.mix and "--data.path" not in line


def test_an_unknown_option_of_a_set_is_named():
    wrong = ["-c", "configs/autoencoder.yaml", "--data.mix=[{layout: scenes, wieght: 2}]"]
    with pytest.raises(InputError, match=r"data\.mix\.wieght is not an option of MixedSet \(did you mean data\.mix\.w"):
        parsed(wrong)
