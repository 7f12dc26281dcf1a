"""A Kubernetes API server of one process: what Snakemake's executor asks for, with pods that are processes.

Every pod gets an empty folder for its work and sees nothing else of the machine that started the sweep but installed
packages, as if they were its image. What a real API server refuses is refused here: see `_log`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

VERBS = {"POST": "create", "GET": "get", "DELETE": "delete"}
OF_NAMESPACE = re.compile(
    r"/(?:api/v1|apis/batch/v1)/namespaces/[^/]+/(?P<kind>\w+)(?:/(?P<name>[^/]+))?(?:/(?P<part>\w+))?$"
)


@dataclass
class Pod:
    """A job and its one pod."""

    job: dict
    process: subprocess.Popen
    log: Path

    @property
    def container(self) -> dict:
        return self.job["spec"]["template"]["spec"]["containers"][0]

    @property
    def rule(self) -> str:
        return re.search(r"--allowed-rules (\w+)", self.container["args"][1]).group(1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)


class Cluster:
    """Listens on the loopback address while it is entered as a context; `pods` keeps all that were ever started."""

    def __init__(self, folder: Path, image: str):
        self.folder, self.image = folder, image
        self.pods: list[Pod] = []
        self.secrets: dict[str, dict] = {}
        self.deleted: set[str] = set()
        self.needed: set[tuple[str, str]] = set()  # resource and verb, as a role names them
        # The image holds the plugin in wheels, so that this step of each job needs no package index.
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "pip").write_text("#!/bin/sh\necho pip $*\n")
        (folder / "bin" / "pip").chmod(0o755)

    def __enter__(self) -> Cluster:
        handler = type("Handler", (_Handler,), {"cluster": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.config = self.folder / "config"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address}}], "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        }))  # fmt: skip
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        for pod in self.pods:
            if pod.process.poll() is None:
                pod.kill()

    def start(self, job: dict) -> None:
        spec = job["spec"]["template"]["spec"]
        container = spec["containers"][0]
        assert container["image"] == self.image and spec["restartPolicy"] == "Never", spec
        work = self.folder / job["metadata"]["name"]
        work.mkdir()
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(work), "PYTHONPATH": str(work), "LANG": "C.UTF-8"}
        for variable in container.get("env", ()):
            secret = variable["valueFrom"]["secretKeyRef"]
            value = self.secrets[secret["name"]]["data"][secret["key"]]
            environment[variable["name"]] = base64.b64decode(value).decode()
        log = self.folder / f"{job['metadata']['name']}.log"
        process = subprocess.Popen(
            [*container["command"], *container["args"]],
            cwd=work, env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.pods.append(Pod(job, process, log))

    def pod(self, name: str) -> Pod:
        return next(pod for pod in self.pods if pod.job["metadata"]["name"] == name)

    def left(self) -> list[str]:
        """Names of jobs and secrets that nobody has deleted."""
        names = [*self.secrets, *(pod.job["metadata"]["name"] for pod in self.pods)]
        return [name for name in names if name not in self.deleted]


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster

    def do_POST(self):  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._asked()["kind"] == "secrets":
            self.cluster.secrets[body["metadata"]["name"]] = body
        else:
            self.cluster.start(body)
        self._answer(body, 201)

    def do_GET(self):  # noqa: N802
        asked, query = self._asked(), parse_qs(urlsplit(self.path).query)
        if asked["part"] == "log":
            return self._log(self.cluster.pod(asked["name"]), query)
        if asked["kind"] == "jobs":
            pod = self.cluster.pod(asked["name"])
            return self._answer(pod.job | {"status": {_count(pod.process.poll()): 1}})
        name = query["labelSelector"][0].removeprefix("job-name=")
        pods = [] if name in self.cluster.deleted else [_pod(self.cluster.pod(name))]
        return self._answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})

    def do_DELETE(self):  # noqa: N802
        if self._asked()["kind"] != "pods":
            self.cluster.deleted.add(self._asked()["name"])
        self._answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _log(self, pod: Pod, query: dict) -> None:
        if query.get("previous") == ["True"]:
            return self._answer({"message": 'previous terminated container "snakemake" not found', "code": 400}, 400)
        return self._answer(pod.log.read_text(), kind="text/plain")

    def _asked(self) -> dict[str, str]:
        asked = OF_NAMESPACE.match(urlsplit(self.path).path).groupdict()
        verb = "list" if self.command == "GET" and not asked["name"] else VERBS[self.command]
        self.cluster.needed.add(("/".join(filter(None, (asked["kind"], asked["part"]))), verb))
        return asked

    def _answer(self, content, status: int = 200, kind: str = "application/json") -> None:
        data = (content if kind == "text/plain" else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


def _count(code: int | None) -> str:
    return "active" if code is None else "failed" if code else "succeeded"


def _pod(pod: Pod) -> dict:
    code = pod.process.poll()
    state = {"running": {}} if code is None else {"terminated": {"exitCode": code % 256}}
    status = {"name": "snakemake", "image": "", "imageID": "", "ready": code is None, "restartCount": 0, "state": state}
    name = pod.job["metadata"]["name"]
    return {"metadata": {"name": name, "labels": {"job-name": name}}, "status": {"containerStatuses": [status]}}
