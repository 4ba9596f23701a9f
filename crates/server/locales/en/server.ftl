# The server's own pages. Words that other pages use as well stand with those.

secret-title = You have proved a second factor
secret-text = Nobody sees this page with a password alone.
