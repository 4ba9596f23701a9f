//! Several users who sign in repeatedly while something else happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    house::{PASSWORD, Server},
    person::Person,
};

/// The pause of each user between two sign-ins.
const PACE: Duration = Duration::from_millis(1500);
/// This many codes are kept until the wait ends, so that users sign in until then.
const KEPT: usize = 2;

/// Users who sign in with a backup code each time, until they have none.
pub(crate) struct People {
    threads: Vec<thread::JoinHandle<()>>,
    signed_in: Arc<AtomicUsize>,
    hurry: Arc<AtomicBool>,
}

impl People {
    pub(crate) async fn at(server: &Server, names: &[&str]) -> Self {
        let (signed_in, hurry) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let mut threads = vec![];
        for name in names {
            let mut person = Person::at(server, name);
            person.sets_up().await;
            let codes = person.makes_backup_codes().await;
            assert_eq!(codes.len(), 10);
            let (address, name) = (server.address, (*name).to_owned());
            let (signed_in, hurry) = (Arc::clone(&signed_in), Arc::clone(&hurry));
            threads.push(thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for (place, code) in codes.iter().enumerate() {
                    if place > 0 && !hurry.load(Ordering::SeqCst) {
                        thread::sleep(PACE);
                    }
                    while place + KEPT >= codes.len() && !hurry.load(Ordering::SeqCst) {
                        thread::sleep(Duration::from_millis(5));
                    }
                    let mut person = Person::reaching(address, &name);
                    let page = runtime.block_on(person.signs_in(PASSWORD));
                    let page = runtime.block_on(person.answers_with_backup_code(&page, code));
                    assert!(page.says("You are signed in"), "{name} is not let in: {page:?}");
                    assert!(runtime.block_on(person.is_verified()), "{name}");
                    signed_in.fetch_add(1, Ordering::SeqCst);
                }
            }));
        }
        Self { threads, signed_in, hurry }
    }

    /// The number of sign-ins so far.
    pub(crate) fn signed_in(&self) -> usize {
        self.signed_in.load(Ordering::SeqCst)
    }

    /// Waits until all users have used all their codes; every sign-in must have succeeded.
    pub(crate) fn finish(self) -> usize {
        self.hurry.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.signed_in.load(Ordering::SeqCst)
    }
}
