"""From an encoded picture's bytes to what a model is fed; nothing here knows where the bytes come from."""
