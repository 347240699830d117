"""Services in memory, for tests."""
