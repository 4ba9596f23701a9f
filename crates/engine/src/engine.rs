//! The engine: the ports, the keys and the configuration, in one value that can be cloned.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use countersign_core::{
    Config, ConfigError, Kind, PhoneNumber, Timestamp, id::Id, method::Methods, method::foreign::ForeignMethod,
};
use tokio_util::task::TaskTracker;

use crate::{
    Clock, IpRateLimit, Keyring, Observer, OsRandom, Random, Store, SystemClock, Users,
    flow::AddressBudgets,
    port::{
        AcceptAnyNumber, Gateway, NoopObserver, PhoneNumberParser, SeparateReads, SessionLookup, Validator,
        VoiceCallbacks,
    },
    ready::Readiness,
};

/// The parts an engine is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Stores all rows.
    pub store: Arc<dyn Store>,
    /// The host's users.
    pub users: Arc<dyn Users>,
    /// Reads a session or a token together with its user in one step. If `None`, the store and the users are read one
    /// after the other.
    pub session_lookup: Option<Arc<dyn SessionLookup>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws random bytes.
    pub random: Arc<dyn Random>,
    /// Is notified of new sessions and events.
    pub observer: Arc<dyn Observer>,
    /// The keys in use at the start.
    pub keyring: Keyring,
    /// The settings of this installation.
    pub config: Config,
    /// The host's own methods.
    pub foreign: Vec<Arc<dyn ForeignMethod>>,
    /// The gateways that deliver messages, by channel. A channel without a gateway does not offer its method.
    pub gateways: BTreeMap<Kind, Arc<dyn Gateway>>,
    /// Validates and answers the callbacks of the voice provider, if there is one.
    pub voice_callbacks: Option<Arc<dyn VoiceCallbacks>>,
    /// Parses telephone numbers.
    pub numbers: Arc<dyn PhoneNumberParser>,
    /// Validates YubiKey codes with a service. If `None`, only keys whose secrets were imported are accepted.
    pub validator: Option<Arc<dyn Validator>>,
}

impl Parts {
    /// The parts every installation has to bring. The rest is the system's clock and randomness, safe defaults and no
    /// observer.
    pub fn new(store: Arc<dyn Store>, users: Arc<dyn Users>, keyring: Keyring) -> Self {
        Self {
            store,
            users,
            session_lookup: None,
            keyring,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            observer: Arc::new(NoopObserver),
            config: Config::default(),
            foreign: vec![],
            gateways: BTreeMap::new(),
            voice_callbacks: None,
            numbers: Arc::new(AcceptAnyNumber),
            validator: None,
        }
    }
}

/// Two-factor authentication for one installation. Cloning is cheap; all clones share their state.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    session_lookup: Arc<dyn SessionLookup>,
    methods: Methods,
    addresses: AddressBudgets,
    password_rates: IpRateLimit,
    readiness: Readiness,
    deliveries: TaskTracker,
    ring: RwLock<Ring>,
}

/// The keys in use. The lock is held only to read or replace them, never during work.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) keys: Arc<Keyring>,
    /// Since when the first key has been used to seal.
    pub(crate) sealing_since: Timestamp,
}

impl Engine {
    /// An engine made of these parts, if the configuration is valid.
    pub fn new(parts: Parts) -> Result<Self, ConfigError> {
        parts.config.check()?;
        let Config { totp, hotp, .. } = parts.config;
        let methods = Methods { totp, hotp, foreign: parts.foreign.clone() };
        let ring = Ring { keys: Arc::new(parts.keyring.clone()), sealing_since: parts.clock.now() };
        let (addresses, ring) = (AddressBudgets::default(), RwLock::new(ring));
        let deliveries = TaskTracker::new();
        let in_turn =
            || Arc::new(SeparateReads::new(parts.store.clone(), parts.users.clone())) as Arc<dyn SessionLookup>;
        let session_lookup = parts.session_lookup.clone().unwrap_or_else(in_turn);
        let readiness = Readiness::default();
        let password_rates = IpRateLimit::default();
        let inner = Inner { parts, session_lookup, methods, addresses, password_rates, readiness, deliveries, ring };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings of this installation.
    pub fn config(&self) -> &Config {
        &self.inner.parts.config
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.inner.parts.clock.now()
    }

    /// The telephone number that a user typed, if it is a possible one.
    pub fn number(&self, typed: &str) -> Option<PhoneNumber> {
        self.numbers().parse(typed)
    }

    /// The minimum length of a new password in characters, if the host has such a rule.
    pub fn min_password_length(&self) -> Option<usize> {
        self.users().min_password_length()
    }

    /// A new random id of 128 bits.
    pub fn new_id<T>(&self) -> Id<T> {
        Id::random(self.draw())
    }

    /// A tag that only this installation can make for `parts`, for forms and URLs: base64url of HMAC-SHA-256.
    pub fn tag(&self, parts: &[&str]) -> String {
        self.keyring().tag(parts)
    }

    /// Whether `tag` was made for `parts` by this installation; compared in constant time.
    pub fn tag_holds(&self, parts: &[&str], tag: &str) -> bool {
        self.keyring().tag_holds(parts, tag)
    }

    /// The store. Nothing outside the engine reads or writes it.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.inner.parts.store
    }

    pub(crate) fn session_lookup(&self) -> &dyn SessionLookup {
        &*self.inner.session_lookup
    }

    pub(crate) fn users(&self) -> &dyn Users {
        &*self.inner.parts.users
    }

    /// Replaces the keys in use. From now on the first key of `keyring` seals. What was sealed with a key that it does
    /// not contain can no longer be unsealed, which is a fault where it is read.
    pub fn replace_keys(&self, keyring: Keyring) {
        let mut ring = self.inner.ring.write().unwrap_or_else(PoisonError::into_inner);
        if ring.keys.seals() != keyring.seals() {
            ring.sealing_since = self.now();
        }
        ring.keys = Arc::new(keyring);
    }

    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.ring().keys
    }

    pub(crate) fn ring(&self) -> Ring {
        self.inner.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.inner.parts.random
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.inner.parts.observer
    }

    pub(crate) fn gateways(&self) -> &BTreeMap<Kind, Arc<dyn Gateway>> {
        &self.inner.parts.gateways
    }

    /// Validates and answers the callbacks of the voice provider, if there is one.
    pub fn voice_callbacks(&self) -> Option<&dyn VoiceCallbacks> {
        self.inner.parts.voice_callbacks.as_deref()
    }

    pub(crate) fn numbers(&self) -> &dyn PhoneNumberParser {
        &*self.inner.parts.numbers
    }

    pub(crate) fn validator(&self) -> Option<&dyn Validator> {
        self.inner.parts.validator.as_deref()
    }

    /// The messages being sent.
    pub(crate) fn deliveries(&self) -> &TaskTracker {
        &self.inner.deliveries
    }

    pub(crate) fn methods(&self) -> &Methods {
        &self.inner.methods
    }

    pub(crate) fn addresses(&self) -> &AddressBudgets {
        &self.inner.addresses
    }

    pub(crate) fn password_rates(&self) -> &IpRateLimit {
        &self.inner.password_rates
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }

    pub(crate) fn draw<const BYTES: usize>(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        self.random().fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("parts", &self.inner.parts).finish()
    }
}
