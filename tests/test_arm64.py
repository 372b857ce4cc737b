"""What vlmtui needs can be installed on 64-bit ARM.

`scripts/arm64` fetches aarch64 wheels only, so it fails where one is missing, and docs/arm64.md
lists what it fetched. Here that list is held against what vlmtui needs today.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

DOCUMENT = Path(__file__).parents[1] / "docs" / "arm64.md"
JETSON = {
    "platform_machine": "aarch64",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "extra": "",
}


def needed() -> dict[str, Distribution]:
    """The distributions that the core needs on a Jetson, directly and through others."""
    found: dict[str, Distribution] = {}
    names = ["vlmtui"]
    while names:
        name = canonicalize_name(names.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or marker.evaluate(JETSON):  # type: ignore[arg-type]
                names.append(requirement.name)
                for extra in requirement.extras:
                    names += _of_extra(requirement.name, extra)
    del found["vlmtui"]
    return found


def _of_extra(name: str, extra: str) -> list[str]:
    requirements = [Requirement(line) for line in distribution(name).requires or ()]
    return [
        requirement.name
        for requirement in requirements
        if requirement.marker is not None
        and not requirement.marker.evaluate(JETSON)  # type: ignore[arg-type]
        and requirement.marker.evaluate(JETSON | {"extra": extra})  # type: ignore[arg-type]
    ]


def is_pure(found: Distribution) -> bool:
    """Whether its wheel runs on any machine."""
    tags = re.findall(r"^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)
    return bool(tags) and all(tag.endswith("-any") for tag in tags)


def documented() -> dict[str, str]:
    """Version of each wheel for aarch64 that was fetched or compiled, by name."""
    versions = {}
    for file in re.findall(r"[\w.+-]+aarch64\.whl", DOCUMENT.read_text(encoding="utf-8")):
        name, version, _, _ = parse_wheel_filename(file)
        versions[name] = str(version)
    return versions


def test_what_is_compiled_has_a_wheel_for_aarch64_of_the_same_version() -> None:
    compiled = {name: found.version for name, found in needed().items() if not is_pure(found)}
    assert "pillow" in compiled, "the walk through the requirements went wrong"
    wheels = documented()
    missing = {name: version for name, version in compiled.items() if wheels.get(name) != version}
    assert not missing, f"run scripts/arm64 and update {DOCUMENT.name}"
