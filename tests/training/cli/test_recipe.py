"""Recipes: what `pvdm fit` gets of each stage, and one sentence for each mistake."""

from pathlib import Path

import pytest
import yaml

from pvdm import configs
from pvdm.errors import InputError
from pvdm.training.cli.command import parsed
from pvdm.training.cli.recipe import read_recipe

STAGE = {"name": "autoencoder", "config": ["configs/autoencoder.yaml"]}


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.mark.parametrize("file", sorted((configs.FOLDER / "recipes").glob("*.yaml")), ids=lambda file: file.stem)
def test_each_recipe_of_the_package_is_accepted_by_fit(file, tmp_path):
    recipe = read_recipe(f"configs/recipes/{file.name}")
    assert recipe.name == file.stem and [stage.name for stage in recipe.stages][:1] == ["autoencoder"]
    for stage in recipe.stages:
        config = parsed([*stage.arguments({"output": tmp_path}), "--data.path", str(tmp_path)])
        assert config.data.height == config.data.width
    assert str(tmp_path) in str(config.model.init_args.autoencoder)


def test_overrides_become_options_and_places_are_filled(tmp_path):
    mix = [{"path": "{root}/a", "weight": 2}]
    overrides = {"data.loop": True, "model.x": None, "data.mix": mix, "data.path": "{root}/clips"}
    stage = read_recipe(write(tmp_path, {"stages": [{**STAGE, "overrides": overrides, "budget": 30}]})).stages[0]
    found = stage.arguments({"root": "/data"})
    assert found[0] == "-c" and found[1].endswith("configs/autoencoder.yaml") and stage.budget == 30
    assert found[2:] == [
        *("--data.loop", "true", "--model.x", "null"),
        *("--data.mix", '[{"path": "/data/a", "weight": 2}]', "--data.path", "/data/clips"),
    ]
    with pytest.raises(InputError, match=r"data.mix of stage autoencoder names the place \{root\}; the places here"):
        stage.arguments({"output": "x"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"stages": []}, "has no stages; list them"),
        ({}, "has no stages"),
        ("stages: [", "is not YAML"),
        ({"stages": [STAGE], "stage": []}, r"unknown key stage \(did you mean stages\?\); the keys are stages"),
        ({"stages": ["autoencoder"]}, "stage 1 of .* is autoencoder; give a mapping"),
        ({"stages": [STAGE, {**STAGE, "overides": {}}]}, r"stage 2 .* unknown key overides \(did you mean overrides"),
        ({"stages": [STAGE, STAGE]}, "two stages autoencoder"),
        ({"stages": [{"config": ["configs/gan.yaml"]}]}, "the name of stage 1 .* is None; give letters"),
        ({"stages": [{**STAGE, "name": "../x"}]}, r"is \.\./x; give letters"),
        ({"stages": [{"name": "a"}]}, "config of stage 1 .* is None; list its configs"),
        ({"stages": [{**STAGE, "config": ["configs/none.yaml"]}]}, "there is no config configs/none.yaml"),
        ({"stages": [{**STAGE, "overrides": [1]}]}, "overrides of stage 1"),
        ({"stages": [{**STAGE, "budget": 0}]}, "budget of stage 1 .* is 0; give seconds"),
        ({"stages": [{**STAGE, "encode": True}]}, "encode of stage 1 .* is True; give the frames"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as error:
        read_recipe(write(tmp_path, content))
    assert "\n" not in str(error.value)


def test_a_recipe_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match=r"there is no config .*none"):
        read_recipe(tmp_path / "none.yaml")
