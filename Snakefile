# The graph of the book: corpus -> database -> image store -> features -> training run -> notebooks -> HTML; and of
# sweeps: the same products and results under many settings.
#
#   snakemake --cores all --config profile=tiny
#   snakemake --cores all --config sweep=profiles/sweeps/seeds.yml sweep
#
# `make book` and `aulib sweep` call this; they check profile, sweep, folders and resources before anything runs.
# The steps build or find their products through aulib.pipeline. A small file says that a step is finished and holds a
# hash of what was made: a file that is written anew with the same content makes nothing after it run again.

from pathlib import Path

from aulib import dependencies, sweeps

PROFILE = config.get("profile", "quick")
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
    # Products that several runs share are made once, by the first of these runs.
    PLACE, ASKED = f"_build/sweeps/{SWEEP.name}", SWEEP.resources
    MADE = PLACE + "/products/{step}-{key}"

    def made_before(step, key):
        earlier = STEPS[step][1]
        return [MADE.format(step=earlier, key=SWEEP.maker(step, key).key(earlier))] if earlier else []

    rule sweep:
        input: PLACE + "/results.csv", expand(PLACE + "/{run}/{name}.ipynb", run=[run.name for run in SWEEP.runs], name=SWEEP.notebooks)

    rule sweep_product:
        input: lambda found: STEPS[found.step][0], lambda found: made_before(found.step, found.key)
        output: MADE
        wildcard_constraints: step="|".join(sweeps.DECIDES), key="[0-9a-f]+"
        params: run=lambda found: SWEEP.maker(found.step, found.key).name
        threads: workflow.cores
        resources: mem_mb=lambda found, attempt: ASKED.memory_mb * attempt, runtime=ASKED.minutes,
            gpu=lambda found: ASKED.gpus if found.step == "features" else 0
        retries: ASKED.retries
        shell: f"aulib build {{wildcards.step}} --sweep {SWEEP.path} --run {{params.run}} --mark {{output}}"

    rule sweep_result:
        input: STEPS["run"][0], STEPS["results"][0],
            lambda found: MADE.format(step="features", key=SWEEP.run(found.run).key("features"))
        output: PLACE + "/{run}/results.csv", PLACE + "/{run}/per_dataset.csv", PLACE + "/{run}/record.json"
        threads: ASKED.threads
        resources: mem_mb=lambda found, attempt: ASKED.memory_mb * attempt, runtime=ASKED.minutes, gpu=ASKED.gpus
        retries: ASKED.retries
        shell: f"aulib build results --sweep {SWEEP.path} --run {{wildcards.run}} --into {PLACE}/{{wildcards.run}}"

    rule sweep_notebook:
        input: PLACE + "/{run}/results.csv", "notebooks/{name}.py", lambda found: dependencies.of_notebook(f"notebooks/{found.name}.py")
        output: PLACE + "/{run}/{name}.ipynb"
        wildcard_constraints: name="|".join(NOTEBOOKS)
        threads: ASKED.threads
        resources: mem_mb=lambda found, attempt: ASKED.memory_mb * attempt, runtime=ASKED.minutes, gpu=ASKED.gpus
        retries: ASKED.retries
        shell: f"aulib run {{wildcards.name}} --sweep {SWEEP.path} --run {{wildcards.run}}"

    rule sweep_table:
        input: expand(PLACE + "/{run}/results.csv", run=[run.name for run in SWEEP.runs])
        output: PLACE + "/results.csv", PLACE + "/per_dataset.csv", PLACE + "/runs.csv"
        shell: f"aulib collect {SWEEP.path} > /dev/null"
