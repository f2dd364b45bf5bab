"""What the project is built with: in a checkout only, in no wheel and in no image."""
