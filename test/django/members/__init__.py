"""An application with a user model and a session table of its own."""
