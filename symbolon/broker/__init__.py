"""What an owner types to run a broker of their own: `symbolon broker …`."""
