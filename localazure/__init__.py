"""An Azure on loopback: real names, TLS and tokens, for whoever is pointed at its proxy. See README.md."""
