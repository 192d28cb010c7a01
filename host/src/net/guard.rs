//! Every decision at run time: the rules, then the embedder's own word, and a record of both. `dial` and `listen` ask,
//! and nothing else does.
//!
//! It fails closed: no answer in time, or a decision that can't be recorded, is a no.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::observe::Observer;
use crate::permissions::{
    self, Denied, GrantedAddr, GrantedBind, Learned, NamePass, Outcome, Permissions, Target, refused,
};

/// A decision that is about to be made, as the rules allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// What the script tries: `net.request`, `net.websocket`, `net.serve`.
    pub action: &'static str,
    /// `scheme://host:port` of a connection, `address:port` of a server.
    pub target: String,
    /// The address that would be connected to or bound; none while only the name is known.
    pub address: Option<SocketAddr>,
}

/// A decision under way: `Err` is a no, with the reason that the script is told.
pub type Deciding = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// An embedder's own policy. It is asked about what the rules allow, so it can only narrow them: first about the name,
/// before it is looked up, then about each address before it is connected to.
pub trait Decider: Send + Sync {
    /// Decides. No answer within the limit `decision` is a no.
    ///
    /// Cancel safety: the future is dropped when the script gives up or time is over.
    fn decide(&self, question: Question) -> Deciding;
}

/// How a decision came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was allowed.
    Allowed,
    /// It was refused.
    Denied,
    /// It was allowed because permissions are only being learned, and would have been refused.
    Missing,
}

/// One decision, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// When it was made.
    pub time: SystemTime,
    /// What was asked.
    pub question: Question,
    /// How it came out.
    pub verdict: Verdict,
    /// The flag with the rule that allowed it, where one did.
    pub rule: Option<String>,
    /// Why not, where it was refused or would have been.
    pub reason: Option<String>,
    /// The flag that would allow it, where one would.
    pub cure: Option<String>,
}

/// Receives every decision. Called from the thread that runs the script, which waits meanwhile.
pub trait Audit: Send + Sync {
    /// Records a decision. An error refuses it: what can't be recorded doesn't happen.
    fn record(&self, decision: &Decision) -> io::Result<()>;
}

/// Permissions that are being learned. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Learning(Arc<Mutex<Learned>>);

impl Learning {
    /// Begins with the permissions that are given.
    pub fn new(given: Permissions) -> Learning {
        Learning(Arc::new(Mutex::new(Learned::new(given))))
    }

    /// The flags that were missing so far.
    pub fn flags(&self) -> Vec<String> {
        self.with(|learned| learned.flags())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Learned) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a runtime decides by.
#[derive(Clone)]
pub(crate) struct Guard {
    /// The rules.
    pub(crate) permissions: Arc<Permissions>,
    /// In place of them, where what is missing is only noted.
    pub(crate) learning: Option<Learning>,
    /// The embedder's policy.
    pub(crate) decider: Option<Arc<dyn Decider>>,
    /// The record.
    pub(crate) audit: Option<Arc<dyn Audit>>,
    /// How long a decision of the embedder's may take.
    pub(crate) patience: Duration,
    /// Told of each decision.
    pub(crate) observer: Arc<Observer>,
}

impl Guard {
    /// Whether what was decided once holds for the whole run. An embedder may change its mind.
    pub(crate) fn is_constant(&self) -> bool {
        self.decider.is_none()
    }

    /// Whether the target's name may be looked up, or its literal address be connected to.
    ///
    /// Cancel safety: nothing was decided.
    pub(crate) async fn name(&self, target: &Target) -> Result<NamePass, Denied> {
        let outcome = self.name_by_rules(target);
        // Every request asks, and mostly nobody else wants to hear of it.
        if let ((Ok(_), None), true) = (&outcome, self.is_heard_by_nobody()) {
            return outcome.0;
        }
        self.settle(question(target, None), outcome, || {
            permissions::allowed_by(&self.permissions, target, None)
        })
        .await
    }

    /// Whether what the rules allow is neither asked further, nor recorded, nor logged.
    fn is_heard_by_nobody(&self) -> bool {
        self.decider.is_none() && self.audit.is_none() && !self.observer.logs_decisions()
    }

    fn name_by_rules(&self, target: &Target) -> Outcome<NamePass> {
        match &self.learning {
            Some(learning) => learning.with(|learned| learned.name(target)),
            None => plain(permissions::decide_name(&self.permissions, target)),
        }
    }

    /// Whether this address of the target may be connected to.
    ///
    /// Cancel safety: nothing was decided.
    pub(crate) async fn addr(&self, pass: &NamePass, address: IpAddr) -> Result<GrantedAddr, Denied> {
        let outcome = match &self.learning {
            Some(learning) => learning.with(|learned| learned.addr(pass, address)),
            None => plain(permissions::decide_addr(&self.permissions, pass, address)),
        };
        let target = pass.target();
        let address = SocketAddr::new(address, target.port);
        self.settle(question(target, Some(address)), outcome, || {
            permissions::allowed_by(&self.permissions, target, Some(address.ip()))
        })
        .await
    }

    /// Whether a server may listen there.
    ///
    /// Cancel safety: nothing was decided.
    pub(crate) async fn listen(&self, asked: SocketAddr) -> Result<GrantedBind, Denied> {
        let outcome = match &self.learning {
            Some(learning) => learning.with(|learned| learned.listen(asked)),
            None => plain(permissions::decide_listen(&self.permissions, asked)),
        };
        let question = Question {
            action: permissions::SERVE,
            target: asked.to_string(),
            address: Some(asked),
        };
        self.settle(question, outcome, || {
            permissions::listen_allowed_by(&self.permissions, asked)
        })
        .await
    }

    /// Asks the embedder about what the rules allow, and records how it came out.
    async fn settle<T>(
        &self,
        question: Question,
        (mut granted, would_be): Outcome<T>,
        rule: impl FnOnce() -> Option<String>,
    ) -> Result<T, Denied> {
        if let (Ok(_), Some(decider)) = (&granted, &self.decider) {
            let asked = tokio::time::timeout(self.patience, decider.decide(question.clone())).await;
            let no = match asked {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(_) => {
                    self.observer.limit_hit("decision");
                    Some(format!("no decision within {:?} (limit decision)", self.patience))
                }
            };
            if let Some(why) = no {
                granted = Err(refused(question.action, question.target.clone(), why));
            }
        }
        let (verdict, refusal) = judge(&granted, would_be.as_ref());
        if let Some(audit) = &self.audit {
            let decision = Decision {
                time: SystemTime::now(),
                verdict,
                rule: if verdict == Verdict::Allowed { rule() } else { None },
                reason: refusal.map(|denied| denied.reason.to_string()),
                cure: refusal.and_then(|denied| denied.cure.clone()),
                question: question.clone(),
            };
            if let Err(error) = audit.record(&decision) {
                let why = format!("the decision can't be recorded: {error}");
                granted = Err(refused(question.action, question.target.clone(), why));
            }
        }
        let (verdict, refusal) = judge(&granted, would_be.as_ref());
        self.observer.decided(&question, verdict, refusal);
        granted
    }
}

/// How a decision came out, and the refusal that it is or would have been.
fn judge<'a, T>(
    granted: &'a Result<T, Denied>,
    would_be: Option<&'a Denied>,
) -> (Verdict, Option<&'a Denied>) {
    match (granted, would_be) {
        (Err(denied), _) => (Verdict::Denied, Some(denied)),
        (Ok(_), Some(denied)) => (Verdict::Missing, Some(denied)),
        (Ok(_), None) => (Verdict::Allowed, None),
    }
}

/// A decision by the rules alone.
fn plain<T>(decided: Result<T, Denied>) -> Outcome<T> {
    (decided, None)
}

fn question(target: &Target, address: Option<SocketAddr>) -> Question {
    Question {
        action: target.action,
        target: target.to_string(),
        address,
    }
}
