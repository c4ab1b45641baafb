"""What the owner tells the broker: orders, which change what it holds, and queries."""
