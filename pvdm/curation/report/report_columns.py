"""The columns of a catalogue as its report shows them: scores with thresholds, and categories with choices."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from pvdm.curation.report.score_scales import Scale, scale_of
from pvdm.curation.report.score_words import WORDS, words_of
from pvdm.data.catalogue.clip_table import FILE_FACTS, SPAN
from pvdm.data.catalogue.where import column

MOST_CHOICES = 12
"""Different texts of a column up to which they are a category."""

SIZES = ("fps", "height", "width")
NO_SCORES = ({*SPAN} - {*SIZES}) | {*FILE_FACTS, "cuts", "text", "watermark", "error"}
NOT_MEASURED = "not measured"
NO_CUTS, NO_DUPLICATES = "cuts == 0", "not duplicate_of"


class Score(NamedTuple):
    """A number that each clip may have: (n,) float64, NaN where it has none; its thresholds; whether it is whole."""

    name: str
    values: np.ndarray
    scale: Scale
    whole: bool


class Choice(NamedTuple):
    """A value of a category: the word for it, its expression, and whether the page begins with such clips."""

    word: str
    expression: str
    kept: bool = True


class Category(NamedTuple):
    """Values by which clips are kept or not: (n,) uint8 place of each clip's value in `choices`."""

    name: str
    codes: np.ndarray
    choices: Sequence[Choice]


def usable(table: pa.Table) -> pa.Table:
    """The rows that are clips, without those of files that cannot be used."""
    return table.filter(pc.and_(pc.is_null(table["error"]), pc.is_valid(table["first_frame"])))


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column, or `seconds`, as (n,) floats of its own precision, NaN where it has no value."""
    values = column(name, table)
    kind = values.type if kinds.is_floating(values.type) else pa.float64()
    return values.cast(kind, safe=False).to_numpy(zero_copy_only=False)  # whole numbers above 2^53 are rounded


def scores_of(table: pa.Table) -> tuple[list[Score], dict[str, str]]:
    """The scores by which clips differ, group by group, and why the other numbers are not among them."""
    found, left_out = [], {}
    for name, whole in _numeric(table.schema):
        if not _can_be_named(name):
            left_out[name] = "its name cannot stand in an expression"
            continue
        values = numbers(table, name)
        if scale := scale_of(values, whole=whole):
            found.append(Score(name, values, scale, whole))
        else:
            is_absent = np.isnan(values).all()
            left_out[name] = NOT_MEASURED if is_absent else f"{np.nanmin(values):g} for all clips"
    return sorted(found, key=lambda score: _place(score.name)), left_out


def _numeric(schema: pa.Schema) -> Iterator[tuple[str, bool]]:
    """The columns that are scores or sizes, and whether each has integers."""
    yield "seconds", False
    for field in schema:
        whole = kinds.is_integer(field.type)
        if field.name not in NO_SCORES and (whole or kinds.is_floating(field.type)):
            yield field.name, whole


def _place(name: str) -> tuple[int, int]:
    """The place of a score's group, and its own; those without words come last, in the order of the table."""
    groups, names = list(dict.fromkeys(words.group for words in WORDS.values())), list(WORDS)
    group, known = words_of(name).group, name in WORDS
    return (groups.index(group) if known else len(groups), names.index(name) if known else len(names))


def categories_of(table: pa.Table) -> list[Category]:
    """What else tells clips apart; the page begins without unsure cuts and without duplicates."""
    found = (_category(field, table[field.name]) for field in table.schema if _can_be_named(field.name))
    return [category for category in found if category]


def _can_be_named(name: str) -> bool:
    """Whether a column can be part of an expression."""
    return name.isidentifier() and not keyword.iskeyword(name)


def _category(field: pa.Field, values: pa.ChunkedArray) -> Category | None:
    """None if all clips are alike, or if there are too many values."""
    name = field.name
    if name == "cuts":
        cuts = {False: Choice("no unsure cut inside", NO_CUTS), True: Choice("unsure cuts inside", "cuts > 0", False)}
        return _chosen(name, pc.greater(values, 0), cuts)
    if name == "duplicate_of":
        twice = {False: Choice("kept ones", NO_DUPLICATES), True: Choice("duplicates of others", name, False)}
        return _chosen(name, pc.not_equal(values.fill_null(""), ""), twice)
    if kinds.is_boolean(field.type):
        return _chosen(name, values, {False: Choice("no", f"not {name}"), True: Choice("yes", name)})
    if name in NO_SCORES or not kinds.is_string(field.type):
        return None
    words = sorted(pc.unique(values.drop_null()).to_pylist())
    choices = {word: Choice(word, f"{name} == {json.dumps(word, ensure_ascii=False)}") for word in words}
    return _chosen(name, values, choices) if len(words) <= MOST_CHOICES else None


def _chosen(name: str, values: pa.ChunkedArray, choices: Mapping[Any, Choice]) -> Category | None:
    """The category of a column whose values are keys of `choices`; no value is one more choice, if it occurs."""
    known = pa.array(list(choices), values.type)
    codes = pc.index_in(values, known).fill_null(len(known)).to_numpy().astype(np.uint8)
    found = [*choices.values(), Choice(NOT_MEASURED, f"{name} is None")]
    present = np.unique(codes)
    if len(present) < 2:
        return None
    return Category(name, np.searchsorted(present, codes).astype(np.uint8), [found[code] for code in present])
