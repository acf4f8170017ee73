"""Steps of the user's own: functions by their dotted names, what they may return, and errors in one sentence."""

import pickle
import sys

import pytest

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.steps.function_step import FunctionStep, column_types
from pvdm.errors import InputError
from pvdm.video import probe

MODULE = '''
import numpy as np

class Own(Exception):
    """Of no built-in kind."""

def brightness(clip):
    frames = clip.at([0, 1])
    mean = frames.mean(dtype=np.float32)
    found = {"level": mean, "frames": np.int64(clip.frames), "name": clip.file}
    return {**found, "dark": np.bool_(mean < 50), "more": None}

def a_list(clip):
    return [1]

def nested(clip):
    return {"level": [1, 2]}

def bad_name(clip):
    return {"two words": 1}

def fails(clip):
    raise Own("No luck. Sorry.")

constant = 3
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own_scores.py").write_text(MODULE)
    (tmp_path / "mine" / "broken_scores.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.delitem(sys.modules, "mine.own_scores", raising=False)
    return tmp_path


@pytest.fixture
def clip(make_video) -> ClipFrames:
    path = make_video("a.mp4", frames=30)
    return ClipFrames(path, probe(path), 5, 14, "sub/a.mp4")


@pytest.mark.parametrize("name", ["mine.own_scores:brightness", "mine.own_scores.brightness"])
def test_columns_are_what_the_function_returns(package, clip, name):
    step = pickle.loads(pickle.dumps(FunctionStep(name)))
    step.check()
    found = step.score(clip)
    assert (step.name, found.pop("level")) == (name, pytest.approx((5 + 14) / 2 * 4, abs=1))
    assert found == {"frames": 10, "name": "sub/a.mp4", "dark": True, "more": None}
    assert [type(value) for value in found.values()] == [int, str, bool, type(None)]


def test_a_changed_module_changes_the_settings(package):
    before = FunctionStep("mine.own_scores:brightness").settings()
    assert before == FunctionStep("mine.own_scores:brightness").settings()
    (package / "mine" / "own_scores.py").write_text(MODULE + "\n")
    assert FunctionStep("mine.own_scores:brightness").settings() != before


def test_types_of_columns():
    rows = [{"a": 1, "b": "x", "c": True, "d": None, "e": 1}, {"a": 2.5, "b": None, "e": 3}]
    assert column_types(rows) == {"a": "float32", "b": "string", "c": "bool", "d": "float32", "e": "int64"}
    with pytest.raises(InputError, match="the column a has values of types int64, string; return one type for it"):
        column_types([{"a": 1}, {"a": "x"}])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "nothing is no function's name; give one such as package.module:function"),
        (
            "no_such_module:f",
            r"the module no_such_module of the step .* cannot be imported \(ModuleNotFoundError: no mod",
        ),
        (
            "mine.broken_scores:f",
            r"cannot be imported \(ModuleNotFoundError: no module named 'no_such_package'\); mend",
        ),
        ("mine.own_scores:gone", "mine.own_scores has no function gone"),
        ("mine.own_scores:constant", "mine.own_scores has no function constant"),
    ],
)
def test_what_cannot_be_imported_is_refused_before_anything(package, name, message):
    with pytest.raises(InputError, match=message):
        FunctionStep(name).check()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a_list", "mine.own_scores:a_list returns a list; return a dict such as"),
        ("nested", "returns a list for level"),
        ("bad_name", "returns a column named 'two words'"),
        ("fails", r"fails failed at frames 5 to 14 of sub/a.mp4 \(Own: no luck; Sorry\); mend it"),
    ],
)
def test_wrong_functions_are_errors_of_the_clip(package, clip, name, message):
    with pytest.raises(InputError, match=message):
        FunctionStep(f"mine.own_scores:{name}").score(clip)


def test_an_error_about_the_clip_and_an_interrupt_pass_as_they_are(clip, monkeypatch):
    step = FunctionStep("a:b")
    for error in (InputError("as it is"), KeyboardInterrupt()):

        def raising(clip, error=error):
            raise error

        monkeypatch.setitem(step.__dict__, "_function", raising)
        with pytest.raises(type(error)) as caught:
            step.score(clip)
        assert caught.value is error


def test_a_module_in_the_working_directory_is_found(tmp_path, monkeypatch, clip):
    (tmp_path / "scores_here.py").write_text("def f(clip):\n    return {'x': 1}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    assert FunctionStep("scores_here:f").score(clip) == {"x": 1}
