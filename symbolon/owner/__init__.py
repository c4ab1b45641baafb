"""What the owner types: `symbolon owner …`, one module a command."""
