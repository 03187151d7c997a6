"""Microsoft Entra: the directory of applications and principals, sign-in, tokens."""

from localazure.entra import login

SERVICES = (login.SERVICE,)
