"""Writes the reference in docs/api.md anew: signatures and first paragraphs of all public names, from the code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "api.md"
PLACE = re.compile(r"(<!-- names of ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FIRST = ("VideoGenerator", "Triplane")
"""Stand first, with their methods."""
WIDTH = 88


def page(text: str) -> str:
    """The page with the names of each module between its two marks."""
    return PLACE.sub(lambda match: match[1] + "\n" + "\n".join(section(match[2])) + match[3], text)


def public_modules() -> list[str]:
    """The modules that state their public names, `pvdm` first."""
    stubs = sorted((ROOT / "pvdm").rglob("__init__.pyi"), key=lambda stub: (len(stub.parts), stub))
    return [".".join(stub.parent.relative_to(ROOT).parts) for stub in stubs]


def section(module_name: str) -> Iterator[str]:
    """The entries of a module's public names: classes and functions, then constants and types."""
    module, top = import_module(module_name), import_module("pvdm").__all__
    names = [name for name in module.__all__ if module_name == "pvdm" or name not in top]
    callables = [name for name in names if _is_ours(getattr(module, name))]
    for name in sorted(callables, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        yield from _entry(name, getattr(module, name))
    constants = [name for name in names if name not in callables]
    if constants:
        yield from ("| constant or type | value |", "|---|---|")
        yield from (_constant(module, name) for name in constants)
        yield ""


def _entry(name: str, value: Any) -> Iterator[str]:
    is_protocol = getattr(value, "_is_protocol", False)
    yield from (f"**`{name}`** {_first_paragraph(value)}", "") if is_protocol else _described(name, value)
    if name in FIRST or is_protocol:
        for method, member in _members(value):
            is_property = isinstance(member, property)
            lines = [f"**`{method}`** {_first_paragraph(member)}", ""] if is_property else _described(method, member)
            yield from (f"{'  ' if place else '* '}{line}".rstrip() for place, line in enumerate(lines))


def _described(name: str, value: Any) -> Iterator[str]:
    """What it does after its signature, or between its name and its signature where that takes several lines."""
    call = signature(name, value)
    if "\n" not in call:
        yield from (f"**`{call}`** {_first_paragraph(value)}", "")
    else:
        yield from (f"**`{name}`** {_first_paragraph(value)}", "", "```py", *call.splitlines(), "```", "")


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that this package defines, in the order of their definition, the base's last."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith("pvdm.")]
    for name in dict.fromkeys(name for base in bases for name in vars(base)):
        member = inspect.getattr_static(kind, name)
        member = getattr(kind, name) if isinstance(member, (classmethod, staticmethod)) else member
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
            yield name, member


def signature(name: str, value: Any) -> str:
    """How it is called, in one line or one line per argument."""
    call = inspect.signature(value)
    arguments = list(_arguments(call, drop_self=inspect.isfunction(value)))
    returned = "" if inspect.isclass(value) else _returned(call)
    line = f"{name}({', '.join(arguments)}){returned}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), f"){returned}"])


def _arguments(call: inspect.Signature, *, drop_self: bool) -> Iterator[str]:
    keyword_only = False
    for parameter in call.parameters.values():
        if drop_self and parameter.name == "self":
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            keyword_only = True
        elif parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            yield "*"
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        typed = parameter.annotation is not parameter.empty
        text = stars + parameter.name + (f": {_type(parameter.annotation)}" if typed else "")
        if parameter.default is not parameter.empty:
            text += f"{' = ' if typed else '='}{_default(parameter.default)}"
        yield text


def _returned(call: inspect.Signature) -> str:
    return "" if call.return_annotation is call.empty else f" -> {_type(call.return_annotation)}"


def _type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"ForwardRef\('(.*?)'\)", r"\1", text)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z])", "", text).replace("NoneType", "None")


def _default(value: Any) -> str:
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    if is_dataclass(value):
        name = type(value).__name__
        return f"{name}()" if _is_default(value) else f"{name}(...)"
    text = repr(value)
    return "..." if " at 0x" in text else text.replace("<factory>", "...")


def _is_default(value: Any) -> bool:
    required = [field for field in fields(value) if field.default is MISSING and field.default_factory is MISSING]
    return not required and value == type(value)()


def _first_paragraph(value: Any) -> str:
    """The first paragraph of a docstring as one line of Markdown; the base's is not borrowed."""
    own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    assert own, f"{value} has no docstring"
    return _markdown(inspect.cleandoc(own).partition("\n\n")[0])


def _markdown(text: str) -> str:
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if piece.startswith("`") else re.sub(r"([*<|])", r"\\\1", piece) for piece in pieces)


def _constant(module: ModuleType, name: str) -> str:
    """A row: the value of a constant or the definition of a type, and what is said below it."""
    value, (code, said) = getattr(module, name), _assigned(name, _defining(module.__name__, name))
    if isinstance(value, dict):
        shown = ", ".join(f"`{key}`" for key in value)
    elif isinstance(value, tuple):
        shown = ", ".join(f"`{part}`" for part in value)
    else:
        shown = f"`{code}`"
    return f"| `{name}` | {shown.replace('|', chr(92) + '|')}{'. ' + _markdown(said) if said else ''} |"


@cache
def _defining(module_name: str, name: str) -> str:
    """The path of the file that defines a public name, by the stub's imports."""
    package = import_module(module_name)
    stub = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    (source,) = [node.module for node in stub.body if isinstance(node, ast.ImportFrom) and name in _names(node)]
    module = import_module(f"{module_name}.{source}")
    if Path(module.__file__).name == "__init__.py":
        return _defining(module.__name__, name)
    imported = [
        node.module
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and name in _names(node)
    ]
    return import_module(imported[0]).__file__ if imported else module.__file__


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name for alias in node.names}


def _assigned(name: str, path: str) -> tuple[str, str]:
    """The expression that is assigned to a name of a file, and the docstring that follows it or nothing."""
    body = ast.parse(Path(path).read_text(encoding="utf-8")).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            has_docstring = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            return ast.unparse(node.value), str(after.value.value) if has_docstring else ""
    raise ValueError(f"{path} does not assign {name}")


def _is_ours(value: Any) -> bool:
    """Whether it is a class or function of this package, rather than the alias of a type."""
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("pvdm")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
