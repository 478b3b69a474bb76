"""The learners of this plugin."""
