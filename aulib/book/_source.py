"""Public names of the package with signatures and docstrings, read from the source.

The source is parsed and never imported: listing the names of :mod:`aulib.training` must not load a Keras backend.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aulib.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Entry:
    """A documented name.

    Attributes:
        kind: function, class, data, method or property.
        name: without the module.
        signature: names and defaults, as ``(y, lower=0.5)``; of data its value, if that is short.
        doc: the docstring without its indentation.
        types: argument or field -> its annotation.
        returns: the annotation of what is returned.
        meanings: field -> its description, where the field and not the docstring says it.
        members: methods and properties of a class.
    """

    kind: str
    name: str
    signature: str
    doc: str
    types: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    meanings: dict[str, str] = field(default_factory=dict)
    members: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Module:
    """A module: its dotted name inside the package, its docstring and its public names in the order of the source."""

    name: str
    doc: str
    entries: tuple[Entry, ...]


def modules() -> list[str]:
    """Return the dotted names of all modules and packages of which no part begins with an underscore.

    Example:
        >>> "adapters.base" in modules(), "metrics._arrays" in modules()
        (True, False)
    """
    found = (path.relative_to(_PACKAGE).with_suffix("") for path in _PACKAGE.rglob("*.py"))
    parts = {path.parent.parts if path.name == "__init__" else path.parts for path in found}
    return sorted(".".join(one) for one in parts if one and not any(part.startswith("_") for part in one))


@cache
def module(name: str) -> Module:
    """Read a module.

    Args:
        name: inside the package, as ``"metrics"`` or ``"adapters.base"``.

    Raises:
        SettingsError: there is no such module, or a name in its ``__all__`` is nowhere to be found.

    Example:
        >>> [entry.name for entry in module("errors").entries][:2]
        ['AulibError', 'SettingsError']
    """
    place = _PACKAGE.joinpath(*name.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        raise SettingsError(f"there is no module aulib.{name}")
    own = _Source(file)
    listed = own.all_names()
    if listed is None:
        entries = [entry for entry in map(own.entry, own.nodes) if entry and _public(entry)]
    else:
        sources = [own, *(_Source(path) for path in sorted(file.parent.glob("*.py")) if path != file)]
        entries = [entry for one in listed if (entry := _found(one, sources, own, name))]
    return Module(name, ast.get_docstring(own.tree) or "", tuple(entries))


def _public(entry: Entry) -> bool:
    return not entry.name.startswith("_") and bool(entry.doc)


def _found(name: str, sources: list[_Source], own: _Source, where: str) -> Entry | None:
    """The entry of an exported name; None for what another module of the package defines and documents."""
    for source in sources:
        if name in source.nodes:
            return source.entry(name)
    if name in own.imported:
        return None
    raise SettingsError(f"aulib.{where} exports {name!r}, which none of its files defines")


class _Source:
    """The top level of one file."""

    def __init__(self, file: Path):
        text = file.read_text("utf-8")
        self.tree, self.lines = ast.parse(text), text.splitlines()
        self.nodes = {name: node for node in self.tree.body for name in _defined(node)}
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        self.imported = {alias.asname or alias.name for node in imports for alias in node.names}

    def all_names(self) -> list[str] | None:
        """``__all__``, with starred tuples of the same file put in; None where there is none."""
        node = self.nodes.get("__all__")
        if node is None:
            return None
        names: list[str] = []
        for item in node.value.elts:
            starred = isinstance(item, ast.Starred)
            names += ast.literal_eval(self.nodes[item.value.id].value) if starred else [ast.literal_eval(item)]
        return names

    def entry(self, name: str) -> Entry | None:
        node = self.nodes[name]
        if isinstance(node, ast.FunctionDef):
            return _function(node, "function")
        if isinstance(node, ast.ClassDef):
            return _class(node)
        value = _short(node.value, 60)
        return Entry("data", name, "" if re.search(r"\b_\w", value) else value, self._comment(node))

    def _comment(self, node: ast.stmt) -> str:
        """The lines ``#: …`` right above an assignment."""
        found, line = [], node.lineno - 2
        while line >= 0 and self.lines[line].startswith("#:"):
            found.insert(0, self.lines[line].removeprefix("#:").strip())
            line -= 1
        return "\n".join(found)


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        names = (part for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
        yield from (name.id for name in names)
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _function(node: ast.FunctionDef, kind: str) -> Entry:
    skip = 1 if kind == "method" and not _decorated(node, "staticmethod") else 0
    doc, returns = _doc(node), _annotation(node.returns) if node.returns else ""
    if _decorated(node, "property") or _decorated(node, "cached_property"):
        return Entry("property", node.name, "", doc, returns=returns)
    return Entry(kind, node.name, _signature(node.args, skip), doc, _types(node.args), returns)


def _class(node: ast.ClassDef) -> Entry:
    methods = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)]
    fields = [part for part in fields if not part.target.id.startswith("_") and not _of_the_class(part)]
    start = methods.get("__init__")
    if start:
        signature, types = _signature(start.args, 1), _types(start.args)
    else:
        signature = _field_signature(node, fields)
        types = {part.target.id: _annotation(part.annotation) for part in fields}
    members = (_function(part, "method") for name, part in methods.items())
    kept = tuple(member for member in members if _public(member))
    meanings = {part.target.id: _option(part.value, "description") for part in fields}
    described = {name: ast.literal_eval(meaning) for name, meaning in meanings.items() if meaning}
    return Entry("class", node.name, signature if signature != "()" else "", _doc(node), types, "", described, kept)


def _of_the_class(field_: ast.AnnAssign) -> bool:
    return ast.unparse(field_.annotation).startswith("ClassVar")


def _field_signature(node: ast.ClassDef, fields: list[ast.AnnAssign]) -> str:
    """Of the fields in their order; what comes after ``_: KW_ONLY`` is given by name."""
    parts = []
    for part in node.body:
        if part in fields:
            parts.append(_with_default(part.target.id, _default(part.value)))
        elif isinstance(part, ast.AnnAssign) and ast.unparse(part.annotation) == "KW_ONLY":
            parts.append("*")
    return "(" + ", ".join(parts) + ")"


def _option(value: ast.expr | None, name: str) -> ast.expr | None:
    """An option of ``Field(default, description=…)``."""
    options = value.keywords if isinstance(value, ast.Call) else []
    return next((option.value for option in options if option.arg == name), None)


def _default(value: ast.expr | None) -> ast.expr | None:
    """The default of a field, which ``Field(default, …)`` has as its first argument."""
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Field" and value.args:
        return value.args[0]
    return value


def _doc(node: ast.ClassDef | ast.FunctionDef) -> str:
    return ast.get_docstring(node) or ""  # without its indentation


def _decorated(node: ast.FunctionDef, name: str) -> bool:
    return any(name in (getattr(item, "id", ""), getattr(item, "attr", "")) for item in node.decorator_list)


def _types(arguments: ast.arguments) -> dict[str, str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {one.arg: _annotation(one.annotation) for one in every if one and one.annotation}


def _annotation(node: ast.expr) -> str:
    """An annotation as the user may write it: without names of private modules."""
    return re.sub(r"\b_\w+\.", "", ast.unparse(node))


def _signature(arguments: ast.arguments, skip: int) -> str:
    """Names and defaults without annotations, which stand beside the meaning of each argument."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    parts = [_with_default(one.arg, default) for one, default in zip(plain, defaults, strict=True)][skip:]
    if arguments.vararg:
        parts.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        parts.append("*")
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parts += [_with_default(one.arg, default) for one, default in keywords]
    if arguments.kwarg:
        parts.append(f"**{arguments.kwarg.arg}")
    return "(" + ", ".join(parts) + ")"


def _with_default(name: str, default: ast.expr | None) -> str:
    return name if default is None else f"{name}={_short(default, 30) or '...'}"


def _short(value: ast.expr | None, longest: int) -> str:
    text = ast.unparse(value) if value else ""
    return text if len(text) <= longest else ""
