"""Thin shells around the jobs: configuration in, job out."""
