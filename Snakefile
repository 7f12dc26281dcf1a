# The graph of the book: corpus -> database -> training run -> notebooks -> HTML.
#
#   snakemake --cores all --config profile=tiny
#
# `make book` calls this through `aulib make`, which checks the profile and the folders first.
# The steps build or find their products through aulib.pipeline; a file below _build/done says that a step is finished.

from pathlib import Path

PROFILE = config.get("profile", "quick")
NOTEBOOKS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
# What the results depend on; the command line and the staging of the book are not among it.
CODE = sorted(str(path) for path in Path("aulib").rglob("*.py") if path.name not in ("cli.py", "book.py", "notebooks.py"))
BOOK = sorted(str(path) for path in Path("book").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
# The step whose products a notebook needs, where that is more than the database; the rest it makes itself in no time.
NEEDS = {"05_training": "run", "06_results": "run"}


rule all:
    input: "_build/html/index.html"


rule step:
    input: f"profiles/{PROFILE}.yml", CODE,
        lambda wildcards: {"corpus": [], "database": [f"_build/done/{PROFILE}/corpus"], "run": [f"_build/done/{PROFILE}/database"]}[wildcards.step]
    output: f"_build/done/{PROFILE}/{{step}}"
    wildcard_constraints: step="corpus|database|run"
    threads: workflow.cores
    shell: f"aulib build {{wildcards.step}} --profile {PROFILE} --mark {{output}}"


rule notebook:
    input: f"profiles/{PROFILE}.yml", CODE, "notebooks/{name}.py",
        lambda wildcards: f"_build/done/{PROFILE}/{NEEDS.get(wildcards.name, 'database')}"
    output: f"_build/executed/{PROFILE}/{{name}}.ipynb"
    threads: 1
    shell: f"aulib run {{wildcards.name}} --profile {PROFILE}"


rule book:
    input: expand(f"_build/executed/{PROFILE}/{{name}}.ipynb", name=NOTEBOOKS), BOOK, "_config.yml", "aulib/book.py", "aulib/paper.py",
        [f"profiles/{name}.yml" for name in ("tiny", "quick", "classroom", "paper")]
    output: "_build/html/index.html"
    params: profile=PROFILE
    threads: workflow.cores
    shell: "aulib book --profile {params.profile} > /dev/null"
