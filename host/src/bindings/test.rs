//! `atoll:net/test`: which tests a script has, and how far it is with them.

use super::generated::atoll::net::test as wit;
use crate::runtime::{Fate, State, TestCase};

impl wit::Host for State {
    fn plan(&mut self, tests: Vec<wit::TestCase>) -> wasmtime::Result<wit::Schedule> {
        let Some(log) = &self.tests else {
            return Ok(wit::Schedule {
                chosen: vec![false; tests.len()],
                time_limit: 0,
            });
        };
        let schedule = log.plan(tests.into_iter().map(Into::into).collect());
        Ok(wit::Schedule {
            chosen: schedule.chosen,
            time_limit: u64::try_from(schedule.time_limit.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    fn begin(&mut self, test: u32) -> wasmtime::Result<bool> {
        Ok(self.tests.as_ref().is_some_and(|log| log.begin(test)))
    }

    fn end(&mut self) -> wasmtime::Result<()> {
        if let Some(log) = &self.tests {
            log.end();
        }
        Ok(())
    }
}

impl From<wit::TestCase> for TestCase {
    fn from(test: wit::TestCase) -> Self {
        TestCase {
            names: test.names,
            fate: match test.fate {
                wit::Fate::Run => Fate::Run,
                wit::Fate::Skip => Fate::Skip,
                wit::Fate::Todo => Fate::Todo,
            },
        }
    }
}
