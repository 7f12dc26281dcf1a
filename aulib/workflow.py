"""Start Snakemake on the repository's ``Snakefile``. It holds the graph and does the scheduling."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aulib import notebooks
from aulib.errors import SettingsError

#: How an address begins -> Snakemake's storage plugin for it. Any other is a folder that all machines see.
STORAGES = {"s3://": "s3", "gs://": "gcs", "az://": "azure"}


def storage_options(address: str) -> list[str]:
    """Return Snakemake's options for products and results that lie in a storage.

    The names of files there stand for all that decides their content; nothing else makes one anew.

    Args:
        address: as ``s3://bucket/folder``.

    Raises:
        SettingsError: an address of another kind, or one whose plugin is not installed.

    Example:
        >>> storage_options("s3://bucket/study")[:4]
        ['--default-storage-provider', 's3', '--default-storage-prefix', 's3://bucket/study']
    """
    provider = next((name for start, name in STORAGES.items() if address.startswith(start)), None)
    if provider is None or not address.split("://")[1].strip("/"):
        raise SettingsError(
            f"the storage '{address}' is no address such as s3://bucket/folder; accepted are {', '.join(STORAGES)}"
        )
    if not importlib.util.find_spec(f"snakemake_storage_plugin_{provider}"):
        raise SettingsError(
            f"a storage {address} needs Snakemake's plugin: pip install snakemake-storage-plugin-{provider}"
        )
    place = ["--default-storage-provider", provider, "--default-storage-prefix", address.rstrip("/")]
    return [*place, "--rerun-triggers", "mtime", "input"]


def check_brought_along(root: Path, files: Iterable[Path]) -> None:
    """Make sure that jobs on other machines get these files: Snakemake takes along what git knows.

    Raises:
        SettingsError: some are not known to git, or lie outside of the checkout.
    """
    lost = []
    for file in files:
        command = ["git", "ls-files", "--error-unmatch", str(file.resolve())]
        if subprocess.run(command, cwd=root, capture_output=True, check=False).returncode:
            lost.append(str(file))
    if lost:
        raise SettingsError(
            f"jobs on other machines get the files of {root} that git knows, and {', '.join(lost)} is none of them: "
            "put it into the checkout and call 'git add' on it"
        )


def run(
    root: Path, targets: Sequence[str], cores: int, config: Mapping[str, object], options: Sequence[str] = ()
) -> int:
    """Run targets of the graph and return Snakemake's exit code; what goes wrong it prints itself.

    Args:
        root: the checkout.
        targets: rules or files.
        cores: at most so many at once.
        config: what the ``Snakefile`` reads from ``config``; what is empty is left out.
        options: further options of Snakemake.
    """
    command = [sys.executable, "-m", "aulib._snakemake", "--cores", str(cores), "--nolock", "--rerun-incomplete"]
    told = [f"{name}={value}" for name, value in config.items() if value]
    command += ["--quiet", "--config", *told, *options, "--", *targets]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **notebooks.environment(), "PATH": path}
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode
