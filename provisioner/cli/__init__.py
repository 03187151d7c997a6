"""argv → command → printed report → exit code. The only room that prints and exits."""
