//! Whatever is sent, in whatever order: a token is delivered again only while all conditions hold, and a witness beside the
//! engine keeps books of them.

use countersign_engine::{
    AttemptToken, Error, NewSession,
    core::{DeviceId, Refusal},
};
use countersign_testkit::{Person, World, rounds};
use proptest::prelude::*;

use super::{here, rows};

#[derive(Clone, Copy, Debug)]
enum Input {
    /// A login is begun.
    Password,
    /// An answer to one of the logins: the code of this moment, the one that completed it, or a wrong one.
    Answer {
        login: usize,
        with: With,
    },
    /// The session of a login is used.
    Use {
        login: usize,
    },
    SignOut {
        login: usize,
    },
    /// A login is given up.
    Cancel {
        login: usize,
    },
    StaffEndSessions,
    Purge,
    Wait {
        seconds: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum With {
    CodeOfNow,
    Same,
    Wrong,
}

fn input() -> impl Strategy<Value = Input> {
    let one = 0..3_usize;
    let with = prop_oneof![2 => Just(With::CodeOfNow), 5 => Just(With::Same), 1 => Just(With::Wrong)];
    prop_oneof![
        3 => Just(Input::Password),
        10 => (one.clone(), with).prop_map(|(login, with)| Input::Answer { login, with }),
        2 => one.clone().prop_map(|login| Input::Use { login }),
        1 => one.clone().prop_map(|login| Input::SignOut { login }),
        1 => one.prop_map(|login| Input::Cancel { login }),
        1 => Just(Input::StaffEndSessions),
        1 => Just(Input::Purge),
        5 => prop_oneof![Just(0), Just(1), Just(29), Just(30), Just(59), Just(60)]
            .prop_map(|seconds| Input::Wait { seconds }),
    ]
}

/// A login, as the witness knows it.
struct Login {
    attempt: AttemptToken,
    device: DeviceId,
    cancelled: bool,
    done: Option<Done>,
}

/// What has completed it.
struct Done {
    answer: String,
    at: u64,
    new_session: NewSession,
    closed: bool,
    ended: bool,
}

struct Play {
    world: World,
    ada: Person,
    passed: u64,
    logins: Vec<Login>,
}

impl Play {
    async fn take(&mut self, input: Input) {
        match input {
            Input::Password => {
                let challenge = self.ada.is_asked().await;
                let (attempt, device) = (challenge.token, challenge.view.device.id);
                self.logins.push(Login { attempt, device, cancelled: false, done: None });
            }
            Input::Answer { login, with } => self.answers(login, with).await,
            Input::Use { login } => {
                let Some(done) = self.login(login).and_then(|login| login.done.as_mut()) else { return };
                let (token, ended) = (done.new_session.token().clone(), done.ended);
                done.closed = true;
                assert!(self.ada.session(&token).await.is_none() || !ended);
            }
            Input::SignOut { login } => {
                let Some(done) = self.login(login).and_then(|login| login.done.as_mut()) else { return };
                done.ended = true;
                let signed_in = done.new_session.signed_in().clone();
                self.world.engine.sign_out(Some(&signed_in), None, &here()).await.unwrap();
            }
            Input::Cancel { login } => {
                let Some(login) = self.login(login) else { return };
                let attempt = login.attempt.clone();
                match login.done.as_mut() {
                    None => login.cancelled = true,
                    Some(done) => done.ended |= !done.closed,
                }
                self.world.engine.sign_out(None, Some(&attempt), &here()).await.unwrap();
            }
            Input::StaffEndSessions => {
                self.logins.iter_mut().filter_map(|login| login.done.as_mut()).for_each(|done| done.ended = true);
                self.world.engine.end_sessions(&self.ada.user.id).await.unwrap();
            }
            Input::Purge => {
                let now = self.passed;
                let done = self.logins.iter_mut().filter_map(|login| login.done.as_mut());
                done.filter(|done| now - done.at >= 60).for_each(|done| done.closed = true);
                self.world.engine.purge().await.unwrap();
            }
            Input::Wait { seconds } => {
                self.passed += seconds;
                self.world.pass(seconds);
            }
        }
    }

    async fn answers(&mut self, number: usize, with: With) {
        let (now, code, wrong) = (self.passed, self.ada.code(), self.ada.wrong_code());
        let before = rows(&self.world, &self.ada).await;
        let Some(login) = self.login(number) else { return };
        let same = login.done.as_ref().map(|done| done.answer.clone());
        let answer = match with {
            With::CodeOfNow => code,
            With::Same => same.unwrap_or(code),
            With::Wrong => wrong,
        };
        let (attempt, device) = (login.attempt.clone(), login.device.clone());
        let outcome = self.ada.answers(&attempt, &device, &answer).await;
        let after = rows(&self.world, &self.ada).await;
        let Some(login) = self.login(number) else { return };
        let cancelled = login.cancelled;
        let Some(done) = &mut login.done else {
            if let Ok(new_session) = outcome {
                assert!(!cancelled, "a login that was given up was completed");
                login.done = Some(Done { answer, at: now, new_session, closed: false, ended: false });
            }
            return;
        };
        let is_open = now - done.at < 60 && !done.closed && !done.ended;
        match outcome {
            Ok(new_session) => {
                assert!(is_open && answer == done.answer, "a result was delivered again against the rules");
                assert_eq!(new_session.token().expose(), done.new_session.token().expose(), "there is one session");
                assert_eq!(after, before, "a repeated call writes nothing");
            }
            Err(Error::Refused(refusal)) => {
                assert_eq!(refusal, Refusal::AttemptExpired);
                assert!(!is_open || answer != done.answer, "a form that was sent twice ended in starting again");
                let (events, sessions, failures) = before;
                let counted = if is_open { (events + 1, sessions, failures + 1) } else { before };
                assert_eq!(after, counted, "a different answer counts once: {is_open}");
                done.closed |= is_open;
            }
            Err(Error::Faulted(fault)) => panic!("{fault}"),
        }
    }

    fn login(&mut self, number: usize) -> Option<&mut Login> {
        let last = self.logins.len().checked_sub(1)?;
        self.logins.get_mut(last.saturating_sub(number))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: rounds(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t162_a_result_is_delivered_again_only_while_every_condition_holds(
        script in prop::collection::vec(input(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::built(std::sync::Arc::new(countersign_engine::memory::MemoryStore::default()), |parts| {
                // Delays would keep failures from being counted, and passwords from being looked at.
                parts.config.throttle = countersign_engine::core::throttle::ThrottleRule::OFF;
                parts.config.password_attempts.per_account = 1000;
            });
            let ada = world.user("ada");
            ada.sets_up().await;
            let mut play = Play { world, ada, passed: 0, logins: vec![] };
            for input in script {
                play.take(input).await;
            }
        });
    }
}
