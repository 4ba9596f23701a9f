# Texts of the pages. Templates isolate user input (bidirectional text) where they insert it.

## On every page

skip = Skip to main content
your-account = Your account
account-of = Account:
sign-out = Sign out
title-problem = Error:
back = Go back
continue = Continue
refused = Access denied
home = Home
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
pending-text = A sign-in that was started in this browser is not finished. If you did not start it, start over.
pending-continue = Continue signing in
second-factor = Two-factor authentication
ask-totp = Open your authenticator app and enter the code it shows for { $device }.
ask-totp-unnamed = Open your authenticator app and enter the code it shows.
ask-hotp = Press the button on { $device }, or show the next code in your app, and enter the code.
ask-hotp-unnamed = Press the button on your token, or show the next code in your app, and enter the code.
ask-press = Plug in { $device } and touch it. It enters the code for you.
ask-press-unnamed = Plug in your YubiKey and touch it. It enters the code for you.
ask-backup-codes = Enter one of the backup codes that you saved. Each code works once.
ask-other = Enter the answer of { $device }.
code = Code
code-digits = { $digits } digits
code-hotp = If correct codes are rejected, enter two consecutive codes, one after the other.
code-backup = 17 letters and digits. Spaces, hyphens and capitalization do not matter.
backup-code = Backup code
press = YubiKey code
press-hint = Keep the cursor in this field and touch the key.
answer = Answer
sent-sms = A text message with a code was sent to { $to }.
sent-call = You are being called at { $to }. Answer the phone to hear the code.
sent-email = An e-mail with a code was sent to { $to }.
sent-until = The code expires in { $minutes ->
    [0] less than two minutes
   *[other] { $minutes } minutes
}, at { $time }.
send-text = No code was sent to { $to }, or it has expired.
send = Send a code
send-call-text = You were not called at { $to }, or the code has expired.
send-call = Call me
send-call-again = Call me again
send-again-hint = No code yet? It can take a minute.
send-again = Send another code
confirm = Confirm
sign-in-until = This sign-in expires in { $hours ->
    [0] { $minutes ->
        [0] less than two minutes
       *[other] { $minutes } minutes
    }
   *[other] { $hours } hours
}, at { $time }.
other-ways = Other methods
device-was-disabled = Too many incorrect codes in a row have disabled { $device }. If you did not enter them, someone knows your password: change it after you sign in.
device-was-disabled-unnamed = Too many incorrect codes in a row have disabled one of your devices ({ $method }). If you did not enter them, someone knows your password: change it after you sign in.
device-was-guessed-at = { $failures } incorrect codes have been entered for { $device } since it was last used. If you did not enter them, someone knows your password: change it after you sign in.
use-device = Use { $device }
use-totp = Use your authenticator app
use-hotp = Use your token
use-yubikey = Use your YubiKey
use-sms = Send a text message to { $to }
use-call = Call me at { $to }
use-email = Send an e-mail to { $to }
use-sent = Enter the code sent to { $to }
use-backup-code = Use a backup code
backup-codes-left = { $left ->
    [0] None left
    [one] One left
   *[other] { $left } left
}
start-over = Start over
sign-out-question = Do you want to sign out?
sign-out-text = To sign in again, you will need your password, and your second factor if you have one.

## Step-up

verify = Confirm it’s you
verify-text = Verify again to continue.

## The account page

session-aal1 = You are signed in with your password.
session-aal1-verified = You are signed in with your password and a device that does not count as a second factor.
session-aal2 = You are signed in with your password and a device.
session-phishing-resistant = You are signed in with your password and a security key.
two-factor = Two-factor authentication
two-factor-on = Two-factor authentication is on.
two-factor-on-text = To sign in as you, a person needs one of your devices as well as your password.
two-factor-weak = You sign in with two steps, but only one factor.
two-factor-weak-text = To sign in as you, a person needs your password and a code from one of your devices, but none of these devices counts as a second factor.
two-factor-off = Two-factor authentication is off.
two-factor-off-text = Anyone who knows your password can sign in as you. A second factor prevents this.
set-up = Set it up
devices = Devices
devices-none-counts = You cannot open pages that require a second factor. To open them, add a stronger device, such as an authenticator app or a security key.
method-totp = Authenticator app
method-hotp = Hardware token or app (HOTP)
method-sms = Text message
method-call = Phone call
method-email = E-mail
method-yubikey = YubiKey
method-backup-codes = Backup codes
device-preferred = Default
device-disabled = Disabled
device-disabled-text = It was disabled after too many incorrect codes in a row. Set it up again, then remove this entry.
device-expired = Expired
device-expired-text = Its codes are no longer accepted. Ask an administrator for a new device.
device-valid-until = Valid until { $time }.
device-created = Added { $time }.
device-last-used = Last used { $time }.
device-never-used = Never used.
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
    [0] You have used all your backup codes. Create new ones before you need one.
    [one] You have one backup code left.
   *[other] You have { $left } backup codes left.
}
backup-codes-few = Create new ones soon.
backup-codes-none-left = You have no backup codes left.
backup-code-used = You are signed in with a backup code
backup-code-used-text = The code that you used cannot be used again.
backup-code-used-lost = Did you lose your device?
backup-code-used-lost-text = If your device is lost or broken, replace it now. The old device stops working when the new one is set up. If another person may have your device, change your password, too.
backup-code-used-devices = Manage devices
backup-codes-make = Create backup codes
backup-codes-renew = Create new backup codes
more = More
change-password = Change your password
two-factor-disable = Turn off two-factor authentication

## Setting up

setup = Set up a second factor
setup-text = After your password, you will be asked for something that only you have. A person who steals your password still cannot sign in.
setup-method = What do you want to use?
setup-nothing = There is no method that you can set up.
setup-other = Choose another method
setup-running = A code was sent to { $to } a moment ago.
setup-running-on = Enter the code
setup-to-tel = Phone number
setup-to-hint-tel = Include the country code, for example +31 6 12345678.
setup-to-email = E-mail address
setup-to-hint-email = Do not use a mailbox with the same password as this account.
setup-name = Device name
setup-name-hint = The name helps you tell your devices apart.
setup-begin = Start
setup-replaces = { $device } will be removed when the new device is set up. Until then, it works as before.
need-totp = An app on your phone or computer shows a new code every 30 seconds. Any app that scans QR codes for this purpose will do.
need-sms = You receive a code by text message.
need-call = You are called, and a code is read out to you.
need-email = You receive a code by e-mail.
need-yubikey = A key in the USB port enters a long code when you touch it.
need-hotp = A hardware token or an app shows a new code each time you press its button.
risk-phone = Anyone who takes over your number or intercepts your messages gets your codes, and codes do not reach you without a network. An authenticator app or a security key is safer.
risk-email = Anyone who reads your e-mail gets your codes. This is the weakest method, and some pages do not accept it.
device-name-totp = Authenticator app
device-name-sms = Phone
device-name-call = Phone
device-name-email = Mailbox
device-name-yubikey = YubiKey
device-name-hotp = Token
device-name-backup-codes = Backup codes
confirm-setup = Connect your app
confirm-proof = Verify your device
confirm-change-tel = Use another number
confirm-change-email = Use another address
confirm-scan = Scan the QR code with your app
qr-alt = QR code with the key. The key is shown below as text.
confirm-key = Or enter this key in your app:
confirm-open = Open in an app on this device
confirm-code = Enter the code that the app shows
confirm-finish = Finish
complete = Your second factor is set up
complete-text = From now on, you will be asked for it after your password.
complete-backup-codes-title = One more step: backup codes
complete-backup-codes = Backup codes let you sign in if your device is lost or broken. They are shown only once, so have paper or a password manager ready.
complete-skip = Skip for now

## Backup codes

backup-codes-text = Use a backup code if your device is lost or broken. Each code works once.
backup-codes-old = The old codes stop working immediately.
backup-codes-verify = Confirm it’s you
backup-codes-made = Your new backup codes
backup-codes-made-text = Save them now, on paper or in a password manager. They will not be shown again.
backup-codes-print = Print
backup-codes-copy = Copy
backup-codes-copied = Copied
backup-codes-print-hint = You can print this page: only the codes will be printed.
backup-codes-saved = I have saved them
backup-codes-for = Backup codes for { $name } at { $site }

## Turning off two-factor authentication, removing and renaming devices

disable = Turn off two-factor authentication
disable-text = All your devices and backup codes will be removed, and you will be signed out everywhere else. Anyone who knows your password will then be able to sign in.
disable-sure = I am sure
disable-do = Turn off
disable-keep = Keep it on
remove = Remove a device
remove-text = { $device } will no longer be accepted.
remove-do = Remove it
remove-keep = Keep it

rename = Rename a device
rename-do = Rename

## Password

password-text = You will be signed out everywhere else.
password-current = Current password
password-new = New password
password-new-shortest = At least { $shortest } characters.
password-new-hint = Length matters more than complexity: use a few words that do not usually go together.
password-again = Repeat the new password
password-change = Change password
