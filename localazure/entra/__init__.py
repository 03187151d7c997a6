"""Microsoft Entra: who is in the tenant, sign-in, tokens."""

from localazure.entra import login

SERVICES = (login.SERVICE,)
