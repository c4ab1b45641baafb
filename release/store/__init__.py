"""What the broker keeps: its tables, how a database is opened, and its migrations."""
