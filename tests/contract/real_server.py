"""A real Qdrant for the suite: CHATAPP_QDRANT_URL, or a container where Docker answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

IMAGE = "qdrant/qdrant:v1.19.0"


@contextmanager
def real_server() -> Iterator[str]:
    url = os.environ.get("CHATAPP_QDRANT_URL")
    if url:
        yield url
        return
    if not docker_answers():
        pytest.skip("no real Qdrant: CHATAPP_QDRANT_URL is not set and Docker does not answer")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers' own
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.waiting_utils import wait_for_logs

        with DockerContainer(IMAGE).with_exposed_ports(6334) as container:
            wait_for_logs(container, "gRPC listening", timeout=60)
            yield f"qdrant://{container.get_container_host_ip()}:{container.get_exposed_port(6334)}"


def docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
