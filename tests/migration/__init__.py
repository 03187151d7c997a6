"""Tests of `migrate`: from one target to another, killed anywhere."""
