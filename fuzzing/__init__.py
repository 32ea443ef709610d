"""Broken and hostile files for every reader of files; see __main__.py."""
