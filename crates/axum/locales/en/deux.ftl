# Texts for clients that were written for deux, where no other text of ours says the same.

deux-both-codes = Send either a code or a backup code, not both.
deux-already-enabled = Two-factor authentication is already enabled.
deux-backup-code-wrong = Incorrect backup code.
deux-required = This field is required.
deux-blank = This field may not be blank.
deux-null = This field may not be null.
deux-invalid = This field must be a string.
deux-number-long = A phone number has at most 15 digits.
deux-signed-out = Authentication is required: send a token.
deux-not-found = Not found.
deux-method-not-allowed = Method { $method } not allowed.
deux-body-kind = The body must be JSON or a form.
deux-body-broken = The body is malformed: it is incomplete, repeats a field, or contains invalid characters.
deux-body-long = The body is too long.
deux-body-slow = The body took too long to arrive.
deux-csrf-token = The request has cookies, but no valid CSRF token.
deux-proof = Verify the second factor again: repeat the request with a code.
deux-session-only = This token does not grant access to this resource.
