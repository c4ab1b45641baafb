"""What the auditor types: `symbolon auditor …`, one module a command."""
