"""Writes environment files for tests, loads them and collects their problems."""

from __future__ import annotations

import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import SpecError
from provisioner.render.dag_problems import dag_problems
from provisioner.spec import loader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from provisioner.errors import Problem
    from provisioner.spec.model import Environment

SUBSCRIPTION = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"
PLATFORM = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform/providers"
LEAST = {
    "name": "dev",
    "cloud": "public",
    "subscription": SUBSCRIPTION,
    "resource_group": "rg-dev",
    "location": "westeurope",
    "vault": "kv-dev",
    "storage_account": "stdev",
    "flink": f"{PLATFORM}/Microsoft.HDInsight/clusterpools/pool/clusters/flink",
    "airflow": f"{PLATFORM}/Microsoft.DataFactory/factories/factory/integrationruntimes/airflow",
    "job": "job.jar",
}

load = partial(loader.load, dag_problems=dag_problems)  # as the command line composes it


def jar(
    path: Path, manifest: str = "Main-Class: org.example.Job\n", classes: Sequence[str] = ("org/example/Job",)
) -> Path:
    """A jar with a manifest and classes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)
        for name in classes:
            archive.writestr(f"{name}.class", b"")
    return path


def write(folder: Path, more: str = "", **changed: str | None) -> Path:
    """The least environment file, with fields changed (None: left out) and lines added, its jar beside it."""
    if not (folder / "job.jar").exists():
        jar(folder / "job.jar")
    fields = {**LEAST, **changed}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    file = folder / "dev.yaml"
    file.write_text("\n".join([*lines, more, ""]), encoding="utf-8")
    return file


def loaded(
    folder: Path, more: str = "", environ: Mapping[str, str] | None = None, **changed: str | None
) -> Environment:
    """The environment in such a file."""
    return load(str(write(folder, more, **changed)), environ=environ or {})


def problems(
    folder: Path, more: str = "", environ: Mapping[str, str] | None = None, **changed: str | None
) -> dict[str, Problem]:
    """What is wrong with such a file, by path."""
    file = write(folder, more, **changed)
    with pytest.raises(SpecError) as caught:
        load(str(file), environ=environ or {})
    return {problem.path: problem for problem in caught.value.problems}
