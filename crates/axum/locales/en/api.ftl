# What a program is told that a page would never have to say. A code each; people read it in a program's log.

api-not-found = There is nothing at this address.
    .next = Look the address up in the description of the API.
api-method-not-allowed = That method means nothing at this address.
    .next = Look the address up in the description of the API.
api-other-site = This came from another site.
    .next = Requests of a browser are accepted from this site's own pages only. Nothing has changed.
api-csrf-token = This came with cookies, but without the token that goes with them.
    .next = Ask for the token and send it along, or send no cookies. Nothing has changed.
api-body-kind = The body is not JSON.
    .next = Send application/json. Nothing has changed.
api-body-slow = The body took too long to arrive.
    .next = Check the connection and send it again. Nothing has changed.
api-body-long = The body is too long.
    .next = Send less. Nothing has changed.
api-body-broken = The body is not whole, or holds what no text may hold.
    .next = Send JSON in UTF-8, without NUL. Nothing has changed.
api-body-members = A member is missing, is there twice, or is not of the right kind.
    .next = Compare it with the description of the API. Nothing has changed.
api-fault = Try again in a minute. If it happens again, tell those who run this site the number { $number }.

## The page that describes the API

reference = The API
reference-text = Bodies and answers are JSON. Moments are whole seconds since 1970, in UTC. What went wrong is told as application/problem+json; programs go by its code. Whatever is not listed may be there one day and means nothing to those who do not know it.
reference-description = The same as an OpenAPI document
reference-takes = Takes
reference-gives = Gives
reference-nothing = Gives nothing.
reference-always = always
reference-parts = Parts of documents
reference-codes = What can go wrong
reference-replaces = A session that is sent along, as a bearer token or in a cookie, ends when the new one is opened: the new session replaces it. Until then it goes on.
reference-gate-nobody = Anybody may ask.
reference-gate-login = Asks for a login under way.
reference-gate-token = Asks for a session or a personal token.
reference-gate-session = Asks for a session.
reference-gate-fresh = Asks for a session in which a second factor was proved recently or, where there is none, the password.
