"""Starts and steers Sluice's programs for the system tests."""
