"""Training: the `Trainer`, what it compiles, data adapters, callbacks."""
