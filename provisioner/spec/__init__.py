"""What the user wrote: one YAML file → one typed `Environment`, every problem at once. Touches no network."""

import os

# A plugin of pydantic that happens to be installed would see every value of a spec; looking for them takes time, too.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
