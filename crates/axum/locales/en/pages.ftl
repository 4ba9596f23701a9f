# What the pages say. Arguments are named where they are used; names that people have typed are set apart by the page.

## On every page

skip = Skip to the content
your-account = Your account
account-of = Account:
sign-out = Sign out
title-problem = Error:
back = Go back
continue = Continue
refused = Not now
home = To the start page
cancel = Cancel

## Moments

moment = { $day } { moment-month } { $year }, { $hour }:{ $minute } UTC
moment-time = { $hour }:{ $minute } UTC
moment-precise = { $day } { moment-month } { $year }, { $hour }:{ $minute }:{ $second } UTC
moment-month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
wait = Wait until { $time } ({ $hours ->
    [0] { $minutes ->
        [0] { $seconds ->
            [one] one second from now
           *[other] { $seconds } seconds from now
        }
       *[other] { $minutes } minutes from now
    }
   *[other] { $hours } hours from now
}).

## Signing in

sign-in = Sign in
sign-in-again = Confirm your password
sign-in-again-text = You are signed in as { $name }. Enter your password again to continue.
sign-in-again-do = Continue
sign-in-again-other = Sign out instead
user-name = User name
password = Password
show-password = Show password
show-password-which = Show password: { $field }
pending = Sign-in not finished
pending-text = A sign-in was started in this browser and is not finished. If you did not start it, start over.
pending-continue = Continue signing in
second-factor = One more step
ask-totp = Open your authenticator app and type the code it shows for { $device }.
ask-totp-unnamed = Open your authenticator app and enter the code it shows.
ask-hotp = Press the button of { $device }, or have your app count on, and type the code it shows.
ask-hotp-unnamed = Press the button of your token, or let your app show the next code, and enter the code.
ask-press = Plug { $device } in and touch it. It types its answer by itself.
ask-press-unnamed = Plug in your YubiKey and touch it. It types its answer by itself.
ask-backup-codes = Type one of the backup codes you have saved. Each of them works once.
ask-other = Answer with { $device }.
code = Code
code-digits = { $digits } digits
code-hotp = If right codes are refused, type two in a row into this field, one behind the other.
code-backup = 17 letters and digits. Blanks, hyphens and capitals do not matter.
backup-code = Backup code
press = What the key types
press-hint = Leave the cursor in this field and touch the key.
answer = Answer
sent-sms = A text message with a code was sent to { $to }.
sent-call = { $to } is being called: pick up, and the code is read out to you.
sent-email = An e-mail with a code was sent to { $to }.
sent-until = The code expires in { $minutes ->
    [0] less than two minutes
   *[other] { $minutes } minutes
}, at { $time }.
send-text = No code was sent to { $to } just now, or it is over.
send = Send a code
send-call-text = You have not been called at { $to } just now, or the code has expired.
send-call = Call me
send-call-again = Call me again
send-again-hint = Nothing there? It can take a minute.
send-again = Send another code
confirm = Confirm
sign-in-until = This sign-in expires in { $hours ->
    [0] { $minutes ->
        [0] less than two minutes
       *[other] { $minutes } minutes
    }
   *[other] { $hours } hours
}, at { $time }.
other-ways = Another way
device-was-disabled = Too many wrong codes in a row have disabled { $device }. If they were not yours, somebody knows your password: change it once you are in.
device-was-disabled-unnamed = Too many incorrect codes in a row have disabled one of your devices ({ $method }). If they were not yours, someone knows your password: change it after you sign in.
device-was-guessed-at = There were { $failures } wrong codes for { $device } since it was last used. If they were not yours, somebody knows your password: change it once you are in.
use-device = Use { $device }
use-totp = Use your authenticator app
use-hotp = Use your token
use-yubikey = Use your YubiKey
use-sms = Send text message to { $to }
use-call = Call me at { $to }
use-email = Send e-mail to { $to }
use-sent = Type the code that was sent to { $to }
use-backup-code = Use a backup code
backup-codes-left = { $left ->
    [0] None left
    [one] One left
   *[other] { $left } left
}
start-over = Start over
sign-out-question = Do you want to sign out?
sign-out-text = You will need your password, and your second factor if you have one, to come back.

## Proving it again

verify = Is it still you?
verify-text = The page you asked for needs a fresh proof.

## The account page

session-aal1 = You are signed in with your password.
session-aal1-verified = You are signed in with your password and a device that does not count as a second factor.
session-aal2 = You are signed in with your password and a device.
session-phishing-resistant = You are signed in with your password and a security key.
two-factor = Two-factor authentication
two-factor-on = Two-factor authentication is on.
two-factor-on-text = Whoever signs in as you needs one of your devices as well as your password.
two-factor-weak = Your sign-in takes two steps, but not two factors.
two-factor-weak-text = Anyone who signs in as you needs your password and an answer to one of your devices, but none of these devices counts as a second factor.
two-factor-off = Two-factor authentication is off.
two-factor-off-text = Whoever learns your password can sign in as you. A second factor stops them.
set-up = Set it up
devices = Devices
devices-none-counts = Pages that ask for a second factor will not open. To open them, add a stronger device, such as an authenticator app or a security key.
method-totp = Authenticator app
method-hotp = Token or app that counts
method-sms = Text message
method-call = Phone call
method-email = E-mail
method-yubikey = YubiKey
method-backup-codes = Backup codes
device-preferred = Default
device-disabled = Disabled
device-disabled-text = Too many wrong codes in a row have disabled it. Set it up again, then remove this entry.
device-expired = Expired
device-expired-text = Its codes are no longer accepted. Ask an administrator for a new device.
device-valid-until = valid until
device-created = Added
device-last-used = last used
device-never-used = never used
device-prefer = Make default
device-prefer-which = Make default: { $device }
device-remove = Remove
device-remove-which = Remove { $device }
device-replace = Replace
device-replace-which = Replace { $device }
device-rename = Rename
device-rename-which = Rename { $device }
device-add = Add another device
backup-codes = Backup codes
backup-codes-none = { $devices ->
    [one] You have no backup codes. Without them, you are locked out if you lose your device.
   *[other] You have no backup codes. Without them, you are locked out if you lose all your devices.
}
backup-codes-some = { $left ->
    [0] Every backup code is used. Make new ones before you need one.
    [one] One backup code is left.
   *[other] { $left } backup codes are left.
}
backup-codes-few = Make new ones soon.
backup-codes-none-left = You have no backup codes left.
backup-code-used = You are signed in with a backup code
backup-code-used-text = The code that you used cannot be used again.
backup-code-used-lost = Did you lose your device?
backup-code-used-lost-text = If your device is lost or broken, replace it now. The old device stops working when the new one is set up. If someone else may have your device, change your password, too.
backup-code-used-devices = Manage devices
backup-codes-make = Make backup codes
backup-codes-renew = Make new backup codes
more = More
change-password = Change your password
two-factor-disable = Switch two-factor authentication off

## Setting up

setup = Set up a second factor
setup-text = After your password, you will be asked for something that only you have. Whoever steals your password still cannot sign in.
setup-method = What do you want to use?
setup-nothing = There is nothing here that you could set up.
setup-other = Choose another way
setup-running = A code was sent to { $to } a moment ago.
setup-running-on = Type it
setup-to-tel = Telephone number
setup-to-hint-tel = With the country code, as in +31 6 12345678.
setup-to-email = E-mail address
setup-to-hint-email = Not one that is opened with the same password.
setup-name = A name for it
setup-name-hint = So that you can tell your devices apart.
setup-begin = Begin
setup-replaces = { $device } is removed when the new device is set up. Until then it works as before.
need-totp = An app on your phone or computer shows a new code every half minute. Any that reads a QR code will do.
need-sms = A code comes as a text message to a telephone of yours.
need-call = You are called, and a code is read out to you.
need-email = A code comes by e-mail.
need-yubikey = A key in the USB port types a long word when you touch it.
need-hotp = A token, or an app, shows a new code whenever you press its button.
risk-phone = Whoever takes your number over or listens in gets your codes, and they do not come where there is no network. An authenticator app or a key is safer.
risk-email = Whoever reads your mail gets your codes. This counts for less than any other way, and some pages will not open with it.
device-name-totp = Authenticator app
device-name-sms = Telephone
device-name-call = Telephone
device-name-email = Mailbox
device-name-yubikey = YubiKey
device-name-hotp = Token
device-name-backup-codes = Backup codes
confirm-setup = Connect your app
confirm-proof = Prove that it is yours
confirm-change-tel = Use another number
confirm-change-email = Use another address
confirm-scan = Scan the picture with your app
qr-alt = QR code with the key. The key stands below as text.
confirm-key = Or type this key into your app
confirm-open = Open in an app on this device
confirm-code = Type the code that it shows now
confirm-finish = Finish
complete = Your second factor is set up
complete-text = From now on you will be asked for it after your password.
complete-backup-codes-title = One more step: backup codes
complete-backup-codes = Backup codes let you sign in when your device is lost or broken. They are shown once, so have paper or a password manager ready.
complete-skip = Skip for now

## Backup codes

backup-codes-text = A backup code stands in for your device when it is lost or broken. Each works once.
backup-codes-old = The old ones stop working at once.
backup-codes-verify = Prove it is you first
backup-codes-made = Your new backup codes
backup-codes-made-text = Save them now, on paper or in a password manager. They are shown this once and never again.
backup-codes-print = Print
backup-codes-copy = Copy
backup-codes-copied = Copied
backup-codes-print-hint = Your browser can print this page: only the codes will be on the paper.
backup-codes-saved = I have saved them
backup-codes-for = Backup codes for { $name } at { $site }

## Switching off and removing

disable = Switch two-factor authentication off
disable-text = All your devices and backup codes will be removed, and you will be signed out everywhere else. After that your password alone lets anybody in.
disable-sure = I am sure
disable-do = Switch it off
disable-keep = Keep it on
remove = Remove a device
remove-text = { $device } will not be accepted any more.
remove-do = Remove it
remove-keep = Keep it

rename = Rename a device
rename-do = Rename

## Password

password-text = You will be signed out everywhere else.
password-current = Current password
password-new = New password
password-new-shortest = At least { $shortest } characters.
password-new-hint = Long beats complicated: a few words that nobody would put together.
password-again = The new password again
password-change = Change the password
