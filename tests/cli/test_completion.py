"""Completion, as shells ask for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def completed(line: str, tmp_path: Path, shell: str = "bash", cwd: Path = ROOT) -> set[str]:
    """What the program offers for the end of a line: the variables are those that argcomplete's shell code sets."""
    answer = tmp_path / "answer"
    answer.write_text("")
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": shell,
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    done = subprocess.run(
        [BIN / "provisioner"], cwd=cwd, env={**os.environ, **asked}, capture_output=True, check=False, timeout=60
    )
    assert done.stderr == b""
    return {word.split("\\:")[0].split(":")[0].strip() for word in answer.read_text().splitlines()}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("provisioner pro", {"provision"}),
        ("provisioner plan --deb", {"--debug"}),
        ("provisioner status flink", {"flink-rest"}),
        ("provisioner provision local --only key_", {"key_vault/kv-flink-local"}),
        ("provisioner rotate local --only f", {"flink-api"}),
        ("provisioner run local w", {"wordcount"}),
        ("provisioner local runtimes u", {"up"}),
        ("provisioner provision nowhere --only key_", set[str]()),
    ],
)
def test_verbs_options_and_names_are_completed(tmp_path: Path, line: str, offered: set[str]) -> None:
    assert completed(line, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code_and_its_answers(tmp_path: Path, shell: str) -> None:
    code = subprocess.run(
        [BIN / "provisioner", "completion", shell], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert f"_ARGCOMPLETE_SHELL {shell}" in code.replace("=", " ").replace('"', "")
    assert "provisioner" in code
    assert completed("provisioner plan sel", tmp_path, shell) == {"self-managed"}


def shell_code(shell: str) -> str:
    command = [BIN / "provisioner", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def variables_of(shell: str, line: str) -> dict[str, str]:
    """What the shell's code puts into the environment of the program, with the cursor at the end of the line."""
    code, end = shell_code(shell), str(len(line))
    if shell == "fish":
        values = {"(commandline -p)": line, "(string length (commandline -cp))": end, r"\t": "\t", r"\n": "\n"}
        return {name: str(values.get(text, text)) for name, text in re.findall(r"set -lx (\w+) ?(.*)", code)}
    asked = code.partition("completions=($(")[2].partition("__python_argcomplete_run")[0]
    values = {"$IFS": "\013", "$BUFFER": line, "$CURSOR": end}
    return {name: str(values.get(text, text)) for name, text in re.findall(r'(\w+)="?([^"\s]+)"? \\', asked)}


def completions(shell: str, line: str) -> dict[str, str]:
    """By word that the shell offers, what it says of it. As the shells' code has it, answers come by descriptor 8."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables_of(shell, line)}
    command = ["sh", "-c", "provisioner 8>&1 9>&2 1>/dev/null 2>&1 </dev/null"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    between, before_text = {"zsh": ("\013", ":"), "fish": ("\n", "\t")}[shell]
    answers = (answer.partition(before_text) for answer in done.stdout.split(between) if answer)
    return {word.strip(): text for word, _, text in answers}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("provisioner pro", {"provision": "make Azure match the spec"}),
        ("provisioner plan --deb", {"--debug": "log every request (never a secret) to standard error"}),
        ("provisioner status flink", {"flink-rest": ""}),
        ("provisioner provision local --only key_", {"key_vault/kv-flink-local": ""}),
        ("provisioner rotate local --only f", {"flink-api": ""}),
        ("provisioner run local w", {"wordcount": ""}),
        ("provisioner provision nowhere --only key_", {}),
    ],
)
def test_zsh_and_fish_are_answered_in_their_own_way(shell: str, line: str, offered: dict[str, str]) -> None:
    assert completions(shell, line) == offered


def test_bash_completes_after_evaluating_the_code() -> None:
    script = """
      eval "$(provisioner completion bash)"
      COMP_LINE="provisioner plan sel"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_WORDBREAKS=" "
      _python_argcomplete provisioner
      printf '%s' "${COMPREPLY[*]}"
    """
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "self-managed"


def test_another_shell_is_refused_with_those_that_there_are() -> None:
    said = subprocess.run([BIN / "provisioner", "completion", "csh"], capture_output=True, text=True, check=False)
    assert (said.returncode, "bash" in said.stderr) == (1, True)
