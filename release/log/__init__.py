"""The log's place."""
