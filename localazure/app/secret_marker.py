"""What every secret that the local Azure issues contains, so that one search finds any of them where it should not be.

Letters only, so that of the usual encodings only base64 and hex change it.
"""

from __future__ import annotations

SECRET_MARKER = "LocalAzureSecret"  # noqa: S105 - a part of secrets, and none itself
