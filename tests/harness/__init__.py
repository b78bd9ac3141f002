"""What integration tests and the demo stand on: a private PostgreSQL, the sample application, a comparison of its own."""
