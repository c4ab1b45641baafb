"""What runs inside the confidential VM, or answers in it: the launcher, its socket, the metadata server, the sandbox."""
