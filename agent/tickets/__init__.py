"""Meaning becomes a record that cannot be lost: journal, ticket numbers, database, export."""
