"""Real Flink, made ready and started: one session cluster in one JVM, of the version in `flink.lock`."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING

from localazure.app.certificates import write_private
from localazure.app.program import Program, WebPage
from localazure.app.secret import Secret
from localazure.runtimes.flink import install, tls
from localazure.runtimes.flink.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.program import ProgramSpec, Workspace

KIND = "flink"
SLOTS = 8
# Opened in a browser it leads to the dashboard; the key in the address stands nowhere else.
_LINK = """<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<title>Flink dashboard</title><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Flink dashboard</a>
"""
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/java_compatibility/
_JAVA = (
    *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
    "-Djava.net.preferIPv4Stack=true",  # an IPv6 socket would be bound to all addresses of either kind
    *("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
)


def prepare(_: ProgramSpec, site: Workspace) -> Program:
    """Install what is missing, write the cluster's configuration, say how to start it."""
    java, libraries = install.install_java(site), install.install_flink(site)
    address = site.folder / "address"
    address.unlink(missing_ok=True)
    port = site.port("web")
    settings = {**_configuration(site.folder, port, site.pages), **tls.create_certificate(site.folder / "tls")}
    write_private(site.folder / "config.yaml", json.dumps(settings, indent=1).encode())  # JSON is YAML
    cluster = Cluster(f"https://127.0.0.1:{port}", site.folder, tls.client_context(site.folder / "tls"))
    page = WebPage(key=Secret(secrets.token_urlsafe(32)), port=port, context=cluster.context)
    dashboard = site.folder / "dashboard.html"
    write_private(dashboard, _LINK.format(url=f"{site.pages}/{page.key.reveal()}/").encode())
    log = site.folder / "program.log"
    logging = (f"-Dlog4j.configurationFile={install.LOGGING}", f"-Dlog.file={log}")
    path = f"{libraries}/*:{install.LAUNCHER}"
    told = (str(site.folder), str(address))
    return Program(
        command=(str(java), *_JAVA, *logging, "-cp", path, "provisioner.Cluster", *told),
        ready=lambda: address.exists() and cluster.answers(),
        url=cluster.url,
        behind=cluster,
        watch=cluster.watch,
        shown={"dashboard": dashboard.as_uri()},
        page=page,
    )


def _configuration(folder: Path, port: int, pages: str) -> dict[str, str]:
    """Everything on loopback and in the folder; what a checkpoint holds outlives a cancelled job.

    https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/config/
    """
    loopback = ("rest.address", "rest.bind-address", "jobmanager.rpc.address", "jobmanager.bind-host")
    theirs = ("taskmanager.host", "taskmanager.bind-host")
    temporary = ("io.tmp.dirs", "web.tmpdir", "web.upload.dir", "blob.storage.directory")
    return {
        **dict.fromkeys((*loopback, *theirs), "127.0.0.1"),
        **{name: str(folder / re.sub(r"\W", "-", name)) for name in temporary},
        "rest.port": str(port),
        "rest.bind-port": str(port),
        "taskmanager.numberOfTaskSlots": str(SLOTS),
        "slot.request.timeout": "30000",
        "web.access-control-allow-origin": pages,  # by default every site may read and call it
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
