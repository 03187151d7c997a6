"""How an Airflow that you run differs from what its platform has to set, as far as that Airflow tells."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from provisioner.errors import CloudError
from provisioner.key_probe import NO_REPORT, UNANSWERED, read_reported_drift
from provisioner.model import Platform
from provisioner.parsed_dag import dag_drift
from provisioner.render.deployment import BACKEND, BUNDLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from provisioner.cloud.clients.airflow import Airflow as AirflowClient
    from provisioner.cloud.cloud import Cloud
    from provisioner.key_probe import Rollout, WrittenFile
    from provisioner.spec.model import Environment
    from provisioner.spec.targets.airflow.self_managed import SelfManagedAirflow

# Section and option of what decides where Airflow looks for variables and DAGs.
SHOWN = {
    BACKEND[0]: ("secrets", "backend"),
    BACKEND[1]: ("secrets", "backend_kwargs"),
    BUNDLES: ("dag_processor", "dag_bundle_config_list"),
}
ASKED_AT_ONCE = 8


def read_platform_drift(
    environment: Environment, rollout: Rollout, variables: Mapping[str, str], cloud: Cloud
) -> Platform:
    """What workers report, the versions of the image, settings that Airflow shows, and its DAGs.

    An Airflow that did not answer is not asked again.
    """
    found = read_reported_drift(cloud, rollout)
    if found.unknown not in {"", NO_REPORT}:
        return found
    airflow = cloud.airflow(rollout.web_url, rollout.probe.api, retry=False)
    image = _version_and_setting_drift(airflow, cast("SelfManagedAirflow", environment.airflow), variables)
    dags = tuple(_dag_drifts(cloud, airflow, rollout.files, environment.waits.import_))
    drift = filter(None, (one.drift for one in (image, found, *dags)))
    unknown = filter(None, (one.unknown for one in (found, image, *dags)))
    return Platform(drift="; ".join(drift), unknown=next(unknown, ""))


def _version_and_setting_drift(
    airflow: AirflowClient, spec: SelfManagedAirflow, variables: Mapping[str, str]
) -> Platform:
    """Other versions and settings than are declared; not known to whoever may not see the providers."""
    try:
        versions = airflow.package_versions()
        settings = tuple(_shown_settings_that_differ(airflow, variables))
    except UNANSWERED as error:
        return Platform(unknown=f"Airflow does not tell its versions: {error}")
    image = ", ".join(spec.version_differences(versions))
    change = (f"{image}; change its image, or correct `airflow`",) if image else ()
    return Platform(drift="; ".join((*change, *settings)))


def _dag_drifts(
    cloud: Cloud, airflow: AirflowClient, files: Sequence[WrittenFile], within: timedelta
) -> Iterator[Platform]:
    """What Airflow has of each DAG whose file is as it is declared: the plan has the others as changes."""

    def drift(file: WrittenFile) -> Platform:
        try:
            return dag_drift(
                airflow,
                file.dag,
                partial(file.find_write_time_if_current, cloud),
                cloud.session.clock.decision_time(),
                within,
            )
        except CloudError as error:
            return Platform(unknown=f"what Airflow has of dags/{file.dag.file}: {error}")

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        yield from pool.map(drift, [file for file in files if file.dag.id])


def _shown_settings_that_differ(airflow: AirflowClient, variables: Mapping[str, str]) -> Iterator[str]:
    """Which settings Airflow shows with another value; none if it shows none. Values may hold what is secret."""
    shown = airflow.shown_settings()
    for variable, (section, option) in SHOWN.items():
        there = shown.get((section, option))
        if there is not None and not _has(there.reveal(), variables.get(variable, "")):
            yield f"[{section}] {option} of Airflow is not what `provisioner render` prints; deploy that"


def _has(shown: str, expected: str) -> bool:
    """Whether a setting has all that is expected of it; other arguments and bundles may stand beside that."""
    if shown == expected or not expected:
        return True
    try:
        found, wanted = _entries(json.loads(shown)), _entries(json.loads(expected))
    except ValueError:
        return False
    return all(one in found for one in wanted)


def _entries(document: Any) -> list[Any]:
    """The entries of a list, the members of an object."""
    return list(document.items() if isinstance(document, dict) else document)  # pyright: ignore[reportUnknownArgumentType]  # JSON
