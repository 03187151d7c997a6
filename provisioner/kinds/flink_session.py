"""A Flink session cluster behind its REST API: given, looked up where this machine reaches it. It is never made.

An address that this machine does not reach says nothing of it: the DAG is who must reach it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized, Unexpected, Unreachable
from provisioner.kind import Checked, Kind, Preflight, Verdict
from provisioner.model import Change, FlinkAccess, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.flink_rest import FlinkRest
    from provisioner.cloud.cloud import Cloud

OLDEST = (1, 17)  # the first whose `run` takes a configuration: https://issues.apache.org/jira/browse/FLINK-27060
MULTIPART_BYTES = 1024  # of an upload beside the jar


@dataclass(frozen=True, kw_only=True)
class FlinkSession:
    """What should be there. jars: name and size in bytes of each that the DAG uploads."""

    access: FlinkAccess
    jars: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class ObservedFlinkSession(Observed):
    """What is there. unreachable: why this machine does not know; denied: why the server before Flink let nobody in."""

    url: str
    flink: str = ""
    upload_bytes: int = 0
    takes_jars: bool = True
    unreachable: str = ""
    denied: str = ""


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What others may refer to. flink_version: unknown where this machine does not reach it."""

    url: Output[str] = Output()
    flink_version: Output[str] = Output()


def _read(cloud: Cloud, desired: FlinkSession) -> ObservedFlinkSession:
    client: FlinkRest = cloud.client("flink_rest")
    url = desired.access.url
    try:
        cluster = client.cluster(desired.access)
    except NotAuthorized as error:
        if desired.access.scope:  # the DAG signs in as another principal than the caller of this run
            return ObservedFlinkSession(owned=False, url=url, unreachable=f"it lets the caller in no more: {error}")
        return ObservedFlinkSession(owned=False, url=url, denied=str(error))
    except (Unreachable, Unexpected) as error:
        return ObservedFlinkSession(owned=False, url=url, unreachable=str(error))
    return ObservedFlinkSession(
        owned=False,
        url=url,
        flink=cluster.version,
        upload_bytes=cluster.upload_bytes,
        takes_jars=cluster.takes_jars,
    )


def _diff(_desired: FlinkSession, _observed: ObservedFlinkSession, _view: View) -> tuple[Change, ...]:
    return ()


def _ready(_cloud: Cloud, desired: FlinkSession, observed: ObservedFlinkSession | None) -> Iterator[Checked]:
    """Whether it takes the jobs. Nobody knows of a cluster that this machine does not reach."""
    if observed is None:
        return
    if observed.unreachable:
        yield Checked(verdict=Verdict.UNKNOWN, what=f"Flink at {observed.url}: {observed.unreachable}")
        return
    if observed.denied:
        yield Checked(verdict=Verdict.STOPS, what=observed.denied, remedy="Correct `flink.auth`")
        return
    yield _version_check(observed)
    if not observed.takes_jars:
        remedy = "Set `web.submit.enable: true` in Flink's configuration"
        yield Checked(verdict=Verdict.STOPS, what="the cluster takes no jars", remedy=remedy)
    for name, size in desired.jars:
        yield _size_check(observed, name, size)


def _version_check(observed: ObservedFlinkSession) -> Checked:
    match = re.match(r"(\d+)\.(\d+)", observed.flink)
    what = f"the cluster runs Flink {observed.flink or 'of no known version'}"
    if match and (int(match[1]), int(match[2])) < OLDEST:
        return Checked(verdict=Verdict.STOPS, what=what, remedy="Name one that runs Flink 1.17 or newer")
    return Checked(verdict=Verdict.HOLDS if match else Verdict.UNKNOWN, what=what)


def _size_check(observed: ObservedFlinkSession, name: str, size: int) -> Checked:
    most = observed.upload_bytes
    what = f"{name} has {size} bytes, and the cluster takes uploads of {most}"
    if size + MULTIPART_BYTES > most:
        remedy = "Raise `rest.server.max-content-length` in Flink's configuration, or build a smaller jar"
        return Checked(verdict=Verdict.STOPS, what=what, remedy=remedy)
    return Checked(verdict=Verdict.HOLDS, what=what)


def _publish(observed: ObservedFlinkSession, _view: View | None) -> Outputs:
    return Outputs(url=observed.url, flink_version=observed.flink) if observed.flink else Outputs(url=observed.url)


KIND: Kind[FlinkSession, ObservedFlinkSession] = Kind(
    diff=_diff, publish=_publish, read=_read, preflight=Preflight(ready=_ready)
)
