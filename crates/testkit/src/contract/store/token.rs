//! Tokens: issued once, touched forwards, revoked by id, by user, by device and except for a family.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        Change, ClientId, DeviceId, DeviceName, FamilyId, Kind, Level, Scopes, Sealed, Timestamp, Token, TokenChange,
        TokenId, TokenKey, TokenKind, UserId, Written,
    },
};

use super::{ada, at, commit, done};

/// A personal token whose hash is its name's, made at the tenth second, that ends at the thousandth.
pub(super) fn token(id: &str, user: &UserId) -> Token {
    Token {
        id: TokenId::new(id),
        key: TokenKey::new(format!("hash of {id}")),
        user: user.clone(),
        kind: TokenKind::Personal,
        name: DeviceName::parse("Script").expect("a name"),
        scopes: Scopes::parse("read write").expect("words"),
        level: Level::Aal2,
        stamp: "stamp".into(),
        device: Some(DeviceId::new("phone")),
        method: Some(Kind::TOTP),
        signed_in: at(8),
        verified: Some(at(9)),
        created: at(10),
        expires: at(1_000),
        last_used: None,
        client: None,
        family: None,
    }
}

async fn tokens(store: &Arc<dyn Store>, user: &UserId) -> Vec<String> {
    let tokens = store.tokens(user).await.expect("a read");
    tokens.iter().map(|token| token.id.to_string()).collect()
}

async fn read(store: &Arc<dyn Store>, token: &Token) -> Option<Token> {
    store.token(&token.key).await.expect("a read")
}

fn open(token: &Token) -> Change<Sealed> {
    Change::Token(TokenChange::Issue(token.clone()))
}

pub(super) async fn every_column_of_a_token_comes_back(store: Arc<dyn Store>) {
    let [least, most] = [i64::MIN, i64::MAX].map(Timestamp::from_millis);
    let text = "Zoë's «телефон» 📱'; DROP TABLE token; --";
    let all = [
        token("plain", &ada()),
        Token { kind: TokenKind::Access, client: Some(ClientId::new(text)), ..token("access", &ada()) },
        Token { kind: TokenKind::Refresh, family: Some(FamilyId::new(text)), ..token("refresh", &ada()) },
        Token { level: Level::Aal1, device: None, method: None, verified: None, ..token("aal1", &ada()) },
        Token { level: Level::PhishingResistant, last_used: Some(at(11)), ..token("used", &ada()) },
        Token { scopes: Scopes::default(), stamp: String::new(), ..token("nothing", &ada()) },
        Token { name: DeviceName::parse(text).expect("a name"), stamp: text.into(), ..token(text, &ada()) },
        Token { device: Some(DeviceId::new(text)), method: Some(Kind::new(text)), ..token("texts", &ada()) },
        Token { signed_in: least, verified: Some(least), created: least, expires: least, ..token("least", &ada()) },
        Token { signed_in: most, verified: Some(most), created: most, expires: most, ..token("most", &ada()) },
    ];
    for token in &all {
        done(&store, vec![open(token)]).await;
    }
    for token in all {
        assert_eq!(read(&store, &token).await, Some(token));
    }
    assert_eq!(store.token(&TokenKey::new("plain")).await.expect("a read"), None, "a name is no hash");
}

pub(super) async fn tokens_come_by_their_birth_the_last_one_first(store: Arc<dyn Store>) {
    for (id, created) in [("b", 20), ("old", 10), ("c", 20), ("new", 30), ("a", 20)] {
        done(&store, vec![open(&Token { created: at(created), ..token(id, &ada()) })]).await;
    }
    done(&store, vec![open(&token("his", &UserId::new("bob")))]).await;
    assert_eq!(tokens(&store, &ada()).await, ["new", "c", "b", "a", "old"]);
}

pub(super) async fn a_token_is_made_once(store: Arc<dyn Store>) {
    let first = token("first", &ada());
    done(&store, vec![open(&first)]).await;
    let same_name = Token { key: TokenKey::new("other"), ..first.clone() };
    let same_hash = Token { id: TokenId::new("other"), ..first.clone() };
    for (what, taken) in [("all of it", &first), ("its name", &same_name), ("its hash", &same_hash)] {
        assert_eq!(commit(&store, vec![open(taken)]).await, Written::Conflict, "{what} is taken");
    }
    assert_eq!(tokens(&store, &ada()).await, ["first"]);
}

pub(super) async fn a_token_is_touched_forwards_only(store: Arc<dyn Store>) {
    let made = token("token", &ada());
    let touch = |seconds| Change::Token(TokenChange::Touch { token: made.id.clone(), at: at(seconds) });
    done(&store, vec![touch(1)]).await;
    done(&store, vec![open(&made)]).await;
    for (touched, expected) in [(20, 20), (19, 20), (20, 20), (21, 21)] {
        done(&store, vec![touch(touched)]).await;
        assert_eq!(read(&store, &made).await.and_then(|token| token.last_used), Some(at(expected)));
    }
}

pub(super) async fn tokens_are_ended_but_for_those_of_a_grant(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    let of = |new_session: &str, id: &str| Token { family: Some(FamilyId::new(new_session)), ..token(id, &ada()) };
    let all =
        [of("grant", "access"), of("grant", "refresh"), of("other", "app"), token("own", &ada()), token("his", &bob)];
    for made in all {
        done(&store, vec![open(&made)]).await;
    }
    done(&store, vec![Change::Token(TokenChange::RevokeAllExcept { user: ada(), family: FamilyId::new("grant") })])
        .await;
    assert_eq!(tokens(&store, &ada()).await, ["refresh", "access"]);
    assert_eq!(tokens(&store, &bob).await, ["his"]);
    done(&store, vec![Change::Token(TokenChange::RevokeAllExcept { user: ada(), family: FamilyId::new("nothing") })])
        .await;
    assert_eq!(tokens(&store, &ada()).await, [""; 0]);
}

pub(super) async fn tokens_are_ended_by_name_by_device_and_by_user(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    let tablet = |id: &str| Token { device: Some(DeviceId::new("tablet")), ..token(id, &ada()) };
    let none = Token { device: None, ..token("none", &ada()) };
    for made in [token("one", &ada()), token("two", &ada()), tablet("three"), none, token("his", &bob)] {
        done(&store, vec![open(&made)]).await;
    }
    done(
        &store,
        vec![
            Change::Token(TokenChange::Revoke(TokenId::new("one"))),
            Change::Token(TokenChange::Revoke(TokenId::new("nothing"))),
        ],
    )
    .await;
    assert_eq!(tokens(&store, &ada()).await, ["two", "three", "none"]);
    done(
        &store,
        vec![Change::Token(TokenChange::RevokeVerifiedBy {
            user: ada(),
            device: DeviceId::new("phone"),
            except: None,
        })],
    )
    .await;
    assert_eq!(tokens(&store, &ada()).await, ["three", "none"]);
    let of_grant = Token { family: Some(FamilyId::new("grant")), ..tablet("granted") };
    done(&store, vec![open(&of_grant)]).await;
    let but = Some(FamilyId::new("grant"));
    done(
        &store,
        vec![Change::Token(TokenChange::RevokeVerifiedBy {
            user: ada(),
            device: DeviceId::new("tablet"),
            except: but,
        })],
    )
    .await;
    assert_eq!(tokens(&store, &ada()).await, ["none", "granted"]);
    done(&store, vec![Change::Token(TokenChange::RevokeAll { user: ada() })]).await;
    assert_eq!(tokens(&store, &ada()).await, [""; 0]);
    assert_eq!(tokens(&store, &bob).await, ["his"]);
    // Revocations come before new rows, in whatever order they are listed.
    done(&store, vec![open(&token("new", &ada())), Change::Token(TokenChange::RevokeAll { user: ada() })]).await;
    assert_eq!(tokens(&store, &ada()).await, ["new"]);
}

pub(super) async fn what_requires_a_token_conflicts_once_it_has_ended(store: Arc<dyn Store>) {
    let require = || Change::Token(TokenChange::Require(TokenId::new("one")));
    assert_eq!(commit(&store, vec![require()]).await, Written::Conflict);
    done(&store, vec![open(&token("one", &ada()))]).await;
    done(&store, vec![require(), open(&token("two", &ada()))]).await;
    // A batch may end what it requires, and another finds it ended then.
    done(&store, vec![require(), Change::Token(TokenChange::Revoke(TokenId::new("one")))]).await;
    assert_eq!(commit(&store, vec![require(), open(&token("three", &ada()))]).await, Written::Conflict);
    assert_eq!(tokens(&store, &ada()).await, ["two"]);
}

pub(super) async fn a_limit_counts_the_running_personal_tokens_of_one_stamp(store: Arc<dyn Store>) {
    let limit =
        |most| Change::Token(TokenChange::LimitPersonal { user: ada(), stamp: "stamp".into(), at: at(500), max: most });
    let others = [
        token("his", &UserId::new("bob")),
        Token { kind: TokenKind::Access, ..token("access", &ada()) },
        Token { kind: TokenKind::Refresh, ..token("refresh", &ada()) },
        Token { stamp: "another".into(), ..token("from before the password", &ada()) },
        Token { expires: at(500), ..token("over", &ada()) },
        Token { created: at(561), ..token("made ahead", &ada()) },
        Token { signed_in: at(561), ..token("of a sign-in ahead", &ada()) },
        Token { verified: Some(at(561)), ..token("verified ahead", &ada()) },
    ];
    for other in &others {
        done(&store, vec![open(other), limit(0)]).await;
    }
    let [one, two] = ["one", "two"].map(|id| Token { expires: at(501), ..token(id, &ada()) });
    assert_eq!(commit(&store, vec![limit(0), open(&one)]).await, Written::Conflict);
    done(&store, vec![limit(1), open(&one)]).await;
    assert_eq!(commit(&store, vec![open(&two), limit(1)]).await, Written::Conflict, "it counts what the batch makes");
    assert_eq!(read(&store, &two).await, None);
    done(&store, vec![open(&two), limit(1), Change::Token(TokenChange::Revoke(one.id.clone()))]).await;
}
