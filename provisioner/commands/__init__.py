"""Every verb as a few lines that compose stages: declare, observe, plan, apply. Prints nothing, exits nowhere."""

from provisioner.commands.reading import await_dag, doctor, make_plan, notes, outputs, run_dag, verify
from provisioner.commands.run import Report, Run, declared
from provisioner.commands.writing import provision, rotate, teardown

__all__ = [
    "Report", "Run", "await_dag", "declared", "doctor", "make_plan", "notes", "outputs", "provision", "rotate",
    "run_dag", "teardown", "verify"
]  # fmt: skip
