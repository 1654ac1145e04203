"""Nets and runs for other people's tools: one file a format."""
