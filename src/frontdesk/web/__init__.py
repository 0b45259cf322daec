"""What all endpoints share: the transaction, idempotency, lists, problems and the middleware around them."""
