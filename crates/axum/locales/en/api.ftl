# Texts of problem documents for requests that a page never sends. There is one for each code; people read them in logs of clients.

api-not-found = Not found.
    .next = Check the path against the API description.
api-method-not-allowed = Method not allowed.
    .next = Check the method against the API description.
api-other-site = Cross-site request rejected.
    .next = Browsers may send requests only from pages of this site. Nothing has changed.
api-csrf-token = The request has cookies, but no valid CSRF token.
    .next = Request a CSRF token and send it with the cookies, or send no cookies. Nothing has changed.
api-body-kind = The body is not JSON.
    .next = Send the body as application/json. Nothing has changed.
api-body-slow = The body took too long to arrive.
    .next = Check the connection and try again. Nothing has changed.
api-body-long = The body is too long.
    .next = Send a shorter body. Nothing has changed.
api-body-broken = The body is not valid JSON.
    .next = Send complete JSON in UTF-8 without NUL characters. Nothing has changed.
api-body-members = A member of the body is missing, repeated or of the wrong type.
    .next = Check the body against the API description. Nothing has changed.
api-fault = Try again in a minute. If it happens again, give this number to the administrator: { $number }.

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
