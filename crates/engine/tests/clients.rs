//! Registered clients: whom an entrance takes them for, and what ends with them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    ClientSecret, Rotation,
    core::{
        Change, Client, ClientChange, ClientId, ClientName, ClientType, Scopes, Secret, Token, TokenChange, TokenId,
        TokenKey, TokenKind,
    },
    flow::RequestContext,
    memory::MemoryStore,
};
use countersign_testkit::{Failing, Fails, Gate, World, all_at_once, contract::store::batch};

async fn adds(world: &World, client_type: ClientType) -> (Client, Option<ClientSecret>) {
    let (name, scopes) = (ClientName::parse("Wiki").unwrap(), Scopes::parse("read").unwrap());
    world.engine.add_client(name, client_type, scopes).await.unwrap()
}

async fn wiki(world: &World) -> (Client, ClientSecret) {
    let (client, secret) = adds(world, ClientType::Confidential).await;
    (client, secret.unwrap())
}

/// Whether a caller that presents this is authenticated as the client.
async fn is_taken(world: &World, id: &ClientId, shown: Option<&str>) -> bool {
    let client = world.engine.client(id, shown.map(Secret::from).as_ref()).await.unwrap();
    client.inspect(|client| assert_eq!(client.id, *id)).is_some()
}

/// Gives the client a token of somebody's.
async fn is_given(world: &World, client: &Client, id: &str) {
    let signed_in = world.user(id).sets_up().await;
    let (user, session) = (signed_in.user(), signed_in.session());
    let token = Token {
        id: TokenId::new(id),
        key: TokenKey::new(id),
        user: user.id.clone(),
        kind: TokenKind::Access,
        name: client.name.clone(),
        scopes: client.scopes.clone(),
        level: session.level,
        stamp: user.stamp.clone(),
        device: session.device.clone(),
        method: session.method.clone(),
        signed_in: session.signed_in,
        verified: session.verified,
        created: world.now(),
        expires: world.now().after(std::time::Duration::from_hours(1)),
        last_used: None,
        client: Some(client.id.clone()),
        family: None,
    };
    let changes =
        vec![Change::Client(ClientChange::Require(client.id.clone())), Change::Token(TokenChange::Issue(token))];
    world.store.commit(batch(changes)).await.unwrap();
}

#[tokio::test]
async fn a_confidential_client_is_known_by_its_secret_alone() {
    let world = World::new();
    let (client, secret) = wiki(&world).await;
    let (other, others) = wiki(&world).await;
    assert!(secret.expose().starts_with("csc_") && secret.expose().len() == 47);
    assert_eq!((client.name.as_str(), client.scopes.text().as_str(), client.created), ("Wiki", "read", world.now()));
    let (right, cut) = (secret.expose(), &secret.expose()[..46]);
    assert!(
        is_taken(&world, &client.id, Some(right)).await && is_taken(&world, &other.id, Some(others.expose())).await
    );
    for shown in
        [None, Some(""), Some(cut), Some(others.expose()), Some(&right.to_uppercase()), Some(&client.id.to_string())]
    {
        assert!(!is_taken(&world, &client.id, shown).await, "{shown:?}");
    }
    // What the store keeps opens nothing.
    let hash = client.kind.secret().unwrap().text();
    assert!(!is_taken(&world, &client.id, Some(&hash)).await);
    for id in ["none", "", "Wiki"] {
        assert!(!is_taken(&world, &ClientId::new(id), Some(right)).await, "{id}");
        assert!(!is_taken(&world, &ClientId::new(id), None).await, "{id}");
    }
}

#[tokio::test]
async fn a_public_client_shows_nothing_and_is_refused_with_anything() {
    let world = World::new();
    let (client, secret) = adds(&world, ClientType::Public).await;
    assert!(secret.is_none());
    assert!(is_taken(&world, &client.id, None).await && is_taken(&world, &client.id, Some("")).await);
    let (_, of_another) = wiki(&world).await;
    for shown in ["x", " ", of_another.expose()] {
        assert!(!is_taken(&world, &client.id, Some(shown)).await, "{shown:?}");
    }
}

#[tokio::test]
async fn a_store_never_sees_a_clients_secret_and_nothing_prints_it() {
    let world = World::new();
    let (client, secret) = wiki(&world).await;
    let kept = world.store.client(&client.id).await.unwrap().unwrap();
    let hash = kept.kind.secret().unwrap().text();
    assert!(!secret.expose().contains(&hash) && secret.hash().text() == hash);
    let printed = format!("{kept:?} {client:?} {secret:?} {:?}", Rotation::Rotated(secret.clone()));
    let letters = secret.expose().strip_prefix(ClientSecret::PREFIX).unwrap();
    assert!(!printed.contains(letters) && !printed.contains(&hash), "{printed}");
}

#[tokio::test]
async fn another_secret_takes_the_place_of_the_one_before_and_leaves_the_tokens() {
    let world = World::new();
    let (client, first) = wiki(&world).await;
    is_given(&world, &client, "ada").await;
    let Rotation::Rotated(second) = world.engine.rotate_client_secret(&client.id).await.unwrap() else {
        panic!("it has a secret")
    };
    assert!(!is_taken(&world, &client.id, Some(first.expose())).await);
    assert!(is_taken(&world, &client.id, Some(second.expose())).await);
    assert!(world.store.token(&TokenKey::new("ada")).await.unwrap().is_some());
    let (public, _) = adds(&world, ClientType::Public).await;
    assert!(matches!(world.engine.rotate_client_secret(&public.id).await.unwrap(), Rotation::Public));
    assert!(matches!(world.engine.rotate_client_secret(&ClientId::new("none")).await.unwrap(), Rotation::Unknown));
    assert!(is_taken(&world, &public.id, None).await);
}

#[tokio::test]
async fn a_removed_client_is_unknown_and_its_tokens_are_gone() {
    let world = World::new();
    let ((client, secret), (other, _)) = (wiki(&world).await, wiki(&world).await);
    is_given(&world, &client, "ada").await;
    is_given(&world, &other, "bob").await;
    let removed = world.engine.remove_client(&client.id).await.unwrap().unwrap();
    assert_eq!(removed.id, client.id);
    assert!(!is_taken(&world, &client.id, Some(secret.expose())).await);
    assert!(world.store.token(&TokenKey::new("ada")).await.unwrap().is_none());
    assert!(world.store.token(&TokenKey::new("bob")).await.unwrap().is_some(), "another client's token stays");
    assert!(world.engine.remove_client(&client.id).await.unwrap().is_none());
    let left = world.engine.clients().await.unwrap();
    assert!(left.iter().map(|client| &client.id).eq([&other.id]));
}

/// Somebody signed in for it a moment before: they are signed in no more, since nobody holds what their session would open.
#[tokio::test]
async fn a_client_that_was_removed_meanwhile_is_given_nothing() {
    let world = World::new();
    let ada = world.user("ada");
    let (client, _) = wiki(&world).await;
    let signed_in = ada.signs_in_with_password().await;
    world.engine.remove_client(&client.id).await.unwrap();
    let given =
        world.engine.give_tokens(&client, &signed_in, Scopes::default(), &RequestContext::default()).await.unwrap();
    assert!(given.is_none());
    assert!(world.store.sessions(&ada.user.id).await.unwrap().is_empty());
    assert!(world.store.tokens(&ada.user.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_many_who_remove_a_client_one_did() {
    let store = Gate::before(Arc::new(MemoryStore::default()), 8, |change| {
        matches!(change, Change::Client(ClientChange::Remove(_)))
    });
    let world = World::on(store);
    let (client, _) = wiki(&world).await;
    let removed = all_at_once(8, |_| {
        let (engine, id) = (world.engine.clone(), client.id.clone());
        async move { engine.remove_client(&id).await.unwrap() }
    });
    assert_eq!(removed.await.into_iter().flatten().count(), 1);
}

#[tokio::test]
async fn a_store_that_fails_is_neither_a_yes_nor_a_no() {
    let failing = Failing::before(Arc::new(MemoryStore::default()));
    let world = World::on(failing.clone());
    let (client, secret) = wiki(&world).await;
    failing.hook().arm(Some((0, Fails::Before)));
    assert!(world.engine.client(&client.id, Some(&secret.expose().into())).await.is_err());
}
