"""Configurations: composed, checked, told apart, and made into objects."""
