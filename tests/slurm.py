"""A Slurm of one machine: controller and one node on the loopback address, for the length of a test.

Needs root, and the packages slurm-wlm and munge. Slurm's own steps read /etc/slurm/slurm.conf whatever the environment
says, so the configuration has to lie there; one that is there already is never touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
CONFIG = Path("/etc/slurm/slurm.conf")


def what_is_missing() -> str:
    """Why no Slurm can be started here; empty if one can."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    if missing:
        return f"not installed: {', '.join(missing)} (packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "Slurm's daemons need root here"
    return f"{CONFIG} exists: this machine has a Slurm of its own" if CONFIG.exists() else ""


@contextmanager
def running(folder: Path, cores: int, memory_mb: int) -> Iterator[None]:
    """Start munge, controller and node; stop them and remove the configuration at the end."""
    host = socket.gethostname().split(".")[0]
    CONFIG.write_text(_configuration(folder, host, cores, memory_mb))
    daemons: list[subprocess.Popen] = []
    try:
        _prepare_munge()
        daemons.append(_start(folder, "munged", "--foreground", "--force", user="munge"))
        _wait_for(lambda: _quiet("munge", "-n"), "munge does not answer")
        daemons.append(_start(folder, "slurmctld", "-D"))
        daemons.append(_start(folder, "slurmd", "-D", "-N", host))
        _wait_for(lambda: "idle" in _output("sinfo", "-h", "-o", "%T"), "the node does not become idle")
        yield
    finally:
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        CONFIG.unlink(missing_ok=True)


def jobs() -> list[tuple[str, str, str]]:
    """Number, state and comment of the jobs in the queue; Snakemake puts the rule and its wildcards in the comment."""
    return [tuple(line.split("|")) for line in _output("squeue", "-h", "-o", "%i|%T|%k").splitlines()]


def _configuration(folder: Path, host: str, cores: int, memory_mb: int) -> str:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    settings = {
        "ClusterName": "book", "SlurmctldHost": f"{host}(127.0.0.1)", "SlurmUser": "root", "AuthType": "auth/munge",
        "ProctrackType": "proctrack/pgid", "TaskPlugin": "task/none", "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory", "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool", "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid", "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "slurmd.log", "AccountingStorageType": "accounting_storage/none",
        "JobAcctGatherType": "jobacct_gather/none", "MailProg": "/bin/true", "ReturnToService": 2,
    }  # fmt: skip
    lines = [f"{name}={value}" for name, value in settings.items()]
    lines.append(f"NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mb} State=UNKNOWN")
    lines.append(f"PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP")
    return "\n".join(lines) + "\n"


def _prepare_munge() -> None:
    for place in ("/run/munge", "/var/log/munge", "/var/lib/munge", "/etc/munge"):
        Path(place).mkdir(exist_ok=True)
        shutil.chown(place, "munge", "munge")
    os.chmod("/run/munge", 0o755)


def _start(folder: Path, *command: str, user: str | None = None) -> subprocess.Popen:
    log = (folder / f"{command[0]}.out").open("w")
    program = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return subprocess.Popen([program, *command[1:]], stdout=log, stderr=log, user=user, start_new_session=True)


def _wait_for(condition, complaint: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(complaint)
        time.sleep(0.3)


def _quiet(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
