# What we say when we said no: what happened, and what to do next. One for every refusal of the core.

refusal-credentials-wrong = That user name and password do not belong together.
    .next = Check both and try again.
refusal-too-many-failures = There were too many failed tries.
    .next = Wait a while; until then no try is looked at, not even a right one.
refusal-too-many-requests = Too many sign-in attempts from your network.
    .next = Try again in a few seconds.
refusal-code-malformed = That does not look like a code.
    .next = Check what you typed. Nothing was counted against you.
refusal-code-mistyped = There is a slip in that backup code.
    .next = Compare it with your list, letter by letter. Nothing was counted against you, and no code was used up.
refusal-code-wrong = That code is wrong.
    .next = Type the newest one. If it keeps failing, check the clock of your device or choose another way.
refusal-code-used = That code has been used already.
    .next = Wait for the next code, or take another one from your list. Nothing was counted against you.
refusal-clock-set-back = That code is right, but this device has already accepted a later one: the server's clock was ahead.
    .next = Use another way to sign in, or ask an administrator to set this device up again. Nothing was counted against you.
refusal-nothing-sent = There is no code that this could be: none was sent, or the one that was is over.
    .next = Have a new code sent. Nothing was counted against you.
refusal-sending-too-soon = A code was sent there a moment ago.
    .next = Look for it, or wait a moment and have another one sent.
refusal-sending-limited = As many codes were sent as may be for now.
    .next = Choose another way, or come back later.
refusal-sending-failed = The code could not be sent.
    .next = Choose another way, or try again in a while.
refusal-address-unreachable = This number or address cannot receive such messages.
    .next = Check it, or choose another way.
refusal-address-invalid = That is no number or address that a code can be sent to.
    .next = Type a telephone number with its country code, as in +31 6 12345678, or an e-mail address.
refusal-method-unavailable = Whether that is right cannot be found out at the moment.
    .next = Choose another way, or try again in a while. Nothing was counted against you.
refusal-device-locked = { $failures ->
    [one] There was a wrong code just now.
   *[other] There were { $failures } wrong codes in a row.
}
    .next = Wait a moment; until then no code is looked at, not even a right one.
refusal-device-disabled = Too many wrong codes in a row have disabled your device.
    .next = Choose another way to sign in. If there is none, ask those who run this site for help.
refusal-browser-unknown = Too many wrong codes were given, so this device is not listened to in a browser that is not yours.
    .next = Sign in where you have signed in before, or use a backup code.
refusal-device-unknown = You have no such device, or it does not count any more.
    .next = Choose one of those that are offered.
refusal-attempt-over = This took too long, or it has been finished or given up already.
    .next = Start again from the beginning.
refusal-factors-changed = Your devices have changed meanwhile.
    .next = Look at what is there now, and try again if it is still needed.
refusal-verification-needed = This needs a fresh proof of your second factor.
    .next = Prove that it is you, then try again.
refusal-sign-in-needed = You are not signed in, or your session has ended.
    .next = Sign in, then try again.
refusal-password-needed = You entered your password too long ago for this.
    .next = Confirm your password, then try again.
refusal-not-enabled = Two-factor authentication is not set up.
    .next = Set it up first.
refusal-last-device = { $others ->
    [0] This is your only device.
   *[other] None of your other devices can take the place of this one.
}
    .next = Replace it with another device, or turn two-factor authentication off.
refusal-too-many-devices = You already have { $most } devices, the maximum.
    .next = Remove a device that you no longer use, then try again.
refusal-method-unknown = There is no such method here.
    .next = Choose one of those that are offered.
refusal-name-invalid = That name will not do.
    .next = Type at least one character, and no more than { $longest }.
refusal-password-wrong = The current password is wrong.
    .next = Type the password that you sign in with now.
refusal-password-short = The new password is too short.
    .next = It needs at least { $shortest } characters. A few words will do.
refusal-password-long = The new password is too long to be kept.
    .next = It may have up to { $longest } characters.
refusal-password-common = The new password is one that many people use, so it is tried first.
    .next = Choose one that nobody else would think of.
refusal-password-personal = The new password is made of your own name or address, or of this site's.
    .next = Choose one that has nothing to do with you.
refusal-password-same = The new password is the one you have.
    .next = Choose another one.
refusal-passwords-differ = The two new passwords are not the same.
    .next = Type the new password twice, alike.
refusal-password-elsewhere = Your password is not kept here.
    .next = Change it where you were given it.
refusal-session-unknown = You have no such session, or it has ended.
    .next = Look at the sessions that there are now.
refusal-token-unknown = You have no such token, or it has ended.
    .next = Look at the tokens that there are now.
refusal-tokens-many = You have as many tokens as one may have, which is { $most }.
    .next = End one that you do not need any more, then try again.
refusal-scope-invalid = What the token is to open is not named as it should be.
    .next = Name it in words of letters, digits and signs without quotes, { $most } of them at most.
refusal-lifetime-invalid = A token cannot live for so long, or for no time at all.
    .next = Choose a time of { $days } days or less.
refusal-scope-insufficient = This token does not open that.
    .next = Use a token that was made for it, or sign in.

problem-not-sure = Nothing was switched off: the box was not ticked.
    .next = Tick the box if you are sure, or keep two-factor authentication on.
