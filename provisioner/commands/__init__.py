"""Every command as a composition of stages: declare, observe, plan, apply. Prints nothing, never exits."""

from provisioner.commands.jobs import act_on_job, cancel_jobs, undeclared_jobs_if_known
from provisioner.commands.migrate import Migration, migrate, plan_migration, undo_migration
from provisioner.commands.pair import require_pair
from provisioner.commands.reading import (
    await_dags_parsed,
    doctor,
    job_states,
    make_plan,
    outputs,
    run_dag,
    status,
    verify,
)
from provisioner.commands.run import Report, Run, declared_recipe
from provisioner.commands.writing import Selection, provision, rotate, teardown

__all__ = [
    "Migration",
    "Report",
    "Run",
    "Selection",
    "act_on_job",
    "await_dags_parsed",
    "cancel_jobs",
    "declared_recipe",
    "doctor",
    "job_states",
    "make_plan",
    "migrate",
    "outputs",
    "plan_migration",
    "provision",
    "require_pair",
    "rotate",
    "run_dag",
    "status",
    "teardown",
    "undeclared_jobs_if_known",
    "undo_migration",
    "verify"
]  # fmt: skip
