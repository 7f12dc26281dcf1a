"""Which source files of the package a module or a notebook depends on, read from the imports.

What is made from code carries a hash of exactly these files, so that a change makes anew what it concerns and nothing
else. The imports are read, not executed: those inside functions count too.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: Makers of the products of :mod:`aulib.pipeline`. A notebook depends on them through the products, which are made anew
#: when their makers change; on their code only where it names them itself.
MAKERS = ("adapters", "synth", "images", "features", "model", "training")
#: What only starts the work or lays out the pages. The pipeline finds its makers by lazy imports.
_STARTERS = ("cli", "book", "notebooks", "dependencies")


def of_module(*names: str, without: Iterable[str] = ()) -> list[Path]:
    """Return the files of modules or packages and of all that they import, in order.

    Args:
        names: inside the package, as ``"training"`` or ``"adapters.bp4d"``.
        without: modules or packages that are not entered, because what they make is known by its content.

    Raises:
        ValueError: there is no such module.

    Example:
        >>> [path.name for path in of_module("facs")]
        ['__init__.py', 'facs.py']
    """
    return _closure((f"aulib.{name}" for name in names), barred=without)


def of_notebook(source: str | Path) -> list[Path]:
    """Return the files that the page of a notebook depends on beside the products it uses.

    Args:
        source: the notebook in the form py:percent.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "n.py"
        ...     _ = path.write_text("from aulib import database, facs")
        ...     files = [str(file.relative_to(_PACKAGE)) for file in of_notebook(path)]
        >>> "database/_build.py" in files, "adapters/bp4d.py" in files
        (True, False)
    """
    own = _imported(Path(source).read_text(encoding="utf-8"), package="")
    return _closure(own, barred=[maker for maker in MAKERS if f"aulib.{maker}" not in {_top(name) for name in own}])


def of_pages() -> list[Path]:
    """Return the files that the pages depend on beside the executed notebooks and the prose.

    These are all: the reference is made from every docstring.

    Example:
        >>> "editions.py" in [path.name for path in of_pages()]
        True
    """
    return _files("aulib")


def code_hash(*names: str) -> str:
    """Return twelve characters that change with any file of :func:`of_module`."""
    return files_hash(of_module(*names))


def files_hash(paths: Iterable[str | Path]) -> str:
    """Return twelve characters that change with the name or content of any file, and not with where the package lies.

    Example:
        >>> files_hash(of_module("facs")) == code_hash("facs")
        True
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        name = path.relative_to(_PACKAGE) if path.is_relative_to(_PACKAGE) else path
        digest.update(name.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _top(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _closure(names: Iterable[str], barred: Iterable[str]) -> list[Path]:
    """Files of modules and of what they import, without entering the ``barred`` ones."""
    closed = {f"aulib.{name}" for name in (*barred, *_STARTERS)}
    waiting, followed, above = list(names), set(), set()
    while waiting:
        name = waiting.pop()
        if _top(name) in closed:
            continue
        above.update(_above(name))
        for path in set(_files(name)) - followed:
            followed.add(path)
            waiting += _imports_of(path)
    return sorted(followed | above)


def _files(name: str) -> list[Path]:
    """The file of a module; of a package, all its files."""
    place = _PACKAGE.joinpath(*name.split(".")[1:])
    if place.is_dir():
        return sorted(place.rglob("*.py"))
    if not place.with_suffix(".py").is_file():
        raise ValueError(f"there is no module {name}")
    return [place.with_suffix(".py")]


def _above(name: str) -> list[Path]:
    """The ``__init__.py`` of the packages that hold a module. What they import for others' sake is not followed."""
    place = _PACKAGE.joinpath(*name.split(".")[1:])
    return [folder / "__init__.py" for folder in place.parents if folder == _PACKAGE or _PACKAGE in folder.parents]


@cache
def _imports_of(path: Path) -> tuple[str, ...]:
    package = ".".join(("aulib", *path.relative_to(_PACKAGE).parent.parts))
    lazy = path != _PACKAGE / "pipeline.py"  # what the pipeline imports in its methods are the makers
    return tuple(_imported(path.read_text(encoding="utf-8"), package, lazy))


def _imported(source: str, package: str, lazy: bool = True) -> list[str]:
    """Names of the package's modules that a source imports; with ``lazy`` also inside functions."""
    tree = ast.parse(source)
    names = []
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, [*above, base]))
            names += [f"{base}.{alias.name}" for alias in node.names]
    return [module for name in names if name.split(".")[0] == "aulib" and (module := _module(name))]


def _module(name: str) -> str | None:
    """The longest part of a dotted name that is a module; what follows it is a name inside. None for the root alone."""
    parts = name.split(".")
    while len(parts) > 1:
        place = _PACKAGE.joinpath(*parts[1:])
        if place.is_dir() or place.with_suffix(".py").is_file():
            return ".".join(parts)
        parts.pop()
    return None
