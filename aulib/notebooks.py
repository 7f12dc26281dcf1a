"""Execute the book's notebooks with papermill, each in a process of its own, under one profile."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from aulib import pipeline, profiles
from aulib.errors import AulibError, SettingsError
from aulib.profiles import Settings

#: Versions that every executed notebook records.
RECORDED = ("aulib", "numpy", "pandas", "scipy", "keras", "tensorflow", "jupyter-book", "papermill")


#: So often a notebook is tried whose kernel dies or does not start: killed for memory, or by accident.
TRIES = 3


class NotebookFailedError(AulibError):
    """A cell of a notebook raised an error or took too long; the failed copy is kept."""


class KernelDiedError(NotebookFailedError):
    """The process that executes a notebook ended or did not start."""


def root() -> Path:
    """Return the checkout that holds the notebooks.

    Raises:
        AulibError: the package is installed without its checkout, so that there are no notebooks to execute.
    """
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / "notebooks").is_dir():
        raise AulibError("there are no notebooks here: clone the repository and install it with 'pip install -e .'")
    return checkout


def names() -> list[str]:
    """Return the names of all notebooks in reading order, as ``01_database``."""
    return sorted(path.stem for path in (root() / "notebooks").glob("[0-9]*.py"))


def read(name: str) -> Any:
    """Read a notebook's py:percent source as a notebook node."""
    import jupytext

    path = root() / "notebooks" / f"{name}.py"
    if not path.is_file():
        raise SettingsError(f"no notebook '{name}'; accepted are {', '.join(names())}")
    return jupytext.read(path, fmt="py:percent")


def twin(name: str) -> str:
    """Return the text of a notebook's ipynb twin, the same for the same source: no outputs, no solutions."""
    import jupytext

    from aulib import editions

    notebook = read(name)
    notebook.cells = editions.student(notebook.cells)
    notebook.metadata = {
        key: notebook.metadata[key] for key in ("accelerator", "colab", "kernelspec") if key in notebook.metadata
    }
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return jupytext.writes(notebook, fmt="ipynb")


def write_twins() -> list[Path]:
    """Write the ipynb twin of every notebook beside its source; return those that changed."""
    changed = []
    for name in names():
        path, text = root() / "notebooks" / f"{name}.ipynb", twin(name)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


def declared(notebook: Any) -> dict[str, Any]:
    """Return the parameters that a notebook's cell tagged ``parameters`` declares.

    Raises:
        SettingsError: there is no such cell, or it declares a name that is no parameter of a profile.
    """
    import ast

    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise SettingsError(f"a notebook needs exactly one cell tagged 'parameters', found {len(cells)}")
    found = {}
    for statement in ast.parse(cells[0].source).body:
        if not isinstance(statement, ast.AnnAssign):
            raise SettingsError("the parameters cell may only hold lines of the form 'name: type = value'")
        found[statement.target.id] = ast.literal_eval(statement.value)
    unknown = [name for name in found if name not in profiles.PARAMETERS]
    if unknown:
        raise SettingsError(
            f"unknown parameter {', '.join(unknown)} in the parameters cell; "
            f"accepted are {', '.join(profiles.PARAMETERS)}"
        )
    return found


def execute(
    name: str,
    settings: Settings,
    changed: tuple[str, ...] = (),
    folder: str | Path | None = None,
    minutes: float | None = None,
) -> Path:
    """Execute a notebook under the given settings. If its kernel dies it is tried again, up to :data:`TRIES` times.

    Args:
        name: the notebook, as ``01_database``.
        settings: all parameters; the notebook gets those that it declares.
        changed: names of parameters asked for one by one; each must be known to the notebook.
        folder: of the executed notebook; default ``_build/executed/<profile>``. Also an address that papermill can
            write to, as ``s3://bucket/folder``: the notebook is copied there when it is finished.
        minutes: after which a cell is ended; default: no limit.

    Returns:
        The executed notebook, ``<folder>/<name>.ipynb``; of an address, the local copy in its default place.

    Raises:
        SettingsError: a parameter the notebook does not know, or an address that papermill cannot write to.
        AulibError: the finished notebook could not be copied to the address.
        NotebookFailedError: a cell failed or took too long; the copy with its traceback lies in
            ``_build/failed/<profile>``, or with a ``folder`` in its folder ``failed``.
        KernelDiedError: the kernel died each time.
    """
    write = _writer(str(folder)) if "://" in str(folder) else None
    folder = Path(folder) if folder and not write else None
    notebook = read(name)
    known = declared(notebook)
    strange = [parameter for parameter in changed if parameter.split(".")[0] not in known]
    if strange:
        raise SettingsError(
            f"notebook {name} does not know the parameter {', '.join(strange)}; it knows {', '.join(known)}"
        )
    parameters = {key: value for key, value in settings.model_dump(mode="json").items() if key in known}
    done = pipeline.writable(folder) if folder else _build("executed", settings.profile)
    broken = pipeline.writable(folder / "failed") if folder else _build("failed", settings.profile)
    target, failed = done / f"{name}.ipynb", broken / f"{name}.ipynb"
    running = failed.with_name(f"{name}.{os.getpid()}.ipynb")
    started = time.time()
    try:
        for attempt in range(1, TRIES + 1):
            try:
                _papermill(notebook, running, parameters, name, failed, minutes)
                break
            except KernelDiedError as error:
                if attempt == TRIES:
                    raise
                print(f"{error}; trying again ({attempt + 1} of {TRIES})", file=sys.stderr)
        _record(running, settings, time.time() - started)
        os.replace(running, target)
    finally:
        running.unlink(missing_ok=True)
    failed.unlink(missing_ok=True)
    if folder:
        _remove_if_empty(broken)
    if write:
        write(target)
    return target


def _writer(address: str) -> Callable[[Path], None]:
    """Find papermill's handler for an address, and look there before anything runs, so that no work is lost."""
    from papermill.exceptions import PapermillException, PapermillOptionalDependencyException
    from papermill.iorw import LocalHandler, papermill_io

    handler = papermill_io.get_handler(address)
    if isinstance(handler, LocalHandler) or address.startswith(("http://", "https://")):
        raise SettingsError(f"papermill cannot write to addresses such as {address}; it can to s3://, gs:// and abs://")
    try:
        handler.listdir(address)
    except PapermillOptionalDependencyException as error:
        raise SettingsError(f"{address}: {error}") from None
    except (PapermillException, FileNotFoundError):
        pass  # a handler that cannot list, or a folder that the first file will make
    except Exception as error:  # each service has errors of its own
        raise SettingsError(f"{address} cannot be used: {' '.join(str(error).split())}") from None

    def write(path: Path) -> None:
        try:
            papermill_io.write(path.read_text("utf-8"), f"{address.rstrip('/')}/{path.name}")
        except Exception as error:
            reason = " ".join(str(error).split())
            raise AulibError(f"{path} is finished, but could not be copied to {address}: {reason}") from None

    return write


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _papermill(
    notebook: Any, running: Path, parameters: dict[str, Any], name: str, failed: Path, minutes: float | None
) -> None:
    """Execute a notebook into the file ``running``; move it to ``failed`` if a cell raises an error."""
    import papermill
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="aulib-") as sockets:
        # The kernel talks over files, not ports: kernels that start at the same moment cannot take each other's port.
        connection = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        try:
            papermill.execute_notebook(
                notebook,
                str(running),
                parameters=parameters,
                cwd=str(root() / "notebooks"),
                kernel_name="python3",
                start_timeout=120,
                execution_timeout=None if minutes is None else round(60 * minutes),
                config=connection,
            )
        except papermill.PapermillExecutionError as error:
            os.replace(running, failed)
            traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
            raise NotebookFailedError(
                f"{traceback}\n\nnotebook {name} failed in cell {error.cell_index}: {error.ename}: {error.evalue}\n"
                f"the failed copy is {failed}"
            ) from None
        except TimeoutError as error:
            if running.is_file():
                os.replace(running, failed)
            raise NotebookFailedError(
                f"notebook {name}: a cell took longer than {minutes:g} minutes and was ended "
                f"({' '.join(str(error).split())[:200]}); the copy up to there is {failed}"
            ) from None
        except RuntimeError as error:  # nbclient's DeadKernelError, or a kernel that never answered
            raise KernelDiedError(
                f"notebook {name}: the kernel died ({error}); often the memory was used up: try profile=tiny"
            ) from None


def environment() -> dict[str, str]:
    """Return the environment variables under which kernels run quietly, repeatably and with no more threads than asked.

    Snakemake puts the threads of a job into ``OMP_NUM_THREADS`` and its like, which TensorFlow does not read.
    """
    threads = os.environ.get("OMP_NUM_THREADS")
    return ({"TF_NUM_INTRAOP_THREADS": threads} if threads else {}) | {
        "AULIB_STATIC": "1",  # explorers in the pages hold their frames: see aulib.widgets
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "JUPYTER_PLATFORM_DIRS": "1",
        "AULIB_PROFILE": "quick",  # what is executed here is given all its parameters
    }


def _record(path: Path, settings: Settings, seconds: float) -> None:
    """Put the run record into the executed notebook's metadata."""
    content = json.loads(path.read_text("utf-8"))
    versions = {name: _version(name) for name in RECORDED}
    content["metadata"]["aulib"] = {
        "profile": settings.profile,
        "seed": settings.seed,
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "finished": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "settings": settings.model_dump(mode="json"),
        "data": _kind(settings),
    }
    content["metadata"].pop("papermill", None)  # it names this machine's folders
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _kind(settings: Settings) -> str:
    """Say whether the datasets are synthetic, real, or both."""
    folders = settings.datasets.values()
    return "synthetic" if not any(folders) else "real" if all(folders) else "real and synthetic"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _build(*parts: str) -> Path:
    return pipeline.writable(root() / "_build" / Path(*parts))
