"""What runs inside the confidential VM or answers there: launcher, socket, metadata server, sandbox."""
