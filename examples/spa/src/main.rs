//! Serves the page on <http://localhost:3000/>, for a user `ada` whose password is `correct horse battery`. Text
//! messages are printed to the terminal, and all data is lost when the program ends.

use std::{net::SocketAddr, sync::Arc};

use countersign::engine::{Engine, Keyring, OsRandom, Parts, core::Kind, memory::MemoryStore};
use spa::{Ada, Terminal, app};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ada = Ada::with("correct horse battery")?;
    let keyring = Keyring::parse(&Keyring::new_line(1, &OsRandom))?;
    let mut parts = Parts::new(Arc::new(MemoryStore::default()), Arc::new(ada), keyring);
    parts.config.issuer = "The vault".into();
    parts.gateways.insert(Kind::SMS, Arc::new(Terminal));
    let app = app(Engine::new(parts)?, 3000)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
