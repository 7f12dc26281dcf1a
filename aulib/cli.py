"""The command line: ``aulib make`` for the whole book, and the single steps for batches and for one's own data."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from aulib import adapters, archives, notebooks, pipeline, profiles, remote, sweeps, workflow
from aulib.errors import AulibError, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an expected error is one sentence on stderr and exit code 1.

    ``check`` has codes of its own: 0 no problem, 1 problems found, 2 the folder or an argument cannot be used.
    """
    given = _parse(list(sys.argv[1:] if arguments is None else arguments))
    try:
        return given.command(given) or 0
    except AulibError as error:
        return _say(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _say(
                f"no space left on the disk while writing {error.filename or 'a file'}; free some space "
                "and run the same command again: "
                "finished parts are kept"
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return _say(f"cannot use {error.filename}: {error.strerror}")
        raise
    except KeyboardInterrupt:
        return _say("interrupted; run the same command again to go on", code=130)


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments. Those of Snakemake, after --, are set aside first: argparse loses them behind options."""
    end = arguments.index("--") if arguments[:1] == ["sweep"] and "--" in arguments else len(arguments)
    given = _parser().parse_args(arguments[:end])
    given.snakemake = arguments[end + 1 :]
    return given


def _say(sentence: str, code: int = 1) -> int:
    print(f"aulib: {sentence}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aulib", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    make = commands.add_parser(
        "make", help="execute every notebook and build the book, doing only what is not done yet"
    )
    make.set_defaults(command=_make)
    _add_profile(make)
    make.add_argument("--cores", type=int, default=os.cpu_count(), help="default: all")
    make.add_argument(
        "--edition",
        choices=("student", "both"),
        default="student",
        help="both: also the instructor edition, with solutions, in _build/html-instructor; default student",
    )

    run = commands.add_parser("run", help="execute notebooks with papermill")
    run.set_defaults(command=_run)
    run.add_argument("notebooks", nargs="*", help="as 03_balancing; default: all")
    _add_profile(run)
    _add_sweep(run)
    run.add_argument("--minutes", type=float, help="end a cell that takes longer; default: no limit")
    run.add_argument(
        "--into",
        metavar="PLACE",
        help="a folder, or an address that papermill can write to, as s3://bucket/folder; default: in _build",
    )
    _add_unpack(run)
    run.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as training.epochs=[2,1] or seed=1; may be repeated",
    )

    book = commands.add_parser("book", help="build the HTML from notebooks that were executed")
    book.set_defaults(command=lambda given: print(f"The book is at {_book(given.profile, given.edition)}"))
    _add_profile(book)
    book.add_argument("--edition", default="student", help="student (default) or instructor, with solutions")

    pdf = commands.add_parser("pdf", help="print the book from notebooks that were executed; needs Chromium")
    pdf.set_defaults(command=lambda given: print(f"The PDF is at {_pdf(given.profile, given.edition)}"))
    _add_profile(pdf)
    pdf.add_argument("--edition", default="student", help="student (default) or instructor, with solutions")

    build = commands.add_parser("build", help="build or find one product of the data flow and print where it is")
    build.set_defaults(command=_build)
    build.add_argument("step", choices=pipeline.STEPS)
    _add_profile(build)
    _add_sweep(build)
    build.add_argument("--mark", type=Path, help="when the step is done, write a hash of its content into this file")
    build.add_argument("--into", type=Path, help="also copy the tables of the step 'results' into this folder")
    _add_unpack(build)
    build.add_argument("--pack", type=Path, metavar="TAR", help="also write the product into one file")

    _add_sweeps(commands)

    _add_check(commands)
    _add_predict(commands)
    _add_compare(commands)

    synth = commands.add_parser("synth", help="render the synthetic corpus into a folder")
    synth.set_defaults(command=_synth)
    synth.add_argument("folder", type=Path)
    defaults = profiles.Corpus()
    synth.add_argument(
        "--scale", type=float, default=defaults.scale, help=f"1 gives about 6,500 images; default {defaults.scale}"
    )
    synth.add_argument(
        "--size", type=int, default=defaults.size, help=f"edge of the images in pixels; default {defaults.size}"
    )
    synth.add_argument("--seed", type=int, default=defaults.seed)
    synth.add_argument("--datasets", nargs="+", metavar="NAME", help="default: all six")
    synth.add_argument("--workers", type=int, help="processes; default: all cores")

    twins = commands.add_parser("twins", help="write the output-free ipynb twin of every notebook")
    twins.set_defaults(command=lambda given: print("\n".join(map(str, notebooks.write_twins())) or "nothing changed"))
    return parser


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser(
        "check",
        help="check the folder of a dataset, or list the datasets and where to ask for them",
        description="Without NAME: list the datasets. Exit code: 0 no problem, 1 problems found, 2 cannot be read.",
    )
    check.set_defaults(command=_check)
    check.add_argument("name", nargs="?", metavar="NAME", help="name of the dataset, as bp4d")
    check.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    check.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of the dataset's reader, as frame_offset=0 or release='2022'; may be repeated",
    )
    check.add_argument("--subset", action="store_true", help="fewer people than the dataset has are no problem")
    check.add_argument("--images", action="store_true", help="also decode every labelled image (slow)")
    check.add_argument("--examples", type=int, default=5, metavar="N", help="places shown for each check; default 5")
    check.add_argument("--json", action="store_true", help="print the whole report as JSON")


def _add_sweeps(commands: argparse._SubParsersAction) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="run notebooks and results under many settings, on this machine or a cluster",
        usage="aulib sweep FILE [OPTION ...] [-- OPTION_OF_SNAKEMAKE ...]",
        description="What follows -- goes to Snakemake, as: aulib sweep FILE -- --executor slurm --jobs 8",
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("file", type=Path, metavar="FILE", help="of the sweep, as profiles/sweeps/seeds.yml")
    sweep.add_argument("--cores", type=int, default=os.cpu_count(), help="default: all")
    sweep.add_argument("--memory-mb", type=int, help="that all runs at once may use; default: what is free")
    sweep.add_argument("--gpus", type=int, default=0, help="graphics cards on this machine; default 0")
    sweep.add_argument(
        "--storage",
        metavar="ADDRESS",
        help="keep products and results there, as s3://bucket/folder, for machines that share no file system",
    )
    sweep.add_argument("--dry-run", action="store_true", help="check everything and list the runs, run nothing")
    collect = commands.add_parser("collect", help="put the tables of a sweep's finished runs together")
    collect.set_defaults(command=_collect)
    collect.add_argument("file", type=Path, metavar="FILE")


def _add_unpack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unpack", type=Path, nargs="*", default=[], metavar="TAR", help="use products that 'build --pack' has written"
    )


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sweep", type=Path, metavar="FILE", help="take the settings from a run of this sweep")
    parser.add_argument("--run", metavar="NAME", help="the run's name")


def _add_predict(commands: argparse._SubParsersAction) -> None:
    predict = commands.add_parser(
        "predict",
        help="predict the action units of pictures of one's own",
        description="Exit code: 0 every picture was predicted, 1 nothing was done, 3 some pictures could not be used.",
    )
    predict.set_defaults(command=_predict)
    predict.add_argument("model", metavar="MODEL", help="a .keras file that aulib saved, or the folder of a run")
    predict.add_argument("images", nargs="+", metavar="IMAGE_OR_FOLDER")
    predict.add_argument("--out", type=Path, metavar="DIR", help="also write a CSV file and annotated pictures there")
    predict.add_argument(
        "--crop",
        choices=("detector", "auto", "whole"),
        default="detector",
        help="detector: the largest face, and a picture without one fails; auto: the whole picture where no face is "
        "found; whole: the pictures are face crops already; default detector",
    )
    predict.add_argument("--threshold", type=float, metavar="T", help="default: the model's own")
    predict.add_argument(
        "--map", nargs="+", default=[], metavar="AU", help="show in the annotated pictures where the model looks"
    )
    predict.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_compare(commands: argparse._SubParsersAction) -> None:
    compare = commands.add_parser(
        "compare",
        help="compare ways to learn from incomplete labels on synthetic faces, scored on the truth",
        description="Writes a table for each experiment, and a record. Stopped, the same command goes on.",
    )
    compare.set_defaults(command=_compare)
    _add_profile(compare)
    compare.add_argument("--out", type=Path, required=True, metavar="DIR")
    compare.add_argument("--experiment", nargs="+", metavar="NAME", help="default: all")
    compare.add_argument("--method", nargs="+", metavar="NAME", help="default: those of each experiment")
    compare.add_argument("--seeds", type=int, default=10, help="number of splits and trainings each; default 10")
    compare.add_argument("--workers", type=int, default=os.cpu_count(), help="processes; default: all cores")


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        default="quick",
        help=f"{', '.join(profiles.NAMES)}, or the path of a profile of your own; default quick",
    )


def _make(given: argparse.Namespace) -> None:
    root = notebooks.root()
    settings = profiles.load(given.profile)
    if settings.profile != given.profile:
        raise SettingsError(
            f"'aulib make' takes the name of a profile in {root / 'profiles'}, found '{given.profile}'; "
            "copy your profile there"
        )
    pipeline.Pipeline(settings)  # finds missing folders and an unwritable _build before anything runs
    pipeline.writable(root / "_build")
    with _alone(root / "_build" / ".make.lock", "another 'aulib make' is at work in this checkout"):
        config = {"profile": given.profile, "data": pipeline.data_fingerprint(settings)}
        # First the products: what depends on one that was made anew with the same content is then not run again.
        for target in ("products", "all" if given.edition == "student" else "editions"):
            if workflow.run(root, [target], given.cores, config):
                raise AulibError(
                    f"the book under profile '{given.profile}' is not finished: the reason stands above; "
                    "what was done is kept"
                )
    print(f"The book is at {root / '_build' / 'html' / 'index.html'}")
    if given.edition == "both":
        print(f"The instructor edition is at {root / '_build' / 'html-instructor' / 'index.html'}")


@contextmanager
def _alone(lock: Path, sentence: str) -> Iterator[None]:
    """Hold a lock, or refuse at once."""
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise AulibError(f"{sentence}; wait for it to end") from None


def _sweep(given: argparse.Namespace) -> int:
    root, sweep = notebooks.root(), sweeps.load(given.file)
    # Tries stand here and not in the rules: a job on a cluster is then tried again as a whole, with more memory.
    options = ["--keep-going", "--retries", str(sweep.resources.retries), *given.snakemake]
    asked = remote.understood(given.snakemake, root)
    if given.storage or asked.executor == "kubernetes":
        options = [*_storage(given, sweep, asked, root), *options]
    if asked.executor in (None, "local"):
        options += _limits(given, sweep)
    else:  # what a job says there reaches nobody: let Snakemake show the log of one that failed
        options = ["--quiet", "progress", "reason", "--show-failed-logs", *options]
    print(sweep.table().to_string(), file=sys.stderr)
    if given.dry_run:
        return 0
    file, data = given.file.resolve(), [pipeline.data_fingerprint(run.settings) for run in sweep.runs]
    config = {
        "sweep": file.relative_to(root) if file.is_relative_to(root) else file,
        "data": ",".join(data) if any(data) else "",
        "storage": given.storage,
    }
    place = pipeline.writable(root / "_build" / "sweeps" / sweep.name)
    with _alone(place / ".lock", f"the sweep '{sweep.name}' is at work already in this checkout"):
        failed = workflow.run(root, ["sweep"], given.cores, config, options)
        return _told(sweep, place, bool(failed))


def _storage(given: argparse.Namespace, sweep: sweeps.Sweep, asked: argparse.Namespace, root: Path) -> list[str]:
    """Check what jobs without a common folder need; return Snakemake's options for it."""
    if asked.executor == "kubernetes":
        remote.check_kubernetes(asked, given.storage)
    options = remote.storage_options(given.storage)
    remote.check_bucket(given.storage, asked, write=not given.dry_run)
    if asked.executor not in (None, "local"):
        remote.check_brought_along(root, [given.file, sweep.profile])
    return [*options, "--local-storage-prefix", f".snakemake/storage/{sweep.name}"]


def _limits(given: argparse.Namespace, sweep: sweeps.Sweep) -> list[str]:
    """Refuse a run that this machine is too small for; return how much all runs at once may use."""
    import psutil

    free = psutil.virtual_memory().available // 2**20
    memory = min(given.memory_mb or free, free)
    sweeps.check_resources(sweep.resources, given.cores, memory, given.gpus)
    return ["--resources", f"mem_mb={memory}", f"gpu={given.gpus}"]


def _told(sweep: sweeps.Sweep, place: Path, failed: bool) -> int:
    missing = sweeps.collect(sweep, place, finished=not failed)
    if missing or failed:
        return _say(
            f"{len(sweep.runs) - len(missing)} of {len(sweep.runs)} runs have their results in {place}; not finished: "
            f"{', '.join(missing) or 'some notebooks'}. The reasons stand above, failed copies lie in the runs' "
            "folders; the same command goes on from here"
        )
    print(f"The results of {len(sweep.runs)} runs are in {place / 'results.csv'}")
    return 0


def _collect(given: argparse.Namespace) -> int:
    sweep = sweeps.load(given.file)
    return _told(sweep, notebooks.root() / "_build" / "sweeps" / sweep.name, failed=False)


def _run(given: argparse.Namespace) -> None:
    changes = dict(_assignment(text, "-p", "seed=1") for text in given.parameter)
    settings = profiles.override(_settings(given), **changes)
    folder = given.into
    if given.sweep and not folder:
        folder = notebooks.root() / "_build" / "sweeps" / given.sweep.stem / given.run
    archives.unpack(given.unpack, pipeline.work_folder())
    os.environ.update(notebooks.environment())
    for name in given.notebooks or notebooks.names():
        print(f"executing {name} under profile {settings.profile}", file=sys.stderr)
        print(notebooks.execute(name, settings, tuple(changes), folder, given.minutes))


def _settings(given: argparse.Namespace) -> profiles.Settings:
    """The settings of a profile, or of a run of a sweep."""
    if bool(given.sweep) != bool(given.run):
        raise SettingsError("--sweep FILE and --run NAME belong together")
    return sweeps.load(given.sweep).run(given.run).settings if given.sweep else profiles.load(given.profile)


def _assignment(text: str, option: str, example: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"{option} {text}: expected NAME=VALUE, as in {option} {example}")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise SettingsError(
            f"{option} {text}: the value cannot be read; write it as in a profile, for example [2, 1]"
        ) from None


def _check(given: argparse.Namespace) -> int:
    from aulib import checks

    try:
        if given.name is None:
            print(checks.overview())
            return 0
        settings = dict(_assignment(text, "--setting", "frame_offset=0") for text in given.setting)
        if given.folder is None:
            adapters.settings(given.name)  # a misspelt name is the first thing to hear of
            raise SettingsError(f"which folder? Give the dataset's: aulib check {given.name} FOLDER")
        report = checks.check(given.name, given.folder, subset=given.subset, pixels=given.images, **settings)
    except AulibError as error:
        return _say(str(error), code=2)
    print(report.to_json() if given.json else report.text(given.examples))
    return 1 if report.problems else 0


def _predict(given: argparse.Namespace) -> int:
    from aulib import predicting
    from aulib.model import card

    files, others = predicting.find_images(given.images)
    table_file = given.out / "predictions.csv" if given.out else None
    if table_file and table_file.exists():
        raise SettingsError(f"{table_file} exists already; name another folder, or delete it")
    model = predicting.load_model(given.model)
    about = card(model)
    threshold = about["threshold"] if given.threshold is None else given.threshold
    predicting.check_aus(about["aus"], given.map)
    faces = predicting.read_faces(files, about["image_size"], given.crop, progress=sys.stderr.isatty())
    table = predicting.predict_faces(model, faces, threshold)
    for image, reason in table.attrs["failures"].items():
        _say(f"{image}: {reason}")
    if others:
        _say(f"{others} other files in the folders were left out")
    if table.empty:
        raise AulibError(f"none of {len(files)} pictures could be used")
    if table_file:
        _write_predictions(given.out, model, faces, table, threshold, given.map)
        pipeline.atomically(table_file, lambda path: table.to_csv(path, index=False))
        _say(f"wrote {table_file} and {len(faces.pixels)} annotated pictures")
    print(_json(table, threshold) if given.json else _rounded(table).to_string(index=False))
    return 3 if table.attrs["failures"] else 0


def _compare(given: argparse.Namespace) -> None:
    os.environ.update(notebooks.environment())
    from aulib import experiments

    work = pipeline.Pipeline(profiles.load(given.profile))
    print(
        experiments.compare(
            work,
            given.out,
            given.experiment or experiments.EXPERIMENTS,
            range(given.seeds),
            given.method,
            given.workers,
            progress=sys.stderr.isatty(),
        )
    )


def _write_predictions(folder: Path, model, faces, table, threshold: float, maps: list[str]) -> None:
    """One annotated picture for each face, numbered, since pictures in different folders may share a name."""
    import numpy as np

    from aulib import decoding, predicting
    from aulib.plots import attention

    pipeline.writable(folder)
    for row, image in enumerate(faces.index["image"]):
        looks = predicting.occlusion_map(model, faces.pixels[row], maps) if maps else ()
        figure = attention.picture_figure(
            np.asarray(decoding.open_rgb(image)[0]),
            faces.box(row),
            faces.pixels[row],
            table[table["image"] == image],
            threshold,
            dict(zip(maps, looks, strict=True)),
            source=Path(image).name,
        )
        name = folder / f"{row + 1:04d}_{Path(image).stem}.png"
        pipeline.atomically(name, lambda path, figure=figure: figure.savefig(path, dpi=110, format="png"))


def _rounded(table):
    table = table.assign(probability=table["probability"].map("{:.3f}".format))
    return table if (table["note"] != "").any() else table.drop(columns="note")


def _json(table, threshold: float) -> str:
    images = [
        {"image": image, "crop": rows["crop"].iloc[0], "note": rows["note"].iloc[0]}
        | {
            "aus": {
                row.au: {"probability": float(row.probability), "displayed": row.displayed} for row in rows.itertuples()
            }
        }
        for image, rows in table.groupby("image", sort=False)
    ]
    return json.dumps({"threshold": threshold, "images": images, "failures": table.attrs["failures"]}, indent=1)


def _book(profile: str, edition: str) -> Path:
    from aulib import book

    return book.build(profile, edition)


def _pdf(profile: str, edition: str) -> Path:
    from aulib import book

    return book.print_pdf(profile, edition)


def _build(given: argparse.Namespace) -> None:
    os.environ.update(notebooks.environment())
    work = pipeline.Pipeline(_settings(given), progress=not given.sweep)  # runs at once would mix their bars
    archives.unpack(given.unpack, work.folder)
    place = work.build(given.step)
    if given.into:
        if given.step != "results":
            raise SettingsError("--into goes with the step 'results'")
        given.into.mkdir(parents=True, exist_ok=True)
        for file in place.iterdir():
            pipeline.atomically(given.into / file.name, lambda path, file=file: shutil.copyfile(file, path))
    if given.mark:
        given.mark.parent.mkdir(parents=True, exist_ok=True)
        pipeline.atomically(given.mark, lambda path: Path(path).write_text(f"{work.content(given.step)}\n", "utf-8"))
    if given.pack:
        archives.pack(work, given.pack, *(("run", "results") if given.step == "results" else (given.step,)))
    print(place)


def _synth(given: argparse.Namespace) -> None:
    from aulib import synth

    before, start = _pictures(given.folder), time.monotonic()
    folder = synth.make_corpus(
        given.folder,
        scale=given.scale,
        size=given.size,
        seed=given.seed,
        datasets=given.datasets,
        workers=given.workers,
        progress=True,
    )
    seconds, rendered = time.monotonic() - start, _pictures(folder) - before
    counts = json.loads((folder / "corpus.json").read_text("utf-8"))["counts"].values()
    images, people = (sum(count[key] for count in counts) for key in ("images", "subjects"))
    speed = f"{rendered:,} rendered in {seconds:.1f} s, {rendered / seconds:.1f} images/s" if rendered else "all there"
    print(f"{folder}: {images:,} images of {people:,} people; {speed}")


def _pictures(folder: Path) -> int:
    """Number of image files below a folder."""
    return sum(name.endswith((".jpg", ".png")) for _, _, names in os.walk(folder) for name in names)


if __name__ == "__main__":
    sys.exit(main())
