# Short pages and lines.

## How one came here

why-recent = What you asked for needs a fresh sign-in.
why-required = The page you asked for is open only to those who have a second factor. Set one up to go on; it takes two minutes.
why-none-counts = What you have set up counts too little for the page you asked for. Set up another way to go on, such as an authenticator app or a key.
why-too-weak = What you have just proved counts too little for that. Answer with another of your devices.
why-over = That took too long, or was finished or given up already. Please start again.
why-signed-out = You are signed out.
why-session-ended = Your session has ended. Sign in again.
why-disabled = Done. You are signed out everywhere else.
why-removed = The device is removed.
why-preferred = This device is the default now. You will be asked for it first when you sign in.
why-renamed = The device has a new name.
why-password-changed = Your password is changed. You are signed out everywhere else.
why-cancelled = The setup was given up. Nothing has changed.
why-unsent-soon = No code was sent, because one was a moment ago. Wait a minute and have one sent, or choose another way.
why-unsent-limited = No code was sent, because as many were sent as may be for now. Choose another way, or come back later.
why-unsent-failed = The code could not be sent. Choose another way, or try again in a while.
why-unsent-unreachable = No code could be sent: what it should go to cannot receive such messages. Choose another way.
why-unsent-locked = No code was sent, because there were too many wrong ones. Wait a moment and have one sent, or choose another way.

## Why there is nothing else to see

message-not-found = There is nothing here
    .next = The address may be mistyped, or what was here is gone.
message-method-not-allowed = That is not possible here
    .next = This address does not do what was asked of it. Open the page and use its form.
message-other-site = This came from another site
    .next = Forms are accepted from this site's own pages only. Nothing has changed.
message-form-kind = That is no form
    .next = Open the page again and use its form. Nothing has changed.
message-form-slow = The form took too long to arrive
    .next = Check your connection and send it again. Nothing has changed.
message-form-long = That is too much
    .next = Shorten what you typed and send it again. Nothing has changed.
message-form-broken = The form cannot be read
    .next = Go back, reload the page and fill it in again. Nothing has changed.
message-form-stale = This form is no longer valid
    .next = It was made before you signed in or out, or your browser keeps no cookies. Go back, reload the page and send it again. Nothing has changed.
message-form-fields = Something is missing in the form
    .next = Go back, reload the page and fill it in again. Nothing has changed.
message-codes-made = These backup codes were made already
    .next = They are shown only once. If you have not saved them, make new ones; the others will stop working.

misdirected = This is not the site you are looking for.

## When we could not decide

fault = Something is wrong on our side
fault-text = What you asked for could not be done. It is not your fault, and there is nothing you need to change.
fault-next = Try again in a minute. If it happens again, tell those who run this site this number:
incident = Incident { $number }
