"""The search space: what its file may hold, the points of a grid, and the check against the parser's keys."""

import math

import pytest
import yaml

from pvdm.errors import InputError
from pvdm.training.search.hyperparameter_search import check_space
from pvdm.training.search.search_space import SearchSpace, options_of

CONFIG = ("-c", "configs/autoencoder.yaml", "-c", "configs/sizes/autoencoder-small.yaml", "--data.path", "videos")


@pytest.fixture
def space(tmp_path):
    """`space(text)` -> the space in a file of this text."""

    def read(text: str) -> SearchSpace:
        (tmp_path / "search.yaml").write_text(text)
        return SearchSpace.read(tmp_path / "search.yaml")

    return read


def test_every_kind_of_entry(space):
    found = space(
        """
        model.optimizer.learning_rate: {type: log, low: 1e-4, high: 1.0e-2}
        averaging.decay: {low: 0.5, high: 0.9, step: 0.1}
        model:
          init_args:
            autoencoder:
              channels: {type: int, low: 64, high: 256, step: 64}
              depth: [1, 2]
            optimizer: {betas: {choices: [[0.9, 0.99], [0.5, 0.9]]}}
        data.batch_size: {low: 2, high: 16, log: true}
        """
    )
    rate, decay, channels, depth, betas, size = found.dimensions
    assert (rate.key, rate.kind, rate.low, rate.high, rate.log) == (
        "model.optimizer.learning_rate",
        "float",
        1e-4,
        1e-2,
        True,
    )
    assert (decay.kind, decay.step, decay.log) == ("float", 0.1, False)
    assert (channels.key, channels.kind, channels.step) == ("model.autoencoder.channels", "int", 64)
    assert (depth.kind, depth.choices) == ("categorical", (1, 2))
    assert betas.choices == ("[0.9, 0.99]", "[0.5, 0.9]") and betas.key == "model.optimizer.betas"
    assert (size.kind, size.log) == ("int", True)
    check_space(found, CONFIG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a mapping of config keys to their values"),
        ("- 3", "is not a mapping of config keys"),
        ("a: {low: [", "cannot be read as YAML"),
        ("data.batch_size: 3", "data.batch_size is 3 in the search space; give a list of choices, or a mapping"),
        ("data.batch_size: [3]", "data.batch_size has no choices in the search space; give a list of at least two"),
        ("data.batch_size: [3, 3]", "data.batch_size has a choice twice"),
        ("data.batch_size: {low: 1, high: 4, stepp: 1}", r"stepp is not an entry of .* \(did you mean step\?\)"),
        ("data.batch_size: {type: itn, low: 1, high: 4}", r"the type of .* is itn .*; give one of float, log, int"),
        ("data.batch_size: {low: 1}", "high of data.batch_size is missing in the search space; give a number"),
        ("data.batch_size: {type: int, low: 1, high: 2.5}", "high of data.batch_size is 2.5 .*; give a whole number"),
        ("data.batch_size: {low: many, high: 2.5}", "low of data.batch_size is 'many'"),
        ("data.batch_size: {low: true, high: 2.5}", "low of data.batch_size is True"),
        ("data.batch_size: {low: 4, high: 4}", "has low 4 and high 4 in the search space; give a low below high"),
        ("data.batch_size: {type: log, low: 0, high: 4}", r"has low 0.0 on a logarithmic scale .*; give a low above 0"),
        ("data.batch_size: {low: 1, high: 4, step: -1}", "has step -1 in the search space; give a step above 0"),
        ("data.batch_size: {low: 1, high: 4, log: true, step: 2}", "leave it out: a logarithmic scale has no steps"),
        ("data.batch_size: {low: 1, high: 4, log: 3}", "log of data.batch_size is 3"),
        ("data.batch_size: {choices: [1, 2], low: 1}", "has choices and low in the search space"),
        ("data.batch_size: {low: 1, high: 4, points: 1}", "has points 1 in the search space; give at least 2"),
        ("data.batch_size: [1, 2]\ndata: {batch_size: [1, 2]}", "data.batch_size is in the search space .* twice"),
    ],
)
def test_a_faulty_file_is_refused_in_a_sentence(space, text, message):
    with pytest.raises(InputError, match=message) as refused:
        space(text)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no search space .*absent.yaml; check --search"):
        SearchSpace.read(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model.optimizer.learning_rat: [1, 2]",
            r"learning_rat is not .*\(did you mean model.optimizer.learning_rate\?\)",
        ),
        ("model.autoencoder.chanels: [8, 16]", r"chanels is not .*\(did you mean model.autoencoder.channels\?\)"),
        ("data.batch_siz: [1, 2]", r"data.batch_siz is not .*\(did you mean data.batch_size\?\)"),
        ("modell.optimizer.name: [adam, adamw]", "modell.optimizer.name is not"),
        ("data.batch_size: {low: 1.5, high: 3}", "data.batch_size is 1.5; give a whole number"),
        ("model.optimizer.name: [adam, adm]", "model.optimizer.name is adm; give one of adamw, adam, rmsprop, muon"),
        ("model.autoencoder.frames: [8, 16]", "model.autoencoder.frames follows from another key; leave it out"),
        ("trainer.default_root_dir: [a, b]", "trainer.default_root_dir cannot be searched"),
        ("seed_everything: [1, 2]", "seed_everything cannot be searched"),
    ],
)
def test_keys_and_values_are_checked_on_the_parser(space, text, message):
    with pytest.raises(InputError, match=message) as refused:
        check_space(space(text), CONFIG)
    assert "\n" not in str(refused.value)


def test_the_points_of_a_grid(space):
    found = space(
        """
        model.optimizer.learning_rate: {type: log, low: 1e-4, high: 1e-2, points: 3}
        data.batch_size: {type: int, low: 2, high: 6, step: 2}
        model.accumulate: {type: log, low: 1, high: 8, points: 4}
        model.autoencoder.depth: [1, 2]
        averaging.decay: {low: 0.5, high: 0.9, step: 0.1}
        """
    )
    rate, size, _, depth, decay = (dimension.grid() for dimension in found.dimensions)
    assert [math.log10(value) for value in rate] == [pytest.approx(power) for power in (-4, -3, -2)]
    assert size == [2, 4, 6] and depth == [1, 2]
    assert decay == [pytest.approx(value) for value in (0.5, 0.6, 0.7, 0.8, 0.9)]
    points = found.grid()
    assert len(points) == 3 * 3 * 4 * 2 * 5 and len({str(point) for point in points}) == len(points)
    with pytest.raises(InputError, match=r"averaging.decay has no points for a grid; give it points: 5"):
        space("averaging.decay: {low: 0.5, high: 0.9}").grid()
    with pytest.raises(InputError, match="the grid has 1000001 points, more than 10000; give fewer"):
        space("trainer.max_steps: {low: 0, high: 1000000}").grid()


def test_points_are_options_that_yaml_reads_back():
    point = {"a": 1e-05, "b": None, "c": True, "d": "[1, 2]", "e": "adam", "f": 3}
    options = options_of(point)
    assert options[4:] == ["--e=adam", "--f=3"] and options[3] == "--d=[1, 2]"
    read = [yaml.safe_load(option.partition("=")[2]) for option in options]
    assert read == [1e-05, None, True, [1, 2], "adam", 3]
