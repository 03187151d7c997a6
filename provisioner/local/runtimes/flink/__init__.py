"""Real Flink behind the emulated HDInsight on AKS: one session cluster in one JVM for each Flink cluster there is.

Azure's cluster says which Flink it has (`ossVersion`); here stands the one of `flink.lock`, whatever that says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from provisioner.local import resources
from provisioner.local.runtime import Program, Runtime, Wanted
from provisioner.local.runtimes.flink import install
from provisioner.local.runtimes.flink.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioner.local.runtime import Site
    from provisioner.local.world import World

TYPE = "Microsoft.HDInsight/clusterpools/clusters"
SLOTS = 8
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/java_compatibility/
_JAVA = (
    *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
    "-Djava.net.preferIPv4Stack=true",  # an IPv6 socket would be bound to all addresses of either kind
    *("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"),
)


def _wanted(world: World) -> Iterator[Wanted]:
    for cluster in resources.of_type(world, TYPE):
        if str(cluster["properties"].get("clusterType", "")).lower() == "flink":
            name, resource_id = str(cluster["name"]), str(cluster["id"])
            yield Wanted(resource_id=resource_id, name=name, version=install.FLINK_VERSION)


def _prepare(_: Wanted, site: Site) -> Program:
    """Install what is missing, write the cluster's configuration, say how to start it."""
    java, libraries = install.java(site), install.flink(site)
    address = site.folder / "address"
    address.unlink(missing_ok=True)
    port = site.port("web")
    (site.folder / "config.yaml").write_text(json.dumps(_configuration(site.folder, port), indent=1))  # JSON is YAML
    cluster = Cluster(f"http://127.0.0.1:{port}", site.folder)
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
    )


def _configuration(folder: Path, port: int) -> dict[str, str]:
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
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }


RUNTIME = Runtime(kind="flink", wanted=_wanted, prepare=_prepare)
