"""A Feishu of a test's own: discovery, long connection, OpenAPI, and a control API that makes it misbehave."""
