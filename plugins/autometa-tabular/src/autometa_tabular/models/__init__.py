"""Fitted models: arrays and JSON in, predictions out; none needs its training library but one."""
