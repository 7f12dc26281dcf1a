"""What must be right before a sweep's jobs run on other machines, and Snakemake's options for them."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from aulib.errors import SettingsError

#: How the address of a storage begins -> Snakemake's plugin for it.
STORAGES = {"s3": "s3", "gs": "gcs", "az": "azure"}
#: boto3's names -> the ends of the plugin's variables.
_VARIABLES = {
    "endpoint_url": "ENDPOINT_URL",
    "region_name": "REGION",
    "aws_access_key_id": "ACCESS_KEY",
    "aws_secret_access_key": "SECRET_KEY",
    "aws_session_token": "TOKEN",
}
_ADDRESS = re.compile(r"(?P<kind>s3|gs|az)://(?P<bucket>[a-z0-9][a-z0-9._-]+)(?P<folder>(?:/[\w.-]+)*)/?")
#: Stands in the profile for Kubernetes until somebody writes the name of an image there.
_NO_IMAGE = "REGISTRY/aulib:TAG"
_NOTE = b"Products and results of sweeps by aulib. It keeps the bucket from being deleted as empty.\n"


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
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise SettingsError(
            f"the storage '{address}' is no address such as s3://bucket/folder; accepted are "
            f"{', '.join(f'{kind}://' for kind in STORAGES)}, a bucket's name in lower case, and no spaces"
        )
    plugin = STORAGES[found["kind"]]
    if not importlib.util.find_spec(f"snakemake_storage_plugin_{plugin}"):
        raise SettingsError(
            f"a storage {address} needs Snakemake's plugin: pip install snakemake-storage-plugin-{plugin}"
        )
    place = ["--default-storage-provider", plugin, "--default-storage-prefix", address.rstrip("/")]
    return [*place, "--rerun-triggers", "mtime", "input"]


def check_bucket(address: str, asked: argparse.Namespace, write: bool) -> None:
    """Find out whether an S3 bucket can be used, with the keys that Snakemake's plugin will take.

    The plugin deletes a bucket that has become empty; a small file keeps it.

    Args:
        address: as ``s3://bucket/folder``; one of another kind is not looked at.
        asked: from :func:`understood`; holds the keys that are given as options.
        write: put the file there; without it the bucket is only listed.

    Raises:
        SettingsError: it does not exist, or the keys do not open it.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or found["kind"] != "s3":
        return
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    known = {name: _setting(asked, variable) for name, variable in _VARIABLES.items()}
    try:
        brief = Config(connect_timeout=10, read_timeout=20, retries={"max_attempts": 2})
        client = boto3.client("s3", config=brief, **{name: value for name, value in known.items() if value})
        folder = found["folder"].strip("/")
        client.list_objects_v2(Bucket=found["bucket"], Prefix=folder, MaxKeys=1)
        if write:
            name = f"{folder}/README.txt".lstrip("/")
            client.put_object(Bucket=found["bucket"], Key=name, Body=_NOTE, ContentType="text/plain")
    except (BotoCoreError, ClientError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(
            f"the storage {address} cannot be used: {reason}; make the bucket first, and see that the variables "
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL, _ACCESS_KEY and _SECRET_KEY belong to it"
        ) from None


def _setting(asked: argparse.Namespace, name: str) -> str | None:
    """A setting of the plugin: an option, which may have a tag in front, or else a variable."""
    given = getattr(asked, f"storage_s3_{name.lower()}", None)
    if isinstance(given, list):
        return given[0].rpartition("::")[2]
    return os.environ.get(f"SNAKEMAKE_STORAGE_S3_{name}")


def check_brought_along(root: Path, files: Iterable[Path]) -> None:
    """Make sure that jobs on other machines get what there is here: Snakemake takes along the files that git knows.

    Args:
        root: the checkout.
        files: the sweep and the profile that it starts from.

    Raises:
        SettingsError: one of them, or a file of the code, is not known to git or was deleted without its knowing.
    """
    lost = [str(file) for file in files if _git(root, "ls-files", str(file.resolve())) == []]
    others = _git(root, "ls-files", "--others", "--exclude-standard", "--", "aulib", "notebooks", "profiles")
    lost += [name for name in others if "__pycache__" not in name]
    if lost:
        raise SettingsError(
            f"jobs on other machines get the files of {root} that git knows, and {', '.join(lost)} is none of them: "
            "put it into the checkout and call 'git add' on it"
        )
    gone = _git(root, "ls-files", "--deleted")
    if gone:
        raise SettingsError(f"git knows {', '.join(gone)}, and it is not there; call 'git rm' on it, or bring it back")


def _git(root: Path, *arguments: str) -> list[str]:
    """Lines that git prints; none for a file that lies outside."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SettingsError("git is not installed; jobs on other machines get the files that it knows") from None
    if done.returncode and "outside repository" not in done.stderr:
        raise SettingsError(f"{root}: git says: {' '.join(done.stderr.split())}")
    return done.stdout.splitlines()


def understood(options: Sequence[str], root: Path) -> argparse.Namespace:
    """Return how Snakemake understands its options and the profile that they name.

    Args:
        options: of Snakemake.
        root: the checkout; relative names of profiles are looked for there.

    Raises:
        SettingsError: an option that Snakemake does not know, or a profile that is not there. Snakemake itself takes
            no notice of a missing workflow profile, and would run everything on this machine.

    Example:
        >>> understood(["-e", "slurm", "--jobs=3"], Path()).executor
        'slurm'
    """
    from snakemake.cli import parse_args

    told = io.StringIO()
    try:
        with contextlib.chdir(root), contextlib.redirect_stderr(told):
            asked = parse_args(list(options))[1]
    except SystemExit as error:
        if not error.code:  # it was asked for its help
            raise
        reason = told.getvalue().rpartition("error: ")[2].strip()
        raise SettingsError(f"Snakemake, of what follows --: {reason}") from None
    profile = asked.workflow_profile
    if profile not in (None, "none") and not any((root / place).exists() for place in (profile, f"profiles/{profile}")):
        raise SettingsError(f"there is no workflow profile {profile} in {root}; there are {', '.join(_profiles(root))}")
    return asked


def _profiles(root: Path) -> list[str]:
    return sorted(str(path.parent.relative_to(root)) for path in root.glob("profiles/cluster/*/config.yaml"))


def check_kubernetes(asked: argparse.Namespace, storage: str | None) -> None:
    """Refuse what would leave pods without files or without an image.

    Args:
        asked: from :func:`understood`.
        storage: the address, if there is one.

    Raises:
        SettingsError: there is no storage, or nobody has named an image.
    """
    if not storage:
        raise SettingsError("pods share no file system: name an object store with --storage s3://bucket/folder")
    if asked.container_image.startswith(("snakemake/", _NO_IMAGE)):  # Snakemake's own, or the example's
        raise SettingsError(
            "which image do the pods use? Write its name into the profile or give -- --container-image NAME; "
            "it is made from profiles/cluster/kubernetes/Dockerfile"
        )
