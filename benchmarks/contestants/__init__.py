"""Who is measured, each in a process of its own: our workload's stream, and its peers.

All of them are told by the same `Work` what to do, and answer the same commands; see `answering`.
"""
