//! Clients: registered once, known by one secret at a time, removed together with their tokens.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        Change, Client, ClientChange, ClientId, ClientKind, ClientName, ClientSecretHash, Scopes, Sealed, Timestamp,
        Token, TokenChange, UserId, Written,
    },
};

use super::{ada, at, commit, done, token::token};

/// A confidential client, registered at the tenth second.
pub(super) fn client(id: &str) -> Client {
    Client {
        id: ClientId::new(id),
        name: ClientName::parse("Wiki").expect("a name"),
        kind: ClientKind::Confidential { secret: ClientSecretHash::new([1; 32]) },
        scopes: Scopes::parse("read write").expect("words"),
        created: at(10),
    }
}

pub(super) fn public(id: &str) -> Client {
    Client { kind: ClientKind::Public, ..client(id) }
}

/// Another secret for a client, whose hash is made of this byte.
pub(super) fn rotate(id: &str, byte: u8) -> Change<Sealed> {
    Change::Client(ClientChange::RotateSecret { client: ClientId::new(id), secret: ClientSecretHash::new([byte; 32]) })
}

fn remove(id: &str) -> Change<Sealed> {
    Change::Client(ClientChange::Remove(ClientId::new(id)))
}

/// A token that this client was given.
pub(super) fn given(id: &str, user: &UserId, client: &str) -> Token {
    Token { client: Some(ClientId::new(client)), ..token(id, user) }
}

/// Everything of a client, as text that can be compared.
fn columns(client: &Client) -> String {
    format!("{client:?} {:?}", client.kind.secret().map(ClientSecretHash::text))
}

/// Everything of every client.
pub(super) async fn all(store: &Arc<dyn Store>) -> Vec<String> {
    store.clients().await.expect("the store can read").iter().map(columns).collect()
}

async fn read(store: &Arc<dyn Store>, id: &str) -> Option<String> {
    store.client(&ClientId::new(id)).await.expect("a read").as_ref().map(columns)
}

async fn ids(store: &Arc<dyn Store>) -> Vec<String> {
    store.clients().await.expect("a read").iter().map(|client| client.id.to_string()).collect()
}

pub(super) async fn every_column_of_a_client_comes_back(store: Arc<dyn Store>) {
    assert!(all(&store).await.is_empty());
    let text = "Zoë's «телефон» 📱'; DROP TABLE client; --";
    let longest = "📱".repeat(ClientName::MAX_LENGTH);
    let named = |name: &str| Client { name: ClientName::parse(name).expect("a name"), ..client(name) };
    let secret = |byte| ClientKind::Confidential { secret: ClientSecretHash::new([byte; 32]) };
    let clients = [
        client("plain"),
        public("public"),
        Client { scopes: Scopes::default(), ..client("nothing") },
        Client { kind: secret(0), created: Timestamp::from_millis(i64::MIN), ..client("least") },
        Client { kind: secret(u8::MAX), created: Timestamp::from_millis(i64::MAX), ..client("most") },
        named(text),
        named(&longest),
    ];
    for client in clients {
        done(&store, vec![Change::Client(ClientChange::Add(client.clone()))]).await;
        assert_eq!(read(&store, client.id.as_str()).await, Some(columns(&client)));
        assert!(all(&store).await.contains(&columns(&client)));
    }
    assert_eq!(read(&store, "Wiki").await, None, "a name is no id");
}

pub(super) async fn a_client_is_added_once(store: Arc<dyn Store>) {
    done(
        &store,
        vec![
            Change::Client(ClientChange::Add(client("one"))),
            Change::Client(ClientChange::Add(public("another of that name"))),
        ],
    )
    .await;
    assert_eq!(commit(&store, vec![Change::Client(ClientChange::Add(public("one")))]).await, Written::Conflict);
    assert_eq!(read(&store, "one").await, Some(columns(&client("one"))));
}

pub(super) async fn a_client_gets_another_secret_if_it_has_one(store: Arc<dyn Store>) {
    let other = client("other");
    done(
        &store,
        vec![Change::Client(ClientChange::Add(client("one"))), Change::Client(ClientChange::Add(other.clone()))],
    )
    .await;
    done(&store, vec![Change::Client(ClientChange::Add(public("public")))]).await;
    done(&store, vec![rotate("one", 7)]).await;
    let kind = ClientKind::Confidential { secret: ClientSecretHash::new([7; 32]) };
    assert_eq!(read(&store, "one").await, Some(columns(&Client { kind, ..client("one") })));
    assert_eq!(read(&store, "other").await, Some(columns(&other)));
    for id in ["public", "none"] {
        assert_eq!(commit(&store, vec![rotate(id, 7)]).await, Written::Conflict, "{id}");
    }
    assert_eq!(read(&store, "public").await, Some(columns(&public("public"))));
}

pub(super) async fn a_client_is_removed_together_with_its_tokens(store: Arc<dyn Store>) {
    let (ada, bob) = (ada(), UserId::new("bob"));
    done(
        &store,
        vec![Change::Client(ClientChange::Add(client("one"))), Change::Client(ClientChange::Add(public("other")))],
    )
    .await;
    let (ones, others) = (["1", "2"].map(|id| given(id, &ada, "one")), given("3", &ada, "other"));
    let tokens = ones.into_iter().chain([others, token("4", &ada), given("5", &bob, "one")]);
    let expect = |id: &str| Change::Client(ClientChange::Require(ClientId::new(id)));
    for token in tokens {
        done(&store, vec![expect("one"), Change::Token(TokenChange::Issue(token))]).await;
    }
    done(&store, vec![remove("one")]).await;
    assert_eq!(ids(&store).await, ["other"]);
    let left = async |user: &UserId| {
        let tokens = store.tokens(user).await.expect("a read");
        tokens.iter().map(|token| token.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(left(&ada).await, ["4", "3"]);
    assert_eq!(left(&bob).await, [""; 0]);
    for change in [remove("one"), expect("one"), rotate("one", 7)] {
        assert_eq!(commit(&store, vec![change]).await, Written::Conflict);
    }
    done(&store, vec![expect("other")]).await;
    // Removals come before additions, in whatever order they are said.
    done(&store, vec![Change::Client(ClientChange::Add(client("other"))), remove("other")]).await;
    assert_eq!(read(&store, "other").await, Some(columns(&client("other"))));
    assert_eq!(left(&ada).await, ["4"]);
}

pub(super) async fn clients_come_by_their_names_and_then_by_their_ids(store: Arc<dyn Store>) {
    // In the order of their bytes, whatever a language thinks of it.
    for (id, name) in [("2", "b"), ("5", "é"), ("b", "Z"), ("1", "b"), ("a", "z"), ("c", "B")] {
        let name = ClientName::parse(name).expect("a name");
        done(&store, vec![Change::Client(ClientChange::Add(Client { name, ..client(id) }))]).await;
    }
    assert_eq!(ids(&store).await, ["c", "b", "1", "2", "a", "5"]);
}
