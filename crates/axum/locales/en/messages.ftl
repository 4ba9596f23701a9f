# Notices on a page, and pages with nothing but a message.

## Notices, shown once after a redirect

why-recent = Sign in again to continue.
why-required = The page you asked for requires two-factor authentication. Set up a second factor to continue; it takes two minutes.
why-none-counts = The page you asked for needs a stronger method than those you have set up. Set up another one to continue, such as an authenticator app or a security key.
why-too-weak = The method you just used is not strong enough. Use another device.
why-over = This page has expired, or you have already completed this step. Start again.
why-over-sign-in = This sign-in has expired or was already completed. Sign in again.
why-signed-out = You are signed out.
why-session-ended = Your session has ended. Sign in again.
why-disabled = Two-factor authentication is off. You are signed out everywhere else.
why-removed = Device removed.
why-preferred = This device is now the default. You will be asked for it first when you sign in.
why-renamed = Device renamed.
why-password-changed = Password changed. You are signed out everywhere else.
why-cancelled = Setup cancelled. Nothing has changed.
why-unsent-soon = No code was sent, because one was sent a moment ago. Wait a minute and send another one, or choose another method.
why-unsent-limited = No code was sent, because too many have been sent already. Choose another method, or try again later.
why-unsent-failed = The code could not be sent. Choose another method, or try again later.
why-unsent-unreachable = The code could not be sent, because this number or address cannot receive codes. Choose another method.
why-unsent-locked = No code was sent, because of too many incorrect codes. Wait a moment and send one, or choose another method.

## Pages with nothing but a message

message-not-found = Page not found
    .next = The address may be mistyped, or the page no longer exists.
message-method-not-allowed = Method not allowed
    .next = This page does not accept that kind of request. Open the page and use its form.
message-other-site = Request from another site rejected
    .next = Forms are accepted only from pages of this site. Nothing has changed.
message-form-kind = Not a form
    .next = Open the page again and use its form. Nothing has changed.
message-form-slow = The form took too long to arrive
    .next = Check your connection and send the form again. Nothing has changed.
message-form-long = The form is too long
    .next = Shorten what you entered and send the form again. Nothing has changed.
message-form-broken = The form cannot be read
    .next = Go back, reload the page and fill it in again. Nothing has changed.
message-form-stale = This form is no longer valid
    .next = You have signed in or out since it was loaded, or your browser blocks cookies. Go back, reload the page and send the form again. Nothing has changed.
message-form-fields = A field of the form is missing
    .next = Go back, reload the page and fill it in again. Nothing has changed.
message-codes-made = These backup codes have already been created
    .next = Backup codes are shown only once. If you have not saved them, create new ones; the old ones will stop working.

misdirected = Misdirected request: this server does not serve that host name.

## Faults

fault = Something went wrong
fault-text = Your request failed because of an error on our side. You did nothing wrong.
fault-next = Try again in a minute. If it happens again, give this number to the administrator:
incident = Incident { $number }
