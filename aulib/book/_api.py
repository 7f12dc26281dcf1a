"""The API reference: each public name with its signature and docstring, as Sphinx's Python domain wants it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from functools import cache

from aulib.book import _source
from aulib.book._source import Entry

#: Page -> its modules, in the order of the data flow. The last takes what is in no list and not in :data:`INTERNAL`.
GROUPS: dict[str, tuple[str, ...]] = {
    "data": ("facs", "adapters", "adapters.registry", "adapters.base", "adapters.files", "database", "checks", "splits",
             "missingness", "errors"),
    "learning": ("balancing", "losses", "metrics", "images", "features", "model", "training", "predicting"),
    "results": ("evaluation", "paper", "published", "estimate"),
    "faces": ("synth", "synth.expression", "synth.looks", "synth.rates", "synth.measured"),
    "course": (),
}  # fmt: skip

_READERS = "actor_study aff_wild2 bp4d bp4d_plus ck_plus disfa disfa_plus emotionet raf_au unbc"
#: Modules that no reader of the book calls, with the reason. Those below them count too.
INTERNAL: dict[str, str] = {
    **{
        f"adapters.{name}": "a reader's class; its settings are on the page of the datasets"
        for name in _READERS.split()
    },
    **{f"adapters.{name}": "a part of the readers" for name in ("cells", "excel", "graded", "manual", "tree")},
    **{f"synth.{name}": "a part of the renderer" for name in ("basis", "creases", "people", "render", "show")},
    **{f"synth.{name}": "writes the corpus" for name in ("corpus", "plan", "writers")},
    **dict.fromkeys(("arrays", "crops", "decoding", "landmarks"), "a part of the image store"),
    **dict.fromkeys(("book", "dependencies", "editions", "notebooks", "workflow"), "makes the book"),
    **dict.fromkeys(("archives", "remote"), "carries sweeps to other machines"),
    "cli": "aulib --help explains the commands",
}
_JUDGES = re.compile(r"exercises\.chapter_\d+")

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Warns|Example):$", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}\w[\w, ]*): (.*)$")
_ROLE = re.compile(r":(?:func|class|data|meth|attr|mod|exc):`~?([\w.]+)`")
_BARE = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_])")
_ROLES = {"function": "func", "class": "class", "data": "data", "method": "meth", "property": "attr", "module": "mod"}
_FIELDS = {"Args": "Arguments", "Attributes": "Attributes", "Raises": "Raises", "Warns": "Warns"}


def listed(page: str) -> list[str]:
    """Return the modules of a page.

    Example:
        >>> listed("results")[0]
        'evaluation'
    """
    if GROUPS[page]:
        return list(GROUPS[page])
    taken = {name for names in GROUPS.values() for name in names}
    rest = (name for name in _source.modules() if name not in taken and not _internal(name))
    return [name for name in rest if _source.module(name).entries]


def pages() -> dict[str, Callable[[], str]]:
    """Return file -> the function that writes it, for the overview and all groups."""
    return {"api_overview.md": overview, **{f"api_{name}.md": _page_of(name) for name in GROUPS}}


def _page_of(name: str) -> Callable[[], str]:
    return lambda: "\n\n".join(_module(one) for one in listed(name)) + "\n"


def overview() -> str:
    """Return a table of all modules: what each is for and how many names it has."""
    lines = ["| Module | What it is for | Names |", "|---|---|---|"]
    for page in GROUPS:
        for name in listed(page):
            found = _source.module(name)
            first = _first_sentence(found.doc)
            lines.append(f"| {{ref}}`aulib.{name} <{anchor(name)}>` | {first} | {len(found.entries)} |")
    return "\n".join(lines) + "\n"


def anchor(name: str) -> str:
    """Return the label of a module's section.

    Example:
        >>> anchor("adapters.base")
        'api-adapters-base'
    """
    return "api-" + name.replace(".", "-").replace("_", "-")


@cache
def known() -> Mapping[str, str]:
    """Return every documented full name with its kind.

    Example:
        >>> known()["aulib.splits.by_subject"], known()["aulib.database"]
        ('function', 'module')
    """
    names: dict[str, str] = {}
    for page in GROUPS:
        for module in listed(page):
            names[f"aulib.{module}"] = "module"
            for entry in _source.module(module).entries:
                names[f"aulib.{module}.{entry.name}"] = entry.kind
                names |= {f"aulib.{module}.{entry.name}.{part.name}": part.kind for part in entry.members}
    return names


def _internal(name: str) -> bool:
    above = name.split(".")
    return bool(_JUDGES.fullmatch(name)) or any(".".join(above[:size]) in INTERNAL for size in range(1, len(above) + 1))


def _first_sentence(doc: str) -> str:
    text = " ".join(doc.split("\n\n")[0].split())
    text = re.split(r"(?<=\.) ", text)[0].rstrip(".:")
    return re.sub(r"`+", "`", _ROLE.sub(r"`\1`", text)).replace("|", "\\|")


def _module(name: str) -> str:
    found = _source.module(name)
    parts = [f".. py:module:: aulib.{name}", _text(found.doc, f"aulib.{name}")]
    parts += [_entry(entry, f"aulib.{name}") for entry in found.entries]
    body = "\n\n".join(parts)
    return f"({anchor(name)})=\n## aulib.{name}\n\n`````{{eval-rst}}\n{body}\n`````"


def _entry(entry: Entry, scope: str) -> str:
    head = f".. py:{entry.kind}:: {entry.name}{'' if entry.kind == 'data' else entry.signature}"
    if entry.kind == "data" and entry.signature:
        head += f"\n   :value: {entry.signature}"
    inner = f"{scope}.{entry.name}" if entry.kind == "class" else scope
    parts = [_described(entry, scope), *(_entry(member, inner) for member in entry.members)]
    return head + "\n\n" + textwrap.indent("\n\n".join(filter(None, parts)), "   ")


def _described(entry: Entry, scope: str) -> str:
    """The docstring with its sections as fields, and types where the docstring names an argument."""
    pieces = _SECTION.split(entry.doc)
    sections = {
        title: textwrap.dedent(body).strip("\n") for title, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    if "Args" not in sections and "Attributes" not in sections and entry.types:
        sections = {"Args": "", **sections}
    if entry.returns and entry.returns != "None" and entry.kind != "class":
        sections.setdefault("Returns", "")
    parts = [_text(pieces[0], scope)]
    fields = [_field(title, body, entry, scope) for title, body in sections.items() if title != "Example"]
    parts.append("\n".join(fields))
    if "Example" in sections:
        parts.append(".. rubric:: Example\n\n" + _text(sections["Example"], scope))
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def _field(title: str, body: str, entry: Entry, scope: str) -> str:
    if title == "Returns":
        kind = f"``{entry.returns}``" if entry.returns else ""
        text = ". ".join(filter(None, (kind, _text(body, scope))))
        return ":Returns:\n" + textwrap.indent(text, "   ")
    items = _items(body)
    if title == "Args":
        more = (name for name in entry.types if not any(name in _names(given) for given in items))
        items |= {name: entry.meanings.get(name, "") for name in more}
    lines = [f"* {_item(name, text, title, entry, scope)}" for name, text in items.items()]
    return f":{_FIELDS[title]}:\n" + textwrap.indent("\n".join(lines), "   ")


def _names(given: str) -> list[str]:
    return [name.strip(" *") for name in given.split(",")]


def _item(name: str, text: str, title: str, entry: Entry, scope: str) -> str:
    """One line of a list: a name, its type, its meaning."""
    if title in ("Raises", "Warns"):
        return f"{_link(name, name, scope)}: {_text(text, scope)}"
    types = list(dict.fromkeys(entry.types[one] for one in _names(name) if one in entry.types))
    said = f" (``{types[0]}``)" if len(types) == 1 else ""
    return f"``{name}``{said}" + (f": {_text(text, scope)}" if text else "")


def _items(body: str) -> dict[str, str]:
    """Name -> meaning; lines that go on stand deeper than the names."""
    found: dict[str, str] = {}
    for line in body.splitlines():
        match = _ITEM.match(line)
        if match:
            found[match[1]] = match[2]
        elif found and line.strip():
            found[next(reversed(found))] += " " + line.strip()
    return found


def _text(text: str, scope: str) -> str:
    """Markup of docstrings as markup of the page: single back-ticks are code, roles link to what is documented."""
    text = _BARE.sub(r"``\1``", text)
    return _ROLE.sub(lambda match: _link(match[1], match[1].rpartition(".")[2], scope), text)


def _link(name: str, shown: str, scope: str) -> str:
    """A link to a documented name, seen from a module; code where the name is not documented."""
    full = next((one for one in (name, f"{scope}.{name}") if one in known()), None)
    if full is None:
        ending = [one for one in known() if one.endswith(f".{name}")]
        full = ending[0] if len(ending) == 1 else None
    if full is None:
        return f"``{shown}``"
    return f":py:{_ROLES[known()[full]]}:`{shown} <{full}>`"
