"""Snakemake as :mod:`aulib.workflow` calls it, with a mistake of its Kubernetes plugin (0.5.1) repaired.

When a pod has failed, the plugin asks for the log of the pod's *previous* container. Its pods never start a second one;
the API server refuses, and the whole sweep ends instead of trying that job again.
"""

from __future__ import annotations

import importlib.util
import sys


def repair() -> None:
    """Let requests for the log of a pod be about the container that there is."""
    from kubernetes.client import CoreV1Api

    read = CoreV1Api.read_namespaced_pod_log

    def read_current(self, *arguments, **options):
        options.pop("previous", None)
        return read(self, *arguments, **options)

    CoreV1Api.read_namespaced_pod_log = read_current


if __name__ == "__main__":
    if importlib.util.find_spec("snakemake_executor_plugin_kubernetes"):
        repair()
    from snakemake.cli import main

    sys.exit(main())
