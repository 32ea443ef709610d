"""What README, CONTRIBUTING and docs/ name is there: places in the code, commands, links."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
#: Made by the commands, not part of the repository.
MADE = set((REPOSITORY / ".gitignore").read_text().split())
OURS = "extreme3d_ros", "training", "benchmarks", "fuzzing"
#: Folders that texts leave out.
UNSAID = "", "extreme3d_ros", "launch"

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def found(pattern, document):
    return re.findall(pattern, document.read_text())


def places(document):
    """(path, name or "") of `folder/`, `file.py` and `file.py:name`."""
    return [place for place in found(r"`([\w./-]+(?:/|\.py))(?::([\w.]+))?`", document) if place[0] not in MADE]


def located(path):
    """The file or folder that a text names, or None."""
    return next((place for folder in UNSAID if (place := REPOSITORY / folder / path).exists()), None)


@cache
def defined(file):
    """Names of a module's functions and classes, with those in classes as `Class.name`."""
    tree, kinds = ast.parse(file.read_text()), (ast.FunctionDef, ast.ClassDef)
    top = [node for node in tree.body if isinstance(node, kinds)]
    inner = [(node.name, each.name) for node in top for each in node.body if isinstance(each, kinds)]
    return {node.name for node in top} | {".".join(pair) for pair in inner}


def module(name):
    """The file that `python -m name` runs, or None."""
    path = REPOSITORY / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__main__.py") if file.exists()), None)


def options(file):
    """The options that a module takes, by itself or by a module beside it that it imports."""
    beside = [
        module(name) for name in re.findall(r"(?m)^from ((?:benchmarks|training)[\w.]*) import", file.read_text())
    ]
    return {
        each for source in [file, *filter(None, beside)] for each in re.findall(r'"(--[\w-]+)"', source.read_text())
    }


def commands(document):
    """(module, the rest of the command) of `python -m` with modules of this repository."""
    named = found(r"python3? -m ([\w.]+)([^`\n]*)", document)
    return [command for command in named if command[0].split(".")[0] in OURS]


def anchors(document):
    """The headings' names in links, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found(r"(?m)^#+ (.+)$", document)}


@every_document
def test_every_file_and_folder_named_exists(document):
    assert not [path for path, _ in places(document) if located(path) is None]


@every_document
def test_every_name_in_a_file_is_defined_there(document):
    assert not [(path, name) for path, name in places(document) if name and name not in defined(located(path))]


def test_documents_name_places():
    assert all(len(places(REPOSITORY / name)) > 5 for name in ("README.md", "CONTRIBUTING.md"))
    assert sum(bool(name) for _, name in places(REPOSITORY / "docs" / "mathematics.md")) > 50


def test_every_fault_has_its_tests():
    rows = [row for row in found(r"(?m)^\|(.+)\|$", REPOSITORY / "docs" / "faults.md") if ".py::" in row]
    assert len(rows) > 40
    for row in rows:
        assert row.count("|") == 2 and ".py::" in row.split("|")[2], row
    for file, name in re.findall(r"(\w+\.py)::([\w:]+)", "".join(rows)):
        assert name.replace("::", ".") in defined(REPOSITORY / "test" / file), f"{file}::{name}"


@every_document
def test_every_command_names_a_module_and_its_options(document):
    for name, rest in commands(document):
        file = module(name)
        assert file, name
        assert not set(re.findall(r"--[\w-]+", rest)) - options(file), name


@every_document
def test_every_relative_link_resolves(document):
    links = [link for link in found(r"\]\(([^)\s]+)\)", document) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_document
def test_formulas_are_as_github_reads_them(document):
    """Markdown would take a backslash before a sign, and an underscore after one, for its own."""
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", document.read_text())
    formulas = re.findall(r"\$\$([^$]+)\$\$", text)
    text = re.sub(r"\$\$[^$]+\$\$", "", text)
    formulas += re.findall(r"\$([^$\n]+)\$", text)
    assert "$" not in re.sub(r"\$[^$\n]+\$", "", text)
    assert not [formula for formula in formulas if re.search(r"\\[^A-Za-z]|[^\w\s]_|\*", formula)]
