"""What the user wrote: one YAML file → one typed `Environment`, every problem at once. Touches no network."""
