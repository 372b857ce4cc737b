"""What `make` installs doesn't depend on what a package index serves that day.

constraints.txt names a version of every package, for use, tests and building. Here it is held
against what vlmtui needs, against what is installed, and against the wheels for aarch64 that
docs/arm64.md lists (`scripts/arm64` fetches aarch64 wheels only, and fails where one is missing).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# what building vlmtui and llama-cpp-python takes; cmake and ninja where the system has none
BUILDING = ("hatchling", "editables", "scikit-build-core", "cmake", "ninja")
BUILD_DEPENDENCIES = ("packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")


def environment(python: str, machine: str) -> Environment:
    """What markers are evaluated against, for CPython on Linux."""
    found = default_environment()
    found.update(python_version=python, python_full_version=f"{python}.1", platform_machine=machine)
    return found


def applies(requirement: Requirement, where: Environment, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**where, "extra": extra})


def constraints(where: Environment) -> dict[str, str]:
    """The version that constraints.txt names for each package there."""
    versions: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==" and "*" not in specifier.version, line
            if applies(requirement, where):
                assert name not in versions, f"two versions of {name}"
                versions[name] = specifier.version
    return versions


def needed(where: Environment, extras: Iterable[str] = ()) -> dict[str, Distribution | None]:
    """The distributions that vlmtui needs there, directly and through others.

    What isn't installed here (tomli, where Python is newer) is None, and what it needs is unknown.
    """
    found: dict[str, Distribution | None] = {}
    todo = [("vlmtui", ""), *(("vlmtui", extra) for extra in extras)]
    seen = set(todo)
    while todo:
        name, extra = todo.pop()
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if applies(requirement, where, extra):
                needs = canonicalize_name(requirement.name)
                more = {(needs, ""), *((needs, extra) for extra in requirement.extras)} - seen
                seen |= more
                todo += more
    del found["vlmtui"]
    found.pop("pip", None)  # a client that the tests use names it; each environment brings its own
    return found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_is_constrained(python: str, machine: str) -> None:
    where = environment(python, machine)
    packages = {*needed(where, ["dev"]), *BUILDING, *BUILD_DEPENDENCIES}
    assert {"numpy", "pyyaml", "typing-extensions"} <= packages, "the walk went wrong"
    named = set(constraints(where))
    if python != default_environment()["python_version"]:
        # other versions are installed here, which may need what only they need
        named = {name for each in PYTHONS for name in constraints(environment(each, machine))}
    assert not packages - named, "name their versions in constraints.txt"


def test_what_the_build_needs_is_constrained() -> None:
    lines = re.search(r"^requires = \[(.*)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert lines is not None
    names = {canonicalize_name(Requirement(line).name) for line in re.findall('"(.*?)"', lines[1])}
    assert names <= {*BUILDING}


def test_the_constrained_versions_are_installed() -> None:
    where = default_environment()
    versions = constraints(where)
    other = {
        name: found and found.version
        for name, found in needed(where, ["dev"]).items()
        if not found or found.version != versions.get(name)
    }
    assert not other, "remove .venv/.ready-dev: then `make test` installs what is constrained"


def is_pure(found: Distribution) -> bool:
    """Whether its wheel runs on any machine."""
    tags = re.findall(r"^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)
    return bool(tags) and all(tag.endswith("-any") for tag in tags)


def test_what_is_compiled_has_a_documented_wheel_for_aarch64() -> None:
    where = environment("3.11", "aarch64")
    versions = constraints(where)
    compiled = {name for name, found in needed(where).items() if found and not is_pure(found)}
    assert "pillow" in compiled, "the walk through the requirements went wrong"
    files = re.findall(r"[\w.+-]+aarch64\.whl", (ROOT / "docs/arm64.md").read_text("utf-8"))
    documented = {name: str(version) for name, version, _, _ in map(parse_wheel_filename, files)}
    assert {name: documented.get(name) for name in compiled} == {
        name: versions[name] for name in compiled
    }, "run scripts/arm64 and update docs/arm64.md"
