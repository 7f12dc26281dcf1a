"""The command line: ``aulib make`` for the whole book, and the single steps for batches and for one's own data."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from aulib import adapters, notebooks, pipeline, profiles
from aulib.errors import AulibError, SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an expected error is one sentence on stderr and exit code 1.

    ``check`` has codes of its own: 0 no problem, 1 problems found, 2 the folder or an argument cannot be used.
    """
    given = _parser().parse_args(arguments)
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
            return _say(f"cannot write {error.filename}: {error.strerror}")
        raise
    except KeyboardInterrupt:
        return _say("interrupted; run the same command again to go on", code=130)


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

    run = commands.add_parser("run", help="execute notebooks with papermill")
    run.set_defaults(command=_run)
    run.add_argument("notebooks", nargs="*", help="as 03_balancing; default: all")
    _add_profile(run)
    run.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as training.epochs=[2,1] or seed=1; may be repeated",
    )

    book = commands.add_parser("book", help="build the HTML from notebooks that were executed")
    book.set_defaults(command=lambda given: print(f"The book is at {_book(given.profile)}"))
    _add_profile(book)

    build = commands.add_parser("build", help="build or find one product of the data flow and print where it is")
    build.set_defaults(command=_build)
    build.add_argument("step", choices=pipeline.STEPS)
    _add_profile(build)
    build.add_argument("--mark", type=Path, help="also write the place into this file when the step is done")

    _add_check(commands)

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
    lock = FileLock(root / "_build" / ".make.lock", timeout=0)
    try:
        with lock:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "snakemake",
                    "--cores",
                    str(given.cores),
                    "--config",
                    f"profile={given.profile}",
                    "--nolock",
                    "--rerun-incomplete",
                    "--quiet",
                    "all",
                ],
                cwd=root,
                env={
                    **os.environ,
                    **notebooks.environment(),
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                },
                check=False,
            )
    except Timeout:
        raise AulibError("another 'aulib make' is at work in this checkout; wait for it to end") from None
    if done.returncode:
        raise AulibError(
            f"the book under profile '{given.profile}' is not finished: the reason stands above; what was done is kept"
        )
    print(f"The book is at {root / '_build' / 'html' / 'index.html'}")


def _run(given: argparse.Namespace) -> None:
    changes = dict(_assignment(text, "-p", "seed=1") for text in given.parameter)
    settings = profiles.override(profiles.load(given.profile), **changes)
    os.environ.update(notebooks.environment())
    for name in given.notebooks or notebooks.names():
        print(f"executing {name} under profile {settings.profile}", file=sys.stderr)
        print(notebooks.execute(name, settings, tuple(changes)))


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


def _book(profile: str) -> Path:
    from aulib import book

    return book.build(profile)


def _build(given: argparse.Namespace) -> None:
    os.environ.update(notebooks.environment())
    place = pipeline.Pipeline(profiles.load(given.profile), progress=True).build(given.step)
    if given.mark:
        given.mark.parent.mkdir(parents=True, exist_ok=True)
        pipeline.atomically(given.mark, lambda path: Path(path).write_text(f"{place}\n", "utf-8"))
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
