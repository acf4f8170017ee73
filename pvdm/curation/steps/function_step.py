"""A step of the user's own: a Python function of a clip, by its dotted name."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pvdm.curation.clip_frames import ClipFrames
from pvdm.errors import InputError, one_line

TYPES = {bool: "bool", int: "int64", float: "float32", str: "string"}
"""Of a column, by that of its values; of integers and floating-point numbers together, float32."""

EXAMPLE = "package.module:function"


class FunctionStep:
    """Calls a function `f(clip: ClipFrames) -> dict` for each clip; its keys are the columns.

    Values are numbers, texts, truth values or None. The columns are not known before: `column_types` tells them of all
    that the step has returned.

    Args:
        name: Dotted name of the function, "package.module:function" or "package.module.function"; also the step's. The
            module is found as by `import`, and in the working directory.
    """

    reads_scores = True
    columns: Mapping[str, str] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def settings(self) -> dict[str, Any]:
        """The function's name and the digest of the file that defines it."""
        file = inspect.getsourcefile(inspect.unwrap(self._function))
        return {"function": self.name, "digest": sha256(Path(file).read_bytes()).hexdigest() if file else None}

    def beside(self, path: Path, file: str) -> Sequence[str]:
        """Nothing."""
        return ()

    def check(self) -> None:
        """InputError if the function cannot be imported."""
        _ = self._function

    def score(self, clip: ClipFrames) -> dict[str, Any]:
        """What the function returns; InputError if it raises anything, or returns anything else."""
        with _Named(f"{self.name} failed at frames {clip.first} to {clip.last} of {clip.file}"):
            found = self._function(clip)
        if not isinstance(found, Mapping):
            raise self._wrong(f"a {type(found).__name__}")
        return {self._column(name): self._value(name, value) for name, value in found.items()}

    @cached_property
    def _function(self) -> Callable[[ClipFrames], Mapping[str, Any]]:
        module, _, function = self.name.rpartition(":" if ":" in self.name else ".")
        if not module or not function:
            raise InputError(f"{self.name} is no function's name", f"give one such as {EXAMPLE}", option="steps")
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))
        with _Named(f"the module {module} of the step {self.name} cannot be imported"):
            imported = import_module(module)
        found = getattr(imported, function, None)
        if not callable(found):
            raise InputError(f"{module} has no function {function}", f"give one such as {EXAMPLE}", option="steps")
        return found

    def _column(self, name: object) -> str:
        if not isinstance(name, str) or not name.isidentifier():
            raise self._wrong(f"a column named {name!r}")
        return name

    def _value(self, name: str, value: object) -> Any:
        """The value as one of Python's own types."""
        if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
            value = value.item()
        if value is not None and type(value) not in TYPES:
            raise self._wrong(f"a {type(value).__name__} for {name}")
        return value

    def _wrong(self, what: str) -> InputError:
        remedy = 'return a dict such as {"my_score": 0.5}, of numbers, texts, truth values or None'
        return InputError(f"{self.name} returns {what}", remedy)


def column_types(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The columns of what a step has returned and their types; InputError if one column has several."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, set()).update([] if value is None else [TYPES[type(value)]])
    return {name: _common(name, types) for name, types in found.items()}


def _common(name: str, types: set[str]) -> str:
    if types <= {"int64", "float32"} and len(types) == 2:
        return "float32"
    if len(types) > 1:
        raise InputError(f"the column {name} has values of types {', '.join(sorted(types))}", "return one type for it")
    return next(iter(types), "float32")


class _Named:
    """Turns whatever a user's code raises within it into an InputError, but not interrupts."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, InputError):
            reason = f"{type(error).__name__}: {one_line(error)}".rstrip(": ")
            raise InputError(f"{self.problem} ({reason})", "mend it, and run the command again") from error
