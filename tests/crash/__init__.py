"""What a client was told stays true when everything is killed."""
