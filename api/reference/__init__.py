"""The API's reference: one page, made from the contract."""
