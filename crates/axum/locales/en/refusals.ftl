# What we say when we said no: what happened, and what to do next. One for every refusal of the core.

refusal-credentials-wrong = That user name and password do not belong together.
    .next = Check both and try again.
refusal-too-many-failures = There were too many failed tries.
    .next = Wait a while; until then no try is looked at, not even a right one.
refusal-code-malformed = That does not look like a code.
    .next = Check what you typed. Nothing was counted against you.
refusal-code-mistyped = There is a slip in that backup code.
    .next = Compare it with your list, letter by letter. Nothing was counted against you, and no code was used up.
refusal-code-wrong = That code is wrong.
    .next = Type the code that is shown now. If it keeps failing, check the clock of your device or choose another way.
refusal-code-used = That code has been used already.
    .next = Wait for the next code, or take another one from your list. Nothing was counted against you.
refusal-device-locked = { $failures ->
    [one] There was a wrong code just now.
   *[other] There were { $failures } wrong codes in a row.
}
    .next = Wait a moment; until then no code is looked at, not even a right one.
refusal-device-disabled = Too many wrong codes in a row have disabled your device.
    .next = Choose another way to sign in. If there is none, ask those who run this site for help.
refusal-device-unknown = You have no such device, or it does not count any more.
    .next = Choose one of those that are offered.
refusal-attempt-over = This took too long, or it has been finished or given up already.
    .next = Start again from the beginning.
refusal-factors-changed = Your devices have changed meanwhile.
    .next = Look at what is there now, and try again if it is still needed.
refusal-verification-needed = This needs a fresh proof of your second factor.
    .next = Prove that it is you, then try again.
refusal-sign-in-needed = You are not signed in, or signed in too long ago for this.
    .next = Sign in, then try again.
refusal-not-enabled = Two-factor authentication is not set up.
    .next = Set it up first.
refusal-last-device = This is the only device that you have.
    .next = Add another one first, or switch two-factor authentication off.
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

problem-not-sure = Nothing was switched off: the box was not ticked.
    .next = Tick the box if you are sure, or keep two-factor authentication on.
