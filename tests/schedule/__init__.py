"""Tests of the schedule room."""
