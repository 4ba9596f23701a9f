# What clients that were written for deux are told, where no other entrance has to say it.

deux-both-codes = Send a code or a backup code, not both.
deux-already-enabled = Two-factor authentication is on already.
deux-backup-code-wrong = That backup code is wrong.
deux-required = This has to be sent.
deux-blank = This may not be empty.
deux-null = This may not be null.
deux-invalid = This has to be a text.
deux-number-long = No number has more than 15 digits.
deux-signed-out = Nobody is signed in: send a token.
deux-not-found = There is nothing at this address.
deux-method-not-allowed = The method { $method } means nothing at this address.
deux-body-kind = The body is neither JSON nor a form.
deux-body-broken = The body is not whole, has a field twice, or holds what no text may hold.
deux-body-long = The body is too long.
deux-body-slow = The body took too long to arrive.
deux-csrf-token = This came with cookies, but without the token that goes with them.
deux-proof = This needs a fresh proof of the second factor: send it again with a code.
deux-session-only = This token does not open that.
