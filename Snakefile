# The graph of the book: corpus -> database -> image store -> features -> training run -> notebooks -> HTML; and of
# sweeps: the same products and results under many settings.
#
#   snakemake --cores all --config profile=tiny
#   snakemake --cores all --config sweep=profiles/sweeps/seeds.yml sweep
#
# `make book` and `aulib sweep` call this; they check profile, sweep, folders and resources before anything runs.
# The steps build or find their products through aulib.pipeline. A small file says that a step is finished and holds a
# hash of what was made: a file that is written anew with the same content makes nothing after it run again.

import shlex
from functools import cache
from pathlib import Path

from aulib import dependencies, sweeps

PROFILE = config.get("profile", "quick")
# What stands for the content of the user's own datasets, of all runs of a sweep in turn; whoever starts Snakemake has looked.
DATA = str(config.get("data", "")).split(",")
SWEEP = sweeps.load(config["sweep"]) if "sweep" in config else None
NOTEBOOKS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
BOOK = sorted(str(path) for path in Path("book").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
# The last of the steps whose products a notebook needs, where that is more than the database.
NEEDS = {"05_training": "run", "06_results": "run", "07_cost_of_missing_labels": "features", "13_own_pictures": "run"}
# Measured once, by benchmarks/recognition.py and benchmarks/missing_labels.py, and shown in these chapters.
MEASURED = [f"aulib/synth/data/{name}" for name in ("recognition.csv", "cross_dataset.csv", "recognition.json")]
SHOWN = {
    "00_synthetic_faces": MEASURED,
    "07_cost_of_missing_labels": sorted(str(path) for path in Path("aulib/experiments/data").iterdir()),
}
# Each step's own code, and the step before it.
STEPS = {
    "corpus": (dependencies.of_module("synth"), None),
    "database": (dependencies.of_module("database", "adapters"), "corpus"),
    "store": (dependencies.of_module("images"), "database"),
    "features": (dependencies.of_module("training", without=("losses", "metrics")), "store"),
    "run": (dependencies.of_module("pipeline", "training", without=("adapters", "synth", "images")), "features"),
    "results": (dependencies.of_module("evaluation", without=("adapters", "synth")), "run"),
}
DONE = "_build/done/{profile}/{step}"


localrules: all, editions, products


rule all:
    input: "_build/html/index.html"


rule editions:
    input: "_build/html/index.html", "_build/html-instructor/index.html"


rule products:
    input: expand(DONE, profile=PROFILE, step=[step for step in STEPS if step != "results"])


rule step:
    input: "profiles/{profile}.yml", lambda found: STEPS[found.step][0],
        lambda found: [DONE.format(profile=found.profile, step=STEPS[found.step][1])] if STEPS[found.step][1] else []
    output: DONE
    wildcard_constraints: step="|".join(STEPS)
    params: data=lambda found: DATA[0] if found.step == "database" else ""
    threads: workflow.cores
    shell: "aulib build {wildcards.step} --profile {wildcards.profile} --mark {output}"


rule notebook:
    input: f"profiles/{PROFILE}.yml", "notebooks/{name}.py",
        lambda found: dependencies.of_notebook(f"notebooks/{found.name}.py"),
        lambda found: SHOWN.get(found.name, []),
        lambda found: DONE.format(profile=PROFILE, step=NEEDS.get(found.name, "database"))
    output: f"_build/executed/{PROFILE}/{{name}}.ipynb"
    threads: lambda found: workflow.cores if NEEDS.get(found.name) == "run" else 1
    shell: f"aulib run {{wildcards.name}} --profile {PROFILE}"


PAGES = [*expand(f"_build/executed/{PROFILE}/{{name}}.ipynb", name=NOTEBOOKS), *BOOK, *MEASURED, "_config.yml", *dependencies.of_pages(),
    *(f"profiles/{name}.yml" for name in ("tiny", "quick", "classroom", "paper"))]


rule book:
    input: PAGES
    output: "_build/html/index.html"
    params: profile=PROFILE
    threads: workflow.cores
    shell: "aulib book --profile {params.profile} > /dev/null"


rule instructor_book:
    input: PAGES
    output: "_build/html-instructor/index.html"
    params: profile=PROFILE
    threads: workflow.cores
    shell: "aulib book --profile {params.profile} --edition instructor > /dev/null"


if SWEEP:
    # Products that several runs share are made once, by the first of these runs. What a step's code was is one of its
    # parameters, not an input: jobs on other machines bring the code along. With `storage` the jobs share no folder:
    # products and results lie there, packed, and what a run has made is fetched to PLACE. The storage keeps no record
    # of how a file was made, so that its name there says it: {key} stands for settings, code and data. Sweeps share it.
    PLACE, ASKED, STORAGE = f"_build/sweeps/{SWEEP.name}", SWEEP.resources, config.get("storage")
    THERE = f"sweeps/{SWEEP.name}" if STORAGE else PLACE
    MADE = ("" if STORAGE else PLACE + "/") + "products/{step}-{key}"
    RUN = THERE + ("/{run}/{key}" if STORAGE else "/{run}")
    SHARED = list(sweeps.DECIDES)
    PACKING = "--unpack {input.packed} --pack {output.packed}" if STORAGE else ""
    UNPACKING = "--unpack {input.packed} {input.run}" if STORAGE else ""
    FILE, RUNS = shlex.quote(str(SWEEP.path)), [run.name for run in SWEEP.runs]
    TABLES = [*sweeps.TABLES, "record.json"]

    @cache
    def code(*steps, notebook=None):
        files = [file for step in steps for file in STEPS[step][0]]
        if notebook:
            files += [f"notebooks/{notebook}.py", *dependencies.of_notebook(f"notebooks/{notebook}.py")]
        return dependencies.files_hash(files)

    def data_of(run):
        return DATA[RUNS.index(run.name)] if len(DATA) == len(RUNS) else DATA[0]

    def key(run, step, code):
        """What a name in the storage stands for."""
        return f"{run.key(step)}-{code}{'' if step == 'corpus' else data_of(run)}"

    def here(pattern, **values):
        """Files on this machine, also where the others lie in a storage."""
        return [local(path) for path in expand(pattern, **values)]

    def timeless(path):
        """In a storage names say it all, and times mislead: of two sweeps that make the same product, one is later."""
        return ancient(path) if STORAGE else path

    def until(step):
        return SHARED[: SHARED.index(step) + 1] if step else []

    def made(run, step):
        """The mark of a run's product; with a storage also that and all earlier products, packed."""
        keys = {one: key(run, one, code(*until(one))) if STORAGE else run.key(one) for one in until(step)}
        marks = [MADE.format(step=one, key=keys[one]) for one in keys]
        return {"mark": [timeless(mark) for mark in marks[-1:]], "packed": [timeless(f"{mark}.tar") for mark in marks] if STORAGE else []}

    def maker(found):
        return SWEEP.maker(found.step, found.key.split("-")[0])

    def of_run(name, notebook=None):
        """The folder of a run's results, or of a notebook."""
        made_by = code(*SHARED, "run", "results", notebook=notebook)
        return RUN.format(run=name, key=key(SWEEP.run(name), "results", made_by))

    def file_of_run(found):
        notebook = found.file.removesuffix(".ipynb") if found.file.endswith(".ipynb") else None
        return f"{of_run(found.run, notebook)}/{found.file}"

    def asked(gpus=ASKED.gpus):
        """What a job may use. Kubernetes takes a GPU count of 0 for a wish for a GPU."""
        always = {"mem_mb": lambda found, attempt: ASKED.memory_mb * attempt, "runtime": ASKED.minutes, "disk_mb": ASKED.disk_mb}
        return always | ({"gpu": gpus} if gpus else {})

    localrules: sweep, sweep_table

    wildcard_constraints:
        run="[^/]+",
        key="[0-9a-f-]+",

    rule sweep:
        input: here(PLACE + "/results.csv"), here(PLACE + "/{run}/{name}.ipynb", run=RUNS, name=SWEEP.notebooks)

    rule sweep_product:
        input: unpack(lambda found: made(maker(found), STEPS[found.step][1]))
        output: mark=MADE, packed=[MADE + ".tar"] if STORAGE else []
        wildcard_constraints: step="corpus|database|store"
        params: run=lambda found: maker(found).name, code=lambda found: code(found.step),
            data=lambda found: data_of(maker(found)) if found.step == "database" else ""
        threads: workflow.cores
        resources: **asked(gpus=0)
        shell: f"aulib build {{wildcards.step}} --sweep {FILE} --run {{params.run}} --mark {{output.mark}} {PACKING}"

    use rule sweep_product as sweep_features with:
        wildcard_constraints: step="features"
        resources: **asked()

    rule sweep_result:
        input: unpack(lambda found: made(SWEEP.run(found.run), "features"))
        output: results=RUN + "/results.csv", others=[f"{RUN}/{table}" for table in TABLES[1:]], packed=[RUN + "/run.tar"] if STORAGE else []
        params: code=code("run", "results"), settings=lambda found: SWEEP.run(found.run).key("results")
        threads: ASKED.threads
        resources: **asked()
        shell: f"aulib build results --sweep {FILE} --run {{wildcards.run}} --into $(dirname {{output.results}}) {PACKING}"

    rule sweep_notebook:
        input: unpack(lambda found: made(SWEEP.run(found.run), "features")), results=lambda found: timeless(of_run(found.run) + "/results.csv"),
            run=lambda found: [timeless(of_run(found.run) + "/run.tar")] if STORAGE else []
        output: RUN + "/{name}.ipynb"
        wildcard_constraints: name="|".join(NOTEBOOKS)
        params: code=lambda found: code(notebook=found.name), settings=lambda found: SWEEP.run(found.run).key("results")
        threads: ASKED.threads
        resources: **asked()
        shell: f"aulib run {{wildcards.name}} --sweep {FILE} --run {{wildcards.run}} --into $(dirname {{output}}) {UNPACKING}"

    rule sweep_table:
        input: here(PLACE + "/{run}/{table}", run=RUNS, table=TABLES)
        output: here(PLACE + "/{table}", table=[*sweeps.TABLES, "runs.csv"])
        shell: f"aulib collect {FILE} > /dev/null"

    if STORAGE:
        localrules: sweep_fetch

        rule sweep_fetch:
            input: file_of_run
            output: local(PLACE + "/{run}/{file}")
            wildcard_constraints: file="|".join([*TABLES, *(f"{name}.ipynb" for name in NOTEBOOKS)])
            shell: "cp {input} {output}"
