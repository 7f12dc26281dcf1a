"""The book: stage the executed notebooks beside the prose, then let Jupyter Book write the HTML.

A book has two editions from one source. The student edition holds the exercises without solutions; the instructor
edition holds the solutions and what the checks say to them.
"""

from aulib.book._build import EDITIONS, build, folder
from aulib.book._pdf import print_pdf

__all__ = ["EDITIONS", "build", "folder", "print_pdf"]
