"""Expressions over the columns of a catalogue, such as "cuts == 0 and motion > 0.3 and not duplicate_of".

They are written as in Python, and read as its syntax tree; nothing of them is executed. A missing value is neither
above nor below anything: no comparison with it passes, nor does the opposite of one. A text or a list that is missing
counts as empty.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pvdm.data.catalogue.clip_table import COLUMNS
from pvdm.errors import InputError, one_line

Value = pa.Array | pa.ChunkedArray | pa.Scalar
"""A column, or one value for all rows."""

DERIVED = {
    "frames": ("last_frame", "first_frame", 1),
    "seconds": ("end_seconds", "start_seconds", 0),
}
"""Lengths of a clip: the difference of two columns, and what is added."""

COMPARISONS: dict[type, Callable[..., Value]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
ARITHMETIC: dict[type, Callable[..., Value]] = {
    ast.Add: pc.add_checked,
    ast.Sub: pc.subtract_checked,
    ast.Mult: pc.multiply_checked,
    ast.Div: pc.divide,
}
REMEDY = "write columns, numbers and texts with comparisons, and, or, not, in, is None, + - * and /"


def passing(text: str, table: pa.Table) -> pa.Array | pa.ChunkedArray:
    """Which rows of a table pass an expression, (n,) bool; `InputError` for anything that is not one."""
    try:
        result = _Rows(table).truth(_parsed(text))
    except (pa.ArrowException, OverflowError) as error:
        raise _refused(f"{text} cannot be computed ({one_line(error)})") from error
    except RecursionError as error:
        raise _refused(f"{text[:60]} is nested too deeply") from error
    result = pc.fill_null(result, False)
    return pa.array([result.as_py()] * table.num_rows, pa.bool_()) if isinstance(result, pa.Scalar) else result


def conditions_of(text: str) -> list[str]:
    """The parts of an expression that all must pass: those that `and` joins; `InputError` as of `passing`."""
    return [ast.unparse(node) for node in _joined(_parsed(text))]


def joined(conditions: Iterable[str]) -> str:
    """One expression that passes where all of these do; each of their parts is in it once."""
    nodes = [node for text in conditions for node in _joined(_parsed(text))]
    parts = (f"({ast.unparse(node)})" if isinstance(node, ast.BoolOp) else ast.unparse(node) for node in nodes)
    return " and ".join(dict.fromkeys(parts))


def columns_of(text: str) -> list[str]:
    """The columns that an expression names, each once."""
    names = (node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name))
    return list(dict.fromkeys(names))


def column(name: str, table: pa.Table) -> Value:
    """A column of a table, without NaN; all null if it is one of `COLUMNS` that the table lacks.

    `frames` and `seconds` are the lengths of clips. `InputError` for any other name, with the nearest column.
    """
    if name in table.column_names:
        return _without_nan(table.column(name))
    if name in DERIVED:
        last, first, more = DERIVED[name]
        return pc.add(pc.subtract(column(last, table), column(first, table)), more)
    if name in COLUMNS:
        return pa.nulls(table.num_rows, COLUMNS[name])
    known = dict.fromkeys([*table.column_names, *COLUMNS, *DERIVED])
    nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise InputError(f"the catalogue has no column {name}", f"did you mean {nearest}?", option="where")


class _Rows:
    """The values of expressions for the rows of a table."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def truth(self, node: ast.expr) -> Value:
        """Whether a value counts as true: a number that is not 0, a text or a list that is not empty."""
        value = self.value(node)
        kind = _kind(value)
        if kind == "nothing":
            return pa.scalar(False)
        if kind == "text":
            return pc.fill_null(pc.not_equal(value, ""), False)
        if kind == "list":
            return pc.fill_null(pc.greater(pc.list_value_length(value), 0), False)
        return pc.not_equal(value, 0) if kind == "number" else value

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as constant):
                return pa.scalar(constant)
            case ast.Name(id=name):
                return column(name, self.table)
            case ast.BoolOp(op=op, values=parts):
                join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
                return reduce(join, map(self.truth, parts))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return pc.invert(self.truth(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return pc.negate(self._number(operand))
            case ast.BinOp(op=op, left=left, right=right) if type(op) in ARITHMETIC:
                return self._computed(op, left, right)
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others[:-1]], ops, others, strict=True)
                return reduce(pc.and_kleene, (self._compared(*pair) for pair in pairs))
        raise _refused(f"{ast.unparse(node)} cannot be part of an expression")

    def _computed(self, op: ast.operator, left: ast.expr, right: ast.expr) -> Value:
        """Whole numbers stay whole, except in a division."""
        values = [self._number(side) for side in (left, right)]
        is_whole = all(pa.types.is_integer(value.type) for value in values) and not isinstance(op, ast.Div)
        kind = pa.int64() if is_whole else pa.float64()
        return _without_nan(ARITHMETIC[type(op)](*(value.cast(kind) for value in values)))

    def _number(self, node: ast.expr) -> Value:
        value = self.value(node)
        if _kind(value) != "number":
            raise _refused(f"{ast.unparse(node)} is {_shown(value)}, where a number is needed")
        return value

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._contained(left, right)
            return found if isinstance(op, ast.In) else pc.invert(found)
        if isinstance(right, ast.Constant) and right.value is None and isinstance(op, (ast.Is, ast.Eq)):
            return pc.is_null(self.value(left))
        if isinstance(right, ast.Constant) and right.value is None and isinstance(op, (ast.IsNot, ast.NotEq)):
            return pc.is_valid(self.value(left))
        if type(op) not in COMPARISONS:
            raise _refused(f"{ast.unparse(ast.Compare(left, [op], [right]))} is no comparison of values")
        return self._compared_values(COMPARISONS[type(op)], left, right)

    def _contained(self, left: ast.expr, right: ast.expr) -> Value:
        """Whether a value is one of a list, or a text part of another."""
        if isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            found = [self._compared_values(pc.equal, left, each) for each in right.elts]
            return reduce(pc.or_kleene, found, pa.scalar(False))
        part, whole = self.value(left), self.value(right)
        if not isinstance(part, pa.Scalar) or {_kind(part), _kind(whole)} != {"text"}:
            problem = f"{ast.unparse(right)} is no list of values, and {ast.unparse(left)} no text to be found in it"
            raise _refused(problem)
        return pc.match_substring(whole, part.as_py())

    def _compared_values(self, compare: Callable[..., Value], left: ast.expr, right: ast.expr) -> Value:
        """InputError unless both are numbers, both texts, or both true or false."""
        values = self.value(left), self.value(right)
        kinds = {_kind(value) for value in values}
        if len(kinds) > 1 or not kinds <= {"number", "text", "truth"}:
            named = " and ".join(
                f"{ast.unparse(side)}, {_shown(value)}," for side, value in zip((left, right), values, strict=True)
            )
            raise _refused(f"{named} cannot be compared")
        return compare(*(_as_stored(value, other) for value, other in (values, values[::-1])))


def _parsed(text: str) -> ast.expr:
    try:
        parsed = ast.parse(text.strip(), mode="eval").body
        ast.unparse(parsed)  # RecursionError here rather than later
        return parsed
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = one_line(error.msg if isinstance(error, SyntaxError) else error)
        raise _refused(f"{text[:60]!r} is no expression" + (f" ({reason})" if reason else "")) from error


def _joined(node: ast.expr) -> Iterator[ast.expr]:
    """The parts that `and` joins, at any depth."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for part in node.values:
            yield from _joined(part)
    else:
        yield node


def _kind(value: Value) -> str:
    kind = value.type
    tests: dict[str, Callable[[Any], bool]] = {
        "truth": pa.types.is_boolean,
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "list": lambda kind: pa.types.is_list(kind) or pa.types.is_large_list(kind),
        "nothing": pa.types.is_null,
        "number": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
    }
    return next((name for name, test in tests.items() if test(kind)), str(kind))


def _shown(value: Value) -> str:
    names = {"truth": "true or false", "nothing": "nothing"}
    kind = _kind(value)
    return names.get(kind, f"a {kind}")


def _as_stored(value: Value, other: Value) -> Value:
    """A constant in the precision of the column that it is compared with: 0.3 is what a column stores for 0.3."""
    is_constant = isinstance(value, pa.Scalar) and pa.types.is_floating(value.type)
    return value.cast(pa.float32()) if is_constant and other.type == pa.float32() else value


def _without_nan(value: Value) -> Value:
    """NaN is a missing value, too."""
    if not pa.types.is_floating(value.type):
        return value
    return pc.if_else(pc.is_nan(value), pa.scalar(None, value.type), value)


def _refused(problem: str) -> InputError:
    return InputError(problem, REMEDY, option="where")
