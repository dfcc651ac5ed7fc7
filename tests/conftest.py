"""Settings of the whole suite."""

from hypothesis import settings

# the same examples in every run, and as long as they take: a busy machine is no fault
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
