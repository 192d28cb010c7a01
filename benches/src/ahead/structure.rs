//! From jumps to the nested blocks and loops that WebAssembly has.

/// A jump from one word of the code to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A block, left by jumps to its end; or a loop, whose jumps go to its begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) loops: bool,
}

impl Scope {
    /// Where a jump out of it, or to its begin, goes on.
    pub(super) fn target(&self) -> usize {
        if self.loops { self.begin } else { self.end }
    }
}

/// Scopes for all jumps, nested, in the order in which they open; none where a jump leads into the middle of a loop.
pub(super) fn scopes(jumps: &[Jump]) -> Option<Vec<Scope>> {
    let mut scopes: Vec<Scope> = Vec::new();
    for jump in jumps {
        let loops = jump.to <= jump.from;
        match scopes
            .iter_mut()
            .find(|scope| scope.loops == loops && scope.target() == jump.to)
        {
            Some(scope) if loops => scope.end = scope.end.max(jump.from + 1),
            Some(scope) => scope.begin = scope.begin.min(jump.from),
            None if loops => scopes.push(Scope {
                begin: jump.to,
                end: jump.from + 1,
                loops,
            }),
            None => scopes.push(Scope {
                begin: jump.from,
                end: jump.to,
                loops,
            }),
        }
    }
    // Where two cross, the later one begins earlier.
    while let Some((first, second)) = crossing(&scopes) {
        let begin = scopes.get(first)?.begin;
        let second = scopes.get_mut(second)?;
        if second.loops {
            return None;
        }
        second.begin = begin;
    }
    scopes.sort_by_key(|scope| (scope.begin, std::cmp::Reverse(scope.end), scope.loops));
    Some(scopes)
}

fn crossing(scopes: &[Scope]) -> Option<(usize, usize)> {
    scopes.iter().enumerate().find_map(|(index, one)| {
        let other = scopes
            .iter()
            .position(|other| one.begin < other.begin && other.begin < one.end && one.end < other.end)?;
        Some((index, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(jumps: &[(usize, usize)]) -> Option<Vec<(usize, usize, bool)>> {
        let jumps: Vec<Jump> = jumps.iter().map(|&(from, to)| Jump { from, to }).collect();
        Some(
            scopes(&jumps)?
                .iter()
                .map(|scope| (scope.begin, scope.end, scope.loops))
                .collect(),
        )
    }

    #[test]
    fn what_jumps_cross_is_nested() {
        assert_eq!(nested(&[(2, 5)]), Some(vec![(2, 5, false)]));
        // Out of a loop, beyond its end: the block opens before the loop.
        assert_eq!(
            nested(&[(8, 3), (5, 12)]),
            Some(vec![(3, 12, false), (3, 9, true)])
        );
        // Two that cross.
        assert_eq!(
            nested(&[(1, 4), (2, 6)]),
            Some(vec![(1, 6, false), (1, 4, false)])
        );
        // Into the middle of a loop.
        assert_eq!(nested(&[(9, 3), (1, 5)]), None);
    }
}
