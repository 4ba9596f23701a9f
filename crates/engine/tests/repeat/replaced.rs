//! Calls that replace their session, sent twice: the replaced token may repeat that one call and nothing else.

use countersign_engine::{
    AttemptToken, Error, NewSession, ReplacingCall, SessionToken, SignedIn,
    core::{DeviceId, EventKind, Refusal, Secret, flow::Purpose, flow::step_up::SessionFailures},
    flow::SignIn,
};
use countersign_testkit::{Person, World, refusal};

use super::{here, latest, rows, token};

/// A call that replaces its session, made once.
struct Made {
    world: World,
    ada: Person,
    /// The session in which it was made, as its request knew it.
    was: SignedIn,
    old: SessionToken,
    call: Sent,
    new_session: NewSession,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    StepUp,
    Setup,
    Password,
    Disable,
    DisableNow,
}

const KINDS: [Kind; 5] = [Kind::StepUp, Kind::Setup, Kind::Password, Kind::Disable, Kind::DisableNow];

/// What was sent.
#[derive(Clone)]
struct Sent {
    kind: Kind,
    attempt: AttemptToken,
    device: DeviceId,
    answer: Secret,
    new: Secret,
}

impl Sent {
    fn call(&self) -> ReplacingCall<'_> {
        match self.kind {
            Kind::StepUp => {
                ReplacingCall::StepUp { attempt: &self.attempt, device: &self.device, answer: &self.answer }
            }
            Kind::Setup => ReplacingCall::ConfirmEnrolment { attempt: &self.attempt, answer: &self.answer },
            Kind::Password => ReplacingCall::ChangePassword { current: &self.answer, new: &self.new },
            Kind::Disable => ReplacingCall::Disable { attempt: Some(&self.attempt) },
            Kind::DisableNow => ReplacingCall::Disable { attempt: None },
        }
    }

    async fn make(&self, world: &World, signed_in: &SignedIn) -> Result<NewSession, Error> {
        let (engine, context) = (&world.engine, here());
        match self.kind {
            Kind::StepUp => engine.step_up(signed_in, &self.attempt, &self.device, &self.answer, &context).await,
            Kind::Setup => engine.confirm_enrolment(signed_in, &self.attempt, &self.answer, &context).await,
            Kind::Password => engine.change_password(signed_in, &self.answer, &self.new, &context).await,
            Kind::Disable => engine.disable(signed_in, &self.attempt, &context).await,
            Kind::DisableNow => engine.disable_now(signed_in, &context).await,
        }
    }
}

/// Signs in with everything that is owed, and shows the token once.
async fn signs_in(world: &World, ada: &Person) -> (SessionToken, SignedIn) {
    let new_session = match ada.enters_password().await.unwrap() {
        SignIn::Complete(new_session) => new_session,
        SignIn::Pending(asked) => ada.answers(&asked.token, &asked.view.device.id, &ada.code()).await.unwrap(),
    };
    world.pass(30);
    let signed_in = ada.session(new_session.token()).await.unwrap();
    (new_session.token().clone(), signed_in)
}

/// The call, not made yet.
async fn prepared(world: &World, ada: &Person, was: &SignedIn, kind: Kind) -> Sent {
    let engine = &world.engine;
    let blank = |attempt: AttemptToken, answer: String| {
        let device = was.session().device.clone().unwrap_or_else(|| DeviceId::new("none"));
        Sent { kind, attempt, device, answer: answer.into(), new: "a new long password".into() }
    };
    match kind {
        Kind::StepUp => {
            let step = engine.begin_step_up(was, None).await.unwrap();
            Sent { device: step.view.device.id, ..blank(step.token, ada.code()) }
        }
        Kind::Setup => {
            let (attempt, app) = ada.begins_setup(was).await.unwrap();
            blank(attempt, app.code_at(world.now()))
        }
        Kind::Password => blank(AttemptToken::new("none"), ada.password.clone()),
        Kind::Disable | Kind::DisableNow => blank(engine.begin(was, Purpose::Disable).await.unwrap(), String::new()),
    }
}

async fn made(kind: Kind) -> Made {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let (old, was) = signs_in(&world, &ada).await;
    let call = prepared(&world, &ada, &was, kind).await;
    let new_session = call.make(&world, &was).await.unwrap();
    Made { world, ada, was, old, call, new_session }
}

impl Made {
    async fn repeats(&self) -> Result<NewSession, Error> {
        self.world.engine.repeat(&self.old, self.call.call(), &here()).await
    }
}

/// T166
#[tokio::test]
async fn t166_the_replaced_token_repeats_its_call_and_writes_nothing() {
    for kind in KINDS {
        let made = made(kind).await;
        let first = made.new_session.token().expose();
        let before = rows(&made.world, &made.ada).await;
        assert!(made.ada.session(&made.old).await.is_none(), "{kind:?}: it opens nothing");
        for seconds in [0, 30, 29] {
            made.world.pass(seconds);
            assert_eq!(token(made.repeats().await), first, "{kind:?}");
            assert_eq!(token(made.call.make(&made.world, &made.was).await), first, "{kind:?}, passed by the guard");
        }
        assert_eq!(rows(&made.world, &made.ada).await, before, "{kind:?}");
        made.world.pass(1);
        assert_eq!(refusal(made.repeats().await), Refusal::SignInNeeded, "{kind:?}: a minute is over");
        assert!(made.ada.session(made.new_session.token()).await.is_some(), "{kind:?}");
    }
}

/// T166: the attempt of a setup names the session in which it was begun, and the setup has followed the step-up.
#[tokio::test]
async fn t166_a_setup_that_followed_a_step_up_is_repeated_in_the_session_that_it_followed_to() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let (begun_in, was) = signs_in(&world, &ada).await;
    let setup = prepared(&world, &ada, &was, Kind::Setup).await;
    let stepped_up = prepared(&world, &ada, &was, Kind::StepUp).await.make(&world, &was).await.unwrap();
    let signed_in = ada.session(stepped_up.token()).await.unwrap();
    let first = token(setup.make(&world, &signed_in).await);
    let repeated = |old: SessionToken| {
        let (world, setup) = (&world, &setup);
        async move { world.engine.repeat(&old, setup.call(), &here()).await }
    };
    assert_eq!(token(repeated(stepped_up.token().clone()).await), first);
    assert_eq!(token(setup.make(&world, &signed_in).await), first, "passed by the guard");
    assert!(repeated(begun_in).await.is_err(), "that session was replaced by the step-up");
    let different = Sent { answer: "000001".into(), ..setup.clone() };
    let told = refusal(world.engine.repeat(stepped_up.token(), different.call(), &here()).await);
    assert_eq!(told, Refusal::SessionReplaced);
    assert_eq!(refusal(repeated(stepped_up.token().clone()).await), Refusal::SessionReplaced, "for good");
}

/// T167
#[tokio::test]
async fn t167_a_replaced_session_is_told_apart_from_one_that_was_ended() {
    for kind in KINDS {
        let made = made(kind).await;
        let (world, ada) = (&made.world, &made.ada);
        assert!(world.engine.is_replaced(&made.old).await.unwrap(), "{kind:?}");
        // The new token is used: nothing is repeated, and calls on their way are still told.
        assert!(ada.session(made.new_session.token()).await.is_some());
        assert_eq!(refusal(made.repeats().await), Refusal::SessionReplaced, "{kind:?}");
        assert!(world.engine.is_replaced(&made.old).await.unwrap(), "{kind:?}");
        let signed_in = ada.session(made.new_session.token()).await.unwrap();
        world.engine.sign_out(Some(&signed_in), None, &here()).await.unwrap();
        assert!(!world.engine.is_replaced(&made.old).await.unwrap(), "{kind:?}, signed out");
        assert_eq!(refusal(made.repeats().await), Refusal::SignInNeeded, "{kind:?}, signed out");
    }
}

/// T167: never said after a revocation or a change of password elsewhere.
#[tokio::test]
async fn t167_revocation_and_a_password_changed_elsewhere_are_no_replacement() {
    for kind in KINDS {
        let revoked = made(kind).await;
        revoked.world.engine.end_sessions(&revoked.ada.user.id).await.unwrap();
        let stamped = made(kind).await;
        stamped.world.users.change(&stamped.ada.user.id, |user| user.stamp = "another".into());
        for made in [revoked, stamped] {
            assert!(!made.world.engine.is_replaced(&made.old).await.unwrap(), "{kind:?}");
            assert_eq!(refusal(made.repeats().await), Refusal::SignInNeeded, "{kind:?}");
        }
    }
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let (other, _) = signs_in(&world, &ada).await;
    let (_, was) = signs_in(&world, &ada).await;
    prepared(&world, &ada, &was, Kind::Password).await.make(&world, &was).await.unwrap();
    assert!(!world.engine.is_replaced(&other).await.unwrap(), "the password was changed elsewhere");
}

/// T164: a different answer counts: at a step-up and a setup against the new session, at a password against its budget.
#[tokio::test]
async fn t164_a_different_answer_ends_it_and_counts_as_a_failure() {
    for kind in [Kind::StepUp, Kind::Setup, Kind::Password] {
        let made = made(kind).await;
        let (events, sessions, failures) = rows(&made.world, &made.ada).await;
        let different = Sent { answer: "000001".into(), ..made.call.clone() };
        let told = refusal(made.world.engine.repeat(&made.old, different.call(), &here()).await);
        assert_eq!(told, Refusal::SessionReplaced, "{kind:?}");
        assert_eq!(refusal(made.repeats().await), Refusal::SessionReplaced, "{kind:?}: for good");
        let budget = match kind {
            Kind::Password => {
                let charged = refused_passwords(&made).await;
                assert_eq!(charged, 1, "{kind:?}");
                continue;
            }
            _ => SessionFailures::budget(made.new_session.signed_in().session()),
        };
        assert_eq!(made.world.store.budget(&budget).await.unwrap().unwrap().spent, 1, "{kind:?}");
        assert_eq!(rows(&made.world, &made.ada).await, (events + 1, sessions, failures), "{kind:?}");
        assert_eq!(latest(&made.world, &made.ada).await, EventKind::AnswerRefused);
    }
}

/// How many wrong passwords of the user's are charged by now.
async fn refused_passwords(made: &Made) -> u32 {
    let rule = made.world.engine.config().password_attempts;
    let mut left = 0;
    while made
        .world
        .engine
        .sign_in("ada", &"wrong".into(), &here())
        .await
        .is_err_and(|error| matches!(error, Error::Refused(Refusal::InvalidCredentials)))
    {
        left += 1;
    }
    rule.per_account - left
}

/// T166: at `password` both passwords have to be the same.
#[tokio::test]
async fn t166_another_new_password_is_another_call() {
    let made = made(Kind::Password).await;
    let different = Sent { new: "quite another password".into(), ..made.call.clone() };
    let told = refusal(made.world.engine.repeat(&made.old, different.call(), &here()).await);
    assert_eq!(told, Refusal::SessionReplaced);
    assert_eq!(refusal(made.repeats().await), Refusal::SessionReplaced);
}

/// T166: the token of another attempt is another call: it gets nothing, and spoils nothing.
#[tokio::test]
async fn t166_another_call_gets_nothing_and_leaves_the_window_open() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let (old, was) = signs_in(&world, &ada).await;
    let calls = [Kind::StepUp, Kind::Setup, Kind::Password, Kind::Disable, Kind::DisableNow];
    let mut others = vec![];
    for kind in calls {
        others.push(prepared(&world, &ada, &was, kind).await);
    }
    let call = prepared(&world, &ada, &was, Kind::StepUp).await;
    let first = token(call.make(&world, &was).await);
    for other in others {
        let told = refusal(world.engine.repeat(&old, other.call(), &here()).await);
        assert_eq!(told, Refusal::SessionReplaced, "{:?}", other.kind);
    }
    assert_eq!(token(world.engine.repeat(&old, call.call(), &here()).await), first);
}

/// T166: a password that was right when the form was sent is not charged when the form comes again.
#[tokio::test]
async fn t166_a_password_form_sent_twice_is_charged_nothing() {
    let made = made(Kind::Password).await;
    for _ in 0..30 {
        made.call.make(&made.world, &made.was).await.unwrap();
        made.repeats().await.unwrap();
    }
    assert_eq!(refused_passwords(&made).await, 0);
}
