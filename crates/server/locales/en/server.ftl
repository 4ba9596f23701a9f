# The server's own pages. Words that other pages use as well stand with those.

home-stranger = You are not signed in
home-stranger-text = Sign in with your user name, your password and, once you have set one up, your second factor.
home-welcome = You are signed in
home-name = as
home-aal1 = With your password
home-aal1-text = This session rests on one factor. Whoever learns your password can do what you can do here.
home-aal1-verified = With your password and a device that does not count as a second factor
home-aal1-verified-text = You signed in with one factor (AAL1): a code by e-mail, for example, is sent to a mailbox and not to a device that only you have.
home-aal2 = With your password and a device
home-aal2-text = This session rests on two factors (AAL2).
home-phishing-resistant = With a key that no other site can ask for
home-phishing-resistant-text = This session rests on two factors, one of which cannot be typed into a wrong page.
home-secret = A page for those who have proved a second factor

secret-title = You have proved a second factor
secret-text = Nobody sees this page with a password alone.
