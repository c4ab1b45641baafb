"""Proofs about every token that a policy could ever admit, and the searches that answer beside them."""
