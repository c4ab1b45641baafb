"""`symbolon emulator …`: Google on localhost."""
