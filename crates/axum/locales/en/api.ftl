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
