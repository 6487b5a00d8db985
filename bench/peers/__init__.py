"""Bare bots to compare with: they store nothing and make the same calls for each update."""
