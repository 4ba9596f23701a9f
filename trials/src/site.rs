//! The pages of a test world and one of its host's, without a socket and without the server.

use std::{convert::Infallible, future::Future, pin::Pin, task};

use axum::routing::get;
use countersign_axum::{Countersign, Origins, Settings, Verified};
use countersign_testkit::{Browser, World};
use http::{Request, Response};
use tower::Service;

/// The pages, as a service over requests with text bodies.
#[derive(Clone, Debug)]
pub struct Site(axum::Router);

impl Service<Request<String>> for Site {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        <axum::Router as Service<Request<axum::body::Body>>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(self.0.call(request.map(axum::body::Body::from)))
    }
}

impl Site {
    /// A page of the host that requires a second factor.
    pub const GUARDED: &str = "/guarded";

    /// The pages of this world.
    pub fn of(world: &World) -> Self {
        let settings = Settings::new(Origins::Loopback { port: 8000 });
        let countersign = Countersign::new(world.engine.clone(), settings).unwrap();
        let guarded = axum::Router::new().route(Self::GUARDED, get(async |_: Verified| "a page of the host's"));
        Self(countersign.routes().merge(countersign.protect(guarded)))
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<Self> {
        Browser::at(self.clone(), "localhost:8000")
    }
}
