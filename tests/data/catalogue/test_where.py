"""Expressions: what passes, what a missing value does, and what is refused in a sentence."""

import pyarrow as pa
import pytest

from pvdm.data.catalogue.clip_table import table_of
from pvdm.data.catalogue.where import columns_of, conditions_of, joined, passing
from pvdm.errors import InputError

ROWS = [
    {"first_frame": 0, "last_frame": 31, "start_seconds": 1.0, "end_seconds": 2.28, "motion": 0.3, "cuts": 0},
    {"first_frame": 32, "last_frame": 41, "motion": None, "cuts": 2, "kind": "still", "duplicate_of": "x"},
    {"first_frame": 50, "last_frame": 99, "motion": 4.0, "cuts": 1, "kind": "video", "captions": ["a dog"]},
    {"motion": float("nan"), "kind": "shaking", "captions": [], "duplicate_of": "", "mine": -1},
]
TABLE = table_of(ROWS)


def passed(text: str) -> list[int]:
    result = passing(text, TABLE)
    assert result.type == pa.bool_() and not result.null_count
    return [number for number, passes in enumerate(result.to_pylist()) if passes]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("motion > 0.3", [2]),
        ("motion >= 0.3", [0, 2]),  # as the column stores it, in float32
        ("motion == 0.3", [0]),
        ("0.3 == motion", [0]),
        ("motion != 0.3", [2]),
        ("0.1 < motion <= 4", [0, 2]),
        ("0.5 < motion > 3", [2]),
        ("motion * 2 - 1 > cuts", [2]),
        ("-motion < -1", [2]),
        ("cuts / 2 == 0.5", [2]),
        ("cuts / 0 > 1", [1, 2]),
        ("frames == 10", [1]),
        ("frames >= 32 and seconds < 2", [0]),
        ("kind == 'video'", [2]),
        ("kind in ['video', 'shaking']", [2, 3]),
        ("kind not in ('video',)", [1, 3]),
        ("cuts in {0, 1}", [0, 2]),
        ("kind in []", []),
        ("'ak' in kind", [3]),
        ("kind < 'still'", [3]),
        ("not duplicate_of", [0, 2, 3]),
        ("duplicate_of", [1]),
        ("captions", [2]),
        ("not captions", [0, 1, 3]),
        ("cuts or kind == 'shaking'", [1, 2, 3]),
        ("not cuts", [0]),
        ("motion is None", [1, 3]),
        ("motion == None", [1, 3]),
        ("motion is not None and kind is None", [0]),
        ("True", [0, 1, 2, 3]),
        ("1 > 2 or None", []),
        ("not error", [0, 1, 2, 3]),
        ("mine < 0", [3]),
        ("  motion\t> 1 ", [2]),
        ("(motion >\n 1)", [2]),
        ("text is None", [0, 1, 2, 3]),
    ],
)
def test_what_passes(text, rows):
    assert passed(text) == rows


@pytest.mark.parametrize("comparison", ["> 1", "< 1", "== 4", "!= 4", "in [4]", "not in [4]"])
def test_a_missing_score_passes_neither_a_comparison_nor_its_opposite(comparison):
    both = passed(f"motion {comparison}") + passed(f"not motion {comparison}")
    assert sorted(both) == [0, 2]


def test_a_condition_on_nothing_leaves_what_else_is_true():
    assert passed("motion > 1 or kind == 'still'") == [1, 2]
    assert passed("motion > 1 and kind == 'still'") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("motoin > 1", "no column motoin; did you mean motion"),
        ("durationn > 1", "no column durationn; did you mean "),
        ("motion > 'much'", "motion, a number, and 'much', a text, cannot be compared"),
        ("kind == 3", "kind, a text, and 3, a number, cannot be compared"),
        ("variable_rate == 1", "variable_rate, true or false, and 1, a number, cannot be compared"),
        ("captions == 'a dog'", "captions, a list, and 'a dog', a text, cannot be compared"),
        ("motion < None", "motion, a number, and None, nothing, cannot be compared"),
        ("kind + 1 > 2", "kind is a text, where a number is needed"),
        ("-kind == 'a'", "kind is a text, where a number is needed"),
        ("kind in captions", "captions is no list of values"),
        ("3 in kind", "kind is no list of values"),
        ("kind is 'video'", "kind is 'video' is no comparison of values"),
        ("motion = 3", "'motion = 3' is no expression"),
        ("motion > 1 && cuts", "is no expression"),
        ("", "'' is no expression"),
        ("a\0b", "is no expression"),
        ("cuts & 1", "cuts & 1 cannot be part of an expression"),
        ("cuts ** 9", r"cuts \*\* 9 cannot be part of an expression"),
        ("len(captions) > 1", r"len\(captions\) cannot be part"),
        ("__import__('os').system('true')", r"__import__\('os'\).system\('true'\) cannot be part"),
        ("(lambda: 1)()", "cannot be part of an expression"),
        ("[each for each in captions]", "cannot be part of an expression"),
        ("kind[0] == 'v'", r"kind\[0\] cannot be part"),
        ("kind.upper == 'V'", "kind.upper cannot be part"),
        ("(found := motion) > 1", "cannot be part of an expression"),
        ("f'{kind}' == 'video'", "cannot be part of an expression"),
        ("motion if cuts else 1", "cannot be part of an expression"),
        ("b'video' == kind", "cannot be part of an expression"),
        ("1j > 2", "1j cannot be part of an expression"),
        ("frames * 9223372036854775807 > 1", "cannot be computed"),
        ("cuts > 99999999999999999999999", "cannot be computed"),
        ("(" * 400 + "cuts" + ")" * 400, "is no expression"),
        ("not " * 5000 + "cuts", "is no expression|nested"),
        ("motion" + " + motion" * 5000 + " > 1", "is no expression|nested"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text, words):
    with pytest.raises(InputError, match=words) as refused:
        passing(text, TABLE)
    assert "\n" not in str(refused.value)


def test_a_column_that_the_table_lacks_is_missing_everywhere():
    table = TABLE.drop_columns(["text_area", "duplicate_of"])
    assert not any(passing("text_area < 0.1", table).to_pylist())
    assert all(passing("not duplicate_of", table).to_pylist())


def test_an_empty_table_has_no_rows_that_pass():
    for text in ("motion > 1", "True", "not duplicate_of"):
        assert passing(text, TABLE.slice(0, 0)).to_pylist() == []


def test_conditions_are_the_parts_that_all_must_pass():
    text = "cuts == 0 and (motion > 1 or kind == 'still') and (frames > 3 and not error)"
    parts = conditions_of(text)
    assert parts == ["cuts == 0", "motion > 1 or kind == 'still'", "frames > 3", "not error"]
    assert joined(parts) == "cuts == 0 and (motion > 1 or kind == 'still') and frames > 3 and not error"
    assert joined([joined(parts), "cuts == 0"]) == joined(parts)
    assert passed(joined(parts)) == passed(text)
    assert set(columns_of(text)) == {"cuts", "motion", "kind", "frames", "error"}
