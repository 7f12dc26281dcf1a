"""Names the entries of the bibliography as the text cites them: "Baltrušaitis et al., 2015"."""

from collections import Counter

import pybtex.plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle


class Labels(BaseLabelStyle):
    def format_labels(self, sorted_entries):
        labels = [named(entry) for entry in sorted_entries]
        twice = [label for label, count in Counter(labels).items() if count > 1]
        if twice:
            raise ValueError(f"book/references.bib: more than one work is cited as {', '.join(twice)}; tell them apart")
        return labels


class AuthorYear(Style):
    default_label_style = "aulib_author_year"


def named(entry) -> str:
    people = [plain(person) for person in entry.persons["author"]]
    several = {1: people[0], 2: " and ".join(people[:2])}
    return f"{several.get(len(people), f'{people[0]} et al.')}, {entry.fields['year']}"


def plain(person) -> str:
    return " ".join(str(part) for part in (*person.rich_prelast_names, *person.rich_last_names))


def setup(app):
    pybtex.plugin.register_plugin("pybtex.style.labels", "aulib_author_year", Labels)
    pybtex.plugin.register_plugin("pybtex.style.formatting", "aulib_author_year", AuthorYear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
