"""argv → command → printed report → exit code. The only package that prints and exits."""
