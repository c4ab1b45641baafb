"""One page on loopback that shows what the emulator records, for whoever reviews rather than types.

It has no truth of its own: everything on it stands in the audit log, in the launchers' log, or in the
documents of the state folder. Nothing can be changed by it.
"""
