"""The endpoints of each Azure cloud."""

from __future__ import annotations

from provisioner.cloud.profile import PROFILES


def test_every_cloud_has_https_endpoints_without_a_slash_at_the_end() -> None:
    for profile in PROFILES.values():
        for url in (profile.authority, profile.graph, profile.arm, profile.portal):
            assert url.startswith("https://")
            assert not url.endswith("/")
        assert all(scope.endswith("/.default") for scope in profile.scopes)
