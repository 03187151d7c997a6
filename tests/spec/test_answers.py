"""One answer is checked as the file would be."""

from __future__ import annotations

import pytest

from provisioner.spec.answers import field_at, objection
from provisioner.spec.model import Environment
from provisioner.spec.targets import target_classes


@pytest.mark.parametrize(
    ("path", "good", "bad", "right"),
    [
        (("vault",), "kv-dev", "a--b", "use 3 to 24 letters"),
        (("subscription",), "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02", "mine", "write a GUID"),
        (("job", "jar"), "a.jar", "\0", "write the path"),
        (("cloud",), "public", "mars", "Input should be 'local'"),
        (("access",), "keep", "x", "Input should be"),
        (("protected",), "true", "x", "Input should be a valid boolean"),
    ],
)
def test_an_answer_is_taken_or_objected_to(path: tuple[str, ...], good: str, bad: str, right: str) -> None:
    assert objection(Environment, path, good) == ""
    assert objection(Environment, path, bad).startswith(right)


def test_each_question_of_a_target_is_for_one_of_its_fields() -> None:
    for role in ("airflow", "flink"):
        for section in target_classes(role).values():
            assert section.questions
            assert all(field_at(section, question.path).description for question in section.questions)
