use countersign_core::{ClientChange, ClientKind};

use super::{Rows, Stop, fresh};

impl Rows {
    pub(super) fn change_clients(&mut self, change: ClientChange) -> Result<(), Stop> {
        match change {
            ClientChange::Require(client) => self.clients.get(&client).map(drop).ok_or(Stop::Conflict),
            ClientChange::Remove(client) => {
                self.tokens.retain(|_, token| token.client.as_ref() != Some(&client));
                self.clients.remove(&client).map(drop).ok_or(Stop::Conflict)
            }
            ClientChange::Add(client) => fresh(self.clients.insert(client.id.clone(), client)),
            ClientChange::RotateSecret { client, secret } => {
                match self.clients.get_mut(&client).map(|client| &mut client.kind) {
                    Some(ClientKind::Confidential { secret: kept }) => *kept = secret,
                    Some(ClientKind::Public) | None => return Err(Stop::Conflict),
                }
                Ok(())
            }
        }
    }
}
