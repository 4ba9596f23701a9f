//! Serves the example on <http://localhost:3000/>, with a user `ada` whose password is `correct horse battery`.

use std::{net::SocketAddr, path::Path};

use hello::{People, app};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = Path::new("hello-data");
    std::fs::create_dir_all(folder)?;
    let people = People::open(&folder.join("people.db"))?;
    people.add_once("ada", "correct horse battery")?;
    let (app, engine) = app(people, folder, 3000)?;
    tokio::spawn(engine.housekeeping(env!("CARGO_PKG_VERSION")));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
