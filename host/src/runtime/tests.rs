//! Who hears of the tests of a script, and chooses among them: the words of `wit/test.wit`.

use std::time::Duration;

/// What is to become of a test, as its author said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Run,
    /// Its author left it out.
    Skip,
    /// It is yet to be written.
    Todo,
}

/// A test of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestCase {
    /// The names of the groups around it, the outermost first, and its own.
    pub(crate) names: Vec<String>,
    pub(crate) fate: Fate,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// For each test, whether to run it.
    pub(crate) chosen: Vec<bool>,
    /// How long each test and each hook may take.
    pub(crate) time_limit: Duration,
}

/// Receives what a run tells of its tests. Called from the thread that runs the script, which waits meanwhile. The guest may
/// be anybody's: the calls come in any order, with any numbers.
pub(crate) trait TestLog: Send + Sync {
    /// Chooses among the tests.
    fn plan(&self, tests: Vec<TestCase>) -> Schedule;

    /// The test with this number in the plan begins; whether it is to.
    fn begin(&self, test: u32) -> bool;

    /// The test that began last has ended.
    fn end(&self);
}
