"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from provisioner.spec.schema import json_schema
from tests.environment_files import LEAST

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(json_schema())


def accepted(document: Any) -> bool:
    return VALIDATOR.is_valid(document)  # pyright: ignore[reportUnknownMemberType]  # the stubs leave it open


def test_the_schema_is_one_and_names_no_place_of_this_machine() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert str(ROOT) not in json.dumps(json_schema())


@pytest.mark.parametrize("name", ["article", "dev", "local", "prod", "self-managed"])
def test_the_shipped_environments_are_accepted(name: str) -> None:
    assert accepted(yaml.safe_load((ROOT / f"environments/{name}.yaml").read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"vault": {"name": "${VAULT}", "retention_days": "${DAYS}", "purge_protection": "${PURGE}"}},
        {"cloud": "${CLOUD}", "subscription": "${SUBSCRIPTION}"},
        {"principals": {"flink-api": {"lifetime": "90d"}}},
        {"principals": {"ci": {"role": "Reader", "scope": "${SCOPE}"}, "flink-api": {"role": "Reader"}}},
        {"jars": ["other.jar", {"jar": "more.jar", "directory": "lib"}]},
        {"waits": {"import": "1d12h"}},
        {"dag": "own.py.j2"},
        {"variables": {"a": 1, "b": True}},
    ],
)
def test_what_the_loader_takes_is_accepted(change: dict[str, object]) -> None:
    assert accepted({**LEAST, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"cloud": "publik"},
        {"vault": {"name": "kv-dev", "skuu": "standard"}},
        {"vault": {"sku": "standard"}},
        {"vault": {"name": "kv-dev", "retention_days": 5}},
        {"waits": {"grant": "soon"}},
        {"principals": {"ci": {"scope": "/subscriptions/x"}}},
        {"principals": {"ci": {"role": "Reader", "rolle": "x"}}},
        {"jars": "other.jar"},
        {"variables": ["a"]},
        {"job": 1},
    ],
)
def test_what_the_loader_refuses_is_refused(change: dict[str, object]) -> None:
    assert not accepted({**LEAST, **change})


def test_every_field_says_what_it_is_for() -> None:
    schema = json_schema()
    assert all("description" in field for field in schema["properties"].values())
