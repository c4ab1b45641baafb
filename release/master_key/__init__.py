"""The key that the broker's keys are wrapped by: in a file that a passphrase opens, or in Cloud KMS.

It is never in the database. Each wrapped value names the key that wrapped it, so an old and a new one stand
beside one another while rows are wrapped again.
"""
