"""What Lightning needs to train a network: module, losses, metrics, callbacks, loggers."""
