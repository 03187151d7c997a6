"""`report`: one self-contained HTML page on an environment. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import show
from provisioner.cli.opening import opened
from provisioner.errors import Refused

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from provisioner.commands import Run
    from provisioner.model import Plan

PAGES = {"web_url": "web page", "url": "REST API"}  # outputs that people may open


def report(arguments: Namespace) -> int:
    """Print or write the page."""
    with show.progress(quiet=True), opened(arguments) as run:
        page = _page(run)
    if not arguments.out:
        show.text(page.rstrip())
        return 0
    try:
        Path(arguments.out).write_text(page, encoding="utf-8")
    except OSError as error:
        raise Refused(arguments.out, f"cannot be written: {error.strerror}", "Choose another file for --out") from None
    show.text(arguments.out)
    return 0


def _page(run: Run) -> str:
    from provisioner import commands
    from provisioner.cli.report.page import Facts, report_page, role_grants
    from provisioner.cli.report.runs import last_runs
    from provisioner.cli.status import credentials
    from provisioner.recipe.grants import narrower_roles
    from provisioner.verify.jobs import job_states

    planned, notes = commands.status(run)
    now, spec = run.cloud.session.clock.decision_time(), run.environment
    place = {"cloud": spec.cloud, "subscription": spec.subscription, "resource group": spec.resource_group}
    return report_page(
        Facts(
            plan=planned,
            recipe=run.recipe,
            now=now,
            place=place,
            grants=tuple(role_grants(planned, run.recipe, narrower_roles(spec))),
            credentials=tuple(credentials(planned, now)),
            jobs=job_states(run.deployed, planned),
            runs=tuple(last_runs(run.journal / f"{spec.name}.jsonl")),
            links=tuple(_links(run, planned)),
            notes=notes,
        )
    )


def _links(run: Run, planned: Plan) -> Iterator[tuple[str, str]]:
    """Into the portal for each resource that has an id there, and to the pages of Airflow and Flink."""
    portal, tenant = run.cloud.session.profile.portal, run.cloud.session.tenant_id
    for address, outputs in planned.outputs.items():
        if str(outputs.get("id", "")).startswith("/subscriptions/"):
            yield f"{address} in the portal", f"{portal}/#@{tenant}/resource{outputs['id']}"
        for name, what in PAGES.items():
            if str(outputs.get(name, "")).startswith("http"):
                yield f"{address}: {what}", str(outputs[name])
    declared = run.deployed.targets.airflow.web_url
    if isinstance(declared, str) and declared:
        yield f"Airflow: {PAGES['web_url']}", declared
