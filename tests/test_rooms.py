"""The rooms of the package: their order, which docs/design.md states, their sizes, and the names in them."""

import ast
import configparser
import graphlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pvdm"
ROOMS = (
    *("files", "runtime", "provenance", "video", "data", "autoencoder", "diffusion", "conditions", "curation"),
    *("generation", "evaluation", "training", "benchmark", "demo", "studio", "commands"),
)
WITH_LIGHTNING = {"training", "benchmark", "demo"}
PRODUCT = ("video", "data", "autoencoder", "diffusion", "conditions", "generation")
MOST_FILES, MOST_LINES = 12, 350


def modules(room: str = "") -> list[Path]:
    return [path for path in sorted((PACKAGE / room).rglob("*.py")) if path.name != "__init__.py"]


def lines(*paths: Path) -> int:
    return sum(path.read_text(encoding="utf-8").count("\n") for path in paths)


def imported(room: str) -> Iterator[tuple[Path, str]]:
    """The modules that are named in the imports of a room's files, anywhere in them."""
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            yield from ((path, name) for name in names)


def test_the_document_states_this_order():
    text = (PACKAGE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    sentence = text.partition("A room imports only from those above it:")[2].partition("(a test")[0]
    places = [sentence.index(f"`{room}`") for room in ROOMS]
    assert places == sorted(places)
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_those_above_it_alone(room):
    later = set(ROOMS[ROOMS.index(room) + 1 :])
    below = {f"pvdm.{other}" for other in (*later, "cli")}
    wrong = [f"{path}: {name}" for path, name in imported(room) if ".".join(name.split(".")[:2]) in below]
    if room not in WITH_LIGHTNING:
        wrong += [f"{path}: {name}" for path, name in imported(room) if "lightning" in name.split(".")[0]]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_modules_of_a_room_import_each_other_in_no_circle(room):
    """Imports within functions count; those for the type checker alone do not."""
    modules = {".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("*.py")}
    graph = {}
    for path in (PACKAGE / room).rglob("*.py"):
        name = ".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts)
        graph[name] = set()
        for node in nodes_at_runtime(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= names & modules or {node.module} & modules
    graphlib.TopologicalSorter(graph).prepare()  # CycleError otherwise


def nodes_at_runtime(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below a node, but not what is for the type checker alone."""
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and getattr(child.test, "id", None) == "TYPE_CHECKING"):
            yield child
            yield from nodes_at_runtime(child)


def test_no_folder_is_crowded_and_no_file_long():
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in modules())
    assert [name for name, count in folders.items() if count > MOST_FILES and name != "commands"] == []
    assert [path for path in modules() if lines(path) > MOST_LINES] == []


def test_each_module_has_a_name_of_its_own():
    """Those of the commands are the verbs'."""
    names = Counter(path.name for path in modules() if path.parent.name != "commands")
    assert [name for name, count in names.items() if count > 1] == []


def test_the_benchmark_stays_smaller_than_what_it_measures():
    benchmark = lines(*modules("benchmark"))
    assert benchmark <= 0.15 * lines(*modules())
    assert benchmark < lines(*(path for room in PRODUCT for path in modules(room)))


def test_every_package_is_installed():
    parser = configparser.ConfigParser()
    parser.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    found = {
        path.parent.relative_to(PACKAGE.parent).as_posix().replace("/", ".") for path in PACKAGE.rglob("__init__.py")
    }
    assert set(parser["options"]["packages"].split()) == {*found, "pvdm.configs"}
