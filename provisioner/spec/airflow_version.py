"""What depends on Airflow's version: which Azure provider it can use, which Python its DAGs are written for."""

from __future__ import annotations

import re

from provisioner.spec.fields import Rule

PACKAGE = "apache-airflow-providers-microsoft-azure"
# The newest provider whose own requirement admits that Airflow (apache-airflow>=…, read in its wheels on PyPI). An
# unpinned requirement would upgrade Airflow or fail. 8.0.0 of the provider needs Airflow 2.5.
PROVIDERS = {
    (2, 4): "7.0.0",
    (2, 5): "8.3.0",
    (2, 6): "10.0.0",
    (2, 7): "10.5.0",
    (2, 8): "11.1.0",
    (2, 9): "12.5.0",
    (2, 10): "12.8.1",
    (2, 11): "15.2.1",
}
BUNDLE_PROVIDER = "15.3.0rc1"  # the first with WasbDagBundle, which needs Airflow 3
SUPPORTED = Rule(
    r"2\.(?:[4-9]|1[01])(?:\.[0-9]+)?|3\.[0-9]+(?:\.[0-9]+)?", "write a version of Airflow from 2.4 on, such as 2.6.3"
)


def major_and_minor(version: str) -> tuple[int, int]:
    """Major and minor number, (0, 0) if there are none."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def newest_provider_version(version: str) -> str | None:
    """The newest provider that this Airflow can use."""
    at_most = [minimum for minimum in PROVIDERS if minimum <= major_and_minor(version)]
    return PROVIDERS[max(at_most)] if at_most else None


def oldest_python(version: str) -> tuple[int, int]:
    """The oldest Python that may run this Airflow: some hosts run 2.6 on 3.8. Requires-Python of its wheels on PyPI."""
    if major_and_minor(version) >= (3, 1):
        return 3, 10
    return (3, 8) if major_and_minor(version) < (2, 11) else (3, 9)
