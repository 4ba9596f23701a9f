//! A code is sent by the modem, and the network's result is reported to the user who waits for it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::engine::{
    core::{DeliveryStatus, DeviceName, Kind, Refusal},
    flow::{Enrolment, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{World, refusal};
use own_gateway::{ByModem, Modem, NetworkError};

#[derive(Debug, Default)]
struct Pretend {
    sent: Mutex<Vec<(String, String)>>,
    says: Mutex<Option<NetworkError>>,
}

#[async_trait]
impl Modem for Pretend {
    async fn send(&self, number: &str, text: &str) -> Result<u64, NetworkError> {
        if let Some(error) = *self.says.lock().unwrap() {
            return Err(error);
        }
        self.sent.lock().unwrap().push((number.into(), text.into()));
        Ok(7)
    }
}

#[tokio::test]
async fn a_telephone_is_set_up_by_the_modem() {
    let modem = Arc::new(Pretend::default());
    let world = World::built(Arc::new(MemoryStore::default()), |parts| ByModem::for_texts(parts, modem.clone()));
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let enrolment =
        || Enrolment { kind: Kind::SMS, name: DeviceName::parse("Phone").unwrap(), to: Some("+31612345678".into()) };
    for (error, refused) in [
        (NetworkError::UnknownSubscriber, Refusal::AddressUnreachable),
        (NetworkError::Congestion, Refusal::SendingFailed),
    ] {
        *modem.says.lock().unwrap() = Some(error);
        let begun = world.engine.begin_enrolment(&signed_in, enrolment(), &RequestContext::default()).await;
        assert_eq!(refusal(begun), refused);
        world.pass(60);
    }
    *modem.says.lock().unwrap() = None;
    let run = world.engine.begin_enrolment(&signed_in, enrolment(), &RequestContext::default()).await.unwrap();
    let (number, text) = modem.sent.lock().unwrap()[0].clone();
    assert_eq!(number, "+31612345678");
    let code = text.strip_prefix("Countersign: ").unwrap();
    world.engine.confirm_enrolment(&signed_in, &run, &code.into(), &RequestContext::default()).await.unwrap();
    let sent = world.engine.sent_to(&ada.user.id, 9).await.unwrap();
    let statuses: Vec<_> = sent.iter().map(|sent| sent.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Sent, DeliveryStatus::Failed, DeliveryStatus::Failed]);
    assert_eq!(sent[0].reference.as_deref(), Some("7"));
}
