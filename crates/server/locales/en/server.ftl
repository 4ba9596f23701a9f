# The server's own pages. Texts that other pages use too are in the library's files.

secret-title = You have verified a second factor
secret-text = A password alone does not give access to this page.
