"""The output of `bootstrap`: the lines that make an identity for CI. No network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cli.opening import environment_of
from provisioner.cloud.profile import PROFILES
from provisioner.commands.run import NO_TENANT, names_of
from provisioner.recipe.rights import required_and_optional_rights
from provisioner.render.bootstrap import ServicePrincipal, bootstrap_script, parse_azure_devops, parse_github

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.render.bootstrap import Identity
    from provisioner.spec.model import Environment


def script(arguments: Namespace) -> str:
    """The script for the identity that the command line names. Raises Refused."""
    environment = environment_of(arguments)
    profile = PROFILES[environment.cloud]
    rights = required_and_optional_rights(environment, names_of(environment, NO_TENANT))
    if arguments.required_only:
        rights = tuple(right for right in rights if not right.optional)
    identity = _identity(arguments, environment)
    return bootstrap_script(
        environment, rights, identity, graph=profile.graph, audience=profile.federation_audience
    ).rstrip()


def _identity(arguments: Namespace, environment: Environment) -> Identity:
    if arguments.github:
        return parse_github(arguments.github, environment.name)
    return parse_azure_devops(arguments.azure_devops) if arguments.azure_devops else ServicePrincipal()
