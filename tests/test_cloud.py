"""Machines that share no file system: an object store for products and notebooks, and Kubernetes for the jobs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time

import boto3
import pods
import pytest
import yaml
from conftest import SMALL_SWEEP, assert_as_if_alone, aulib, copy_tree
from moto.server import ThreadedMotoServer

from aulib import remote
from aulib.errors import SettingsError

SMALL = SMALL_SWEEP + """
notebooks: [06_results]
resources: {memory_mb: 3500, disk_mb: 9000, minutes: 20, retries: 2}
"""
IMAGE = "registry/aulib:test"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = copy_tree(tmp_path_factory.mktemp("clone"))
    (folder / "study.yml").write_text(SMALL)
    (folder / "study_gpu.yml").write_text(SMALL.replace("minutes: 20", "gpus: 1"))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "study.yml", "study_gpu.yml", *os.listdir(folder)], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def store():
    """An S3 server with a bucket; what Snakemake, papermill and boto3 need to know of it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    names = {"ENDPOINT_URL": address, "ACCESS_KEY": "testing", "SECRET_KEY": "testing"}
    known = {f"SNAKEMAKE_STORAGE_S3_{name}": value for name, value in names.items()}
    known |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    bucket(known, "faces").create()
    yield known
    server.stop()


def bucket(store, name):
    service = boto3.resource(
        "s3", endpoint_url=store["AWS_ENDPOINT_URL"], aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    return service.Bucket(name)


def plan(clone, store, sweep, folder, *config):
    """What Snakemake would do, in its own words."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "2", "--config", f"sweep={sweep}"]
    command += [f"storage={folder}", *config, *remote.storage_options(folder), "--", "sweep"]
    environment = {**os.environ, **store, "PYTHONPATH": str(clone)}
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=True).stdout


def plan_after(file, old, new, *where):
    """The plan when the content of a file was changed. Then it is as before."""
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new, 1))
    try:
        return plan(*where, "study.yml", "s3://faces/study")
    finally:
        file.write_text(before)


def kill_one(cluster, ended, killed):
    """Kill the first pod of a run when it has brought its code and begun."""
    while not killed and not ended.wait(0.3):
        begun = [pod for pod in cluster.pods if pod.rule == "sweep_result" and "localrule" in pod.log.read_text()]
        if begun:
            time.sleep(2)
            begun[0].kill()
            killed.append(begun[0])


def test_a_sweep_on_kubernetes_finishes_right_although_a_pod_is_killed(clone, store, tmp_path):
    killed, ended = [], threading.Event()
    with pods.Cluster(tmp_path / "pods", IMAGE) as cluster:
        environment = store | {"KUBECONFIG": str(cluster.config)}
        killer = threading.Thread(target=kill_one, args=(cluster, ended, killed))
        killer.start()
        done = aulib(
            clone, "sweep", "study.yml", "--storage", "s3://faces/study", "--",
            "--workflow-profile", "profiles/cluster/kubernetes", "--container-image", IMAGE,
            "--seconds-between-status-checks", "1", env=environment, check=False,
        )  # fmt: skip
        ended.set()
        killer.join()
        logs = "\n".join(pod.log.read_text()[-2000:] for pod in cluster.pods if pod.process.poll())
        assert done.returncode == 0, done.stdout + done.stderr + logs
        assert len(killed) == 1 and done.stderr.count("Trying to restart job") == 1, done.stderr
        assert [pod.rule for pod in cluster.pods].count("sweep_result") == 3
        assert [pod.rule for pod in cluster.pods][:4] == 3 * ["sweep_product"] + ["sweep_features"]
        asked = [pod.container["resources"]["limits"]["memory"] for pod in cluster.pods if pod.rule == "sweep_result"]
        assert sorted(asked) == ["3500M", "3500M", "7000M"]  # more at the second try
        assert {pod.container["resources"]["limits"]["ephemeral-storage"] for pod in cluster.pods} == {"9000M"}
        assert not [pod for pod in cluster.pods if "nvidia.com/gpu" in pod.container["resources"]["requests"]]
        assert not cluster.left()
        role = yaml.safe_load((clone / "profiles/cluster/kubernetes/role.yaml").read_text())
        allowed = {(what, verb) for rule in role["rules"] for what in rule["resources"] for verb in rule["verbs"]}
        assert {("jobs", "create"), ("pods/log", "get")} <= cluster.needed <= allowed

    assert not (clone / "_build/work").exists() or not list((clone / "_build/work").glob("corpus-*"))  # made in pods
    assert_as_if_alone(clone, "study")
    executed = list((clone / "_build/sweeps/study").glob("*/06_results.ipynb"))
    assert len(executed) == 2
    for notebook in executed:
        about = json.loads(notebook.read_text())["metadata"]["aulib"]
        assert about["seed"] == int(notebook.parent.name[5])
        assert json.loads((notebook.parent / "record.json").read_text())["all settings"]["seed"] == about["seed"]
    kept = {item.key.split("/")[-1].split("-")[0] for item in bucket(store, "faces").objects.filter(Prefix="study/")}
    assert {"corpus", "database", "store", "features", "results.csv", "run.tar", "README.txt"} <= kept


def test_the_reason_of_a_failed_pod_is_shown(clone, store, tmp_path):
    """A run that cannot work fails in its pod. What comes before it was made by the other sweep, and is shared."""
    failing = SMALL.replace("seed: [0, 1]", "seed: [0]").replace("[5]", "[90000]").replace("retries: 2", "retries: 0")
    (clone / "fails.yml").write_text(failing)
    subprocess.run(["git", "add", "fails.yml"], cwd=clone, check=True)
    with pods.Cluster(tmp_path / "pods", IMAGE) as cluster:
        done = aulib(
            clone, "sweep", "fails.yml", "--storage", "s3://faces/study", "--",
            "--workflow-profile", "profiles/cluster/kubernetes", "--container-image", IMAGE,
            "--seconds-between-status-checks", "1", env=store | {"KUBECONFIG": str(cluster.config)}, check=False,
        )  # fmt: skip
    assert done.returncode == 1 and "0 of 1 runs have their results" in done.stderr
    told = done.stdout + done.stderr
    assert "no action unit has 90000 displayed labels" in told and "Trying to restart" not in told, told
    assert [pod.rule for pod in cluster.pods] == ["sweep_result"]


def test_what_lies_in_the_storage_is_not_made_again_and_a_change_concerns_its_consumers(clone, store):
    again = aulib(clone, "sweep", "study.yml", "--storage", "s3://faces/study", env=store)
    assert "Nothing to be done" in again.stderr and "Execute" not in again.stderr
    planned = plan_after(clone / "aulib/adapters/bp4d.py", "\n", "\n# another line\n", clone, store)
    assert "step=database" in planned and "step=corpus" not in planned, planned
    planned = plan_after(clone / "profiles/tiny.yml", "0.0003", "0.0004", clone, store)
    assert "rule sweep_result" in planned and "rule sweep_features" not in planned, planned
    changed = plan(clone, store, "study.yml", "s3://faces/study", "data=d1,d1")  # annotations of one's own datasets
    assert "step=database" in changed and "step=corpus" not in changed, changed
    assert "Nothing to be done" in plan(clone, store, "study.yml", "s3://faces/study")


def test_a_gpu_is_asked_for_where_the_network_computes(clone, store):
    planned = plan(clone, store, "study_gpu.yml", "s3://faces/gpu")
    asking = {job.split(":")[0] for job in planned.split("\nrule ") if re.search(r"resources:.*\bgpu=1\b", job)}
    assert asking == {"sweep_features", "sweep_result", "sweep_notebook"}, planned


def test_a_notebook_is_put_where_papermill_can_write(clone, store):
    bucket(store, "notebooks").create()
    there = "s3://notebooks/executed"
    done = aulib(clone, "run", "04_metrics_and_loss", "--profile", "tiny", "--into", there, env=store)
    local = clone / "_build/executed/tiny/04_metrics_and_loss.ipynb"
    assert done.stdout.split()[-1] == str(local)
    item = bucket(store, "notebooks").Object("executed/04_metrics_and_loss.ipynb").get()
    assert item["Body"].read() == local.read_bytes()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://no-such-bucket/executed", ["s3://no-such-bucket/executed cannot be used", "bucket does not exist"]),
        ("ftp://host/executed", ["papermill cannot write to addresses such as ftp://host/executed", "s3://"]),
        ("gs://bucket/executed", ["gs://bucket/executed", "papermill[gcs]"]),
        ("https://host/executed", ["papermill cannot write to", "https://host/executed"]),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_a_notebook_is_executed(clone, store, address, words):
    done = aulib(clone, "run", "03_balancing", "--profile", "tiny", "--into", address, env=store, check=False)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr and not (clone / "_build/executed/tiny/03_balancing.ipynb").exists()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("bucket/study", ["'bucket/study'", "s3://bucket/folder"]),
        ("s3://", ["'s3://'"]),
        ("s3:///study", ["'s3:///study'"]),
        ("s3://BUCKET/FOLDER", ["'s3://BUCKET/FOLDER'", "lower case"]),
        ("s3://bucket/my study", ["'s3://bucket/my study'", "no spaces"]),
        ("ftp://host/study", ["accepted are s3://, gs://, az://"]),
        ("gs://bucket/study", ["pip install snakemake-storage-plugin-gcs"]),
    ],
)
def test_a_storage_that_cannot_be_used_is_told_before_anything_runs(clone, address, words):
    with pytest.raises(SettingsError) as caught:
        remote.storage_options(address)
    assert all(word in str(caught.value) for word in words), caught.value
    done = aulib(clone, "sweep", "study.yml", "--storage", address, check=False)
    assert done.returncode == 1 and str(caught.value) in done.stderr and "Traceback" not in done.stderr


def test_what_git_does_not_know_is_refused_where_jobs_run_elsewhere(clone, tmp_path, store, monkeypatch):
    (tmp_path / "mine.yml").write_text(SMALL)
    (clone / "new.yml").write_text(SMALL)
    options = ("--storage", "s3://faces/study", "--", "--executor", "kubernetes", "--container-image", IMAGE)
    for file in (tmp_path / "mine.yml", clone / "new.yml"):
        done = aulib(clone, "sweep", str(file), *options, env=store, check=False)
        assert done.returncode == 1 and str(file) in done.stderr and "git add" in done.stderr, done.stderr
    known = [clone / "study.yml", clone / "profiles/tiny.yml"]
    remote.check_brought_along(clone, known)
    module = clone / "aulib" / "adapters" / "mine.py"
    module.write_text("")
    with pytest.raises(SettingsError, match="aulib/adapters/mine.py.*git add"):
        remote.check_brought_along(clone, known)
    module.unlink()
    (clone / "study_gpu.yml").rename(clone / "away.yml")
    with pytest.raises(SettingsError, match="study_gpu.yml.*git rm"):
        remote.check_brought_along(clone, known)
    (clone / "away.yml").rename(clone / "study_gpu.yml")
    with pytest.raises(SettingsError, match="not a git repository"):
        remote.check_brought_along(tmp_path, [tmp_path / "mine.yml"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match="git is not installed"):
        remote.check_brought_along(clone, known)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["sweep", "study.yml", "--dry-run", "--", "-e", "kubernetes"], ["--storage s3://bucket/folder"]),
        (
            ["sweep", "study.yml", "--dry-run", "--storage", "s3://faces/study", "--",
             "--workflow-profile", "profiles/cluster/kubernetes"],
            ["which image", "Dockerfile"],
        ),
        (["sweep", "study.yml", "--dry-run", "--storage", "s3://nobody/study"], ["s3://nobody/study", "not exist"]),
        (["sweep", "study.yml", "--dry-run", "--", "--workflow-profile", "cluster/slum"], ["slum", "cluster/slurm"]),
        (["sweep", "study.yml", "--dry-run", "--", "--jbos", "3"], ["of what follows --", "--jbos"]),
        (["build", "database", "--profile", "tiny", "--unpack", "none.tar"], ["none.tar", "is not there"]),
    ],
)  # fmt: skip
def test_what_jobs_elsewhere_would_lack_is_told_before_anything_runs(clone, store, options, words):
    done = aulib(clone, *options, env=store, check=False)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_keys_are_told_before_anything_runs(clone, store):
    wrong = ("--dry-run", "--", "--storage-s3-endpoint-url", "http://127.0.0.1:9")  # goes before the variable
    done = aulib(clone, "sweep", "study.yml", "--storage", "s3://faces/study", *wrong, env=store, check=False)
    assert done.returncode == 1 and "s3://faces/study cannot be used" in done.stderr and "_SECRET_KEY" in done.stderr


def test_options_of_snakemake_may_follow_options_of_the_sweep(clone):
    done = aulib(clone, "sweep", "study.yml", "--cores", "1", "--dry-run", "--", "--jobs", "3")
    assert "seed-1" in done.stderr
