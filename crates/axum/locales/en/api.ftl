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

reference = JSON API
reference-contents = Contents
reference-text = Request and response bodies are JSON. Times are in whole seconds since 1970 (UTC). Errors are problem documents (application/problem+json); clients should go by “code”. Fields may be added later: ignore those that you do not know.
reference-description = OpenAPI document
reference-takes = Request body
reference-gives = Response
reference-nothing = The response has no body.
reference-always = always present
reference-required = required
reference-parts = Schemas
reference-codes = Error codes
reference-replaces = If the request brings a session (bearer token or cookie), the new session replaces it as soon as it is created, and not before.
reference-gate-nobody = Requires no authentication.
reference-gate-login = Requires a pending login.
reference-gate-token = Requires a session or a personal token.
reference-gate-session = Requires a session.
reference-gate-fresh = Requires a session in which a second factor was verified recently, or the password if the user has no second factor.
