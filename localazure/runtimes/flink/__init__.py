"""Installs, configures and starts a real Flink: one session cluster in one JVM, of a version that a lock here has."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING

from localazure.app.program import Program, WebPage
from localazure.app.secret import Secret
from localazure.app.state_files import write_private
from localazure.runtimes.flink import install, tls
from localazure.runtimes.flink.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.program import ProgramSpec, Workspace

KIND = "flink"
SLOTS = 8
# Opened in a browser it redirects to the dashboard; no other file contains the key in the address.
_LINK = """<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<title>Flink dashboard</title><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Flink dashboard</a>
"""
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/java_compatibility/
_JAVA = (
    *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
    "-Djava.net.preferIPv4Stack=true",  # an IPv6 socket would be bound to all addresses of either kind
    *("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
)


def prepare(spec: ProgramSpec, workspace: Workspace) -> Program:
    """Install Flink and Java if they are missing, write the cluster's configuration, and return how to start it."""
    java, libraries = install.install_or_find_java(workspace), install.install_flink(workspace, spec.version)
    address = workspace.folder / "address"
    address.unlink(missing_ok=True)
    port = workspace.choose_port("web")
    settings = {
        **_flink_configuration(workspace.folder, port, workspace.pages_url),
        **tls.create_certificate(workspace.folder / "tls"),
    }
    write_private(workspace.folder / "config.yaml", json.dumps(settings, indent=1).encode())  # JSON is YAML
    cluster = Cluster(f"https://127.0.0.1:{port}", workspace.folder, tls.client_context(workspace.folder / "tls"))
    page = WebPage(key=Secret(secrets.token_urlsafe(32)), port=port, tls_context=cluster.tls_context)
    dashboard = workspace.folder / "dashboard.html"
    write_private(dashboard, _LINK.format(url=f"{workspace.pages_url}/{page.key.reveal()}/").encode())
    log = workspace.folder / "program.log"
    logging = (f"-Dlog4j.configurationFile={install.LOGGING}", f"-Dlog.file={log}")
    class_path = f"{libraries}/*:{install.LAUNCHER}"
    arguments = (str(workspace.folder), str(address))
    return Program(
        command=(str(java), *_JAVA, *logging, "-cp", class_path, "provisioner.Cluster", *arguments),
        is_ready=lambda: address.exists() and cluster.is_up(),
        url=cluster.url,
        client=cluster,
        watch=cluster.watch,
        addresses={"dashboard": dashboard.as_uri()},
        page=page,
    )


def _flink_configuration(folder: Path, port: int, pages_url: str) -> dict[str, str]:
    """Return Flink's configuration: everything on loopback and in the folder; checkpoints outlive a cancelled job.

    https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/config/
    """
    job_manager = ("rest.address", "rest.bind-address", "jobmanager.rpc.address", "jobmanager.bind-host")
    task_manager = ("taskmanager.host", "taskmanager.bind-host")
    folders = ("io.tmp.dirs", "web.tmpdir", "web.upload.dir", "blob.storage.directory")
    return {
        **dict.fromkeys((*job_manager, *task_manager), "127.0.0.1"),
        **{name: str(folder / re.sub(r"\W", "-", name)) for name in folders},
        "rest.port": str(port),
        "rest.bind-port": str(port),
        "taskmanager.numberOfTaskSlots": str(SLOTS),
        "slot.request.timeout": "30000",
        "web.access-control-allow-origin": pages_url,  # by default every site may read and call it
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
