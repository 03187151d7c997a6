"""What the local Azure, and what it starts, takes over from the environment of whoever starts it: nothing else.

A shell that starts it may hold credentials, of clouds or in variables that a spec refers to.
"""

from __future__ import annotations

import os

PROGRAM_NAMES = frozenset({"HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"})
_SERVER_NAMES = PROGRAM_NAMES | {"JAVA_HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH"}
# Where pip and uv find packages. https://pip.pypa.io/en/stable/topics/configuration/#environment-variables,
# https://docs.astral.sh/uv/reference/environment/
_INDEX_NAMES = frozenset({
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
    *("PIP_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL"),
    *("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_CACHE_DIR", "PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES"),
    *("PIP_TIMEOUT", "PIP_TRUSTED_HOST", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_HTTP_TIMEOUT", "UV_INDEX", "UV_INDEX_STRATEGY", "UV_INDEX_URL", "UV_INSECURE_HOST"),
    *("UV_KEYRING_PROVIDER", "UV_LINK_MODE", "UV_NATIVE_TLS", "UV_NO_CACHE", "UV_NO_CONFIG", "UV_NO_INDEX"),
    *("UV_OFFLINE", "UV_SYSTEM_CERTS"),
})  # fmt: skip
_NAMED_INDEX = "UV_INDEX_"  # user name and password of an index that has a name


def program_variables() -> dict[str, str]:
    """Return the variables that every program gets, whatever it is."""
    return {name: value for name, value in os.environ.items() if name in PROGRAM_NAMES}


def package_index_variables() -> dict[str, str]:
    """Return the variables for pip and uv, such as the package index and its proxy."""
    return {name: value for name, value in os.environ.items() if _is_of_package_index(name)}


def server_variables() -> dict[str, str]:
    """Return the variables of the local Azure's own process, those for the package installers that it runs included."""
    own = {name: value for name, value in os.environ.items() if name in _SERVER_NAMES}
    return own | package_index_variables()


def _is_of_package_index(name: str) -> bool:
    return name.upper() in _INDEX_NAMES or name.startswith(_NAMED_INDEX)
