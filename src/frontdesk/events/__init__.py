"""Events of the domain: facts in the past tense, written in the transaction that caused them."""
