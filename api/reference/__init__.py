"""The API reference: one page, generated from the OpenAPI document."""
