"""What the operator types: `symbolon operator …`, one module a command."""
