"""What owner, operator, image and auditor must read alike, byte for byte.

Each format has one writer and one reader, both here.
"""
