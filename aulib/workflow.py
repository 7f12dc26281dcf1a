"""Start Snakemake on the repository's ``Snakefile``. It holds the graph and does the scheduling."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aulib import notebooks


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
