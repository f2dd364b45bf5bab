"""`make demo`: a lead goes round, on the embedded emulator, with the two console scripts as a user would run them."""
