"""The owner's broker: it releases a model's key run by run, counts before it does, and has each on record."""
