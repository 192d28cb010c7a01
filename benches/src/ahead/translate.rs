//! From a function of Luau's to one of WebAssembly's: registers become pairs of locals (type and value), operators become what they do
//! to numbers behind a look at the types, and all else that they may mean is left to `fail`, which does not come back.

use std::collections::BTreeSet;

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};

use super::bytecode::Proto;
use super::structure::{self, Jump, Scope};

/// Luau's own numbers of types.
pub(super) const NIL: i32 = 0;
pub(super) const NUMBER: i32 = 3;
pub(super) const FUNCTION: i32 = 7;
pub(super) const BUFFER: i32 = 10;

/// What `fail` is told: an arithmetic operator (by its place in [`ARITHMETIC`]), or one of these.
pub(super) const COMPARE: i32 = 10;
pub(super) const LIMIT: i32 = 20;
pub(super) const BOUNDS: i32 = 30;
pub(super) const OTHER: i32 = 40;

/// Names as Luau's messages have them, in the order of the instructions.
pub(super) const ARITHMETIC: [&str; 5] = ["add", "sub", "mul", "div", "mod"];

/// Bytes before the content of a buffer: its length.
pub(super) const HEADER: u64 = 8;

/// The imported function.
const FAIL: u32 = 0;

/// Translates one function; `itself` is its number in the module, its only upvalue is itself.
///
/// # Errors
/// The first instruction that is not known here.
pub(super) fn translate(proto: &Proto, itself: u32) -> Result<Function, String> {
    if proto.variadic || proto.upvalues > 1 {
        return Err("a function with `...`, or with upvalues".to_owned());
    }
    let (reached, jumps) = flow(proto)?;
    let scopes = structure::scopes(&jumps).ok_or("jumps into a loop")?;
    // And one of its own.
    let more = u32::from(proto.registers.saturating_sub(proto.parameters)) + 1;
    let pairs = (0..more).flat_map(|_| [(1, ValType::I32), (1, ValType::F64)]);
    let mut function = Function::new(pairs.collect::<Vec<_>>());
    let mut writer = Writer {
        proto,
        itself,
        sink: function.instructions(),
        open: Vec::new(),
    };
    let mut next = scopes.iter().peekable();
    for at in 0..=proto.code.len() {
        while writer.open.last().is_some_and(|scope| scope.end == at) {
            writer.open.pop();
            writer.sink.end();
        }
        while let Some(scope) = next.next_if(|scope| scope.begin == at) {
            writer.open.push(*scope);
            if scope.loops {
                writer.sink.loop_(BlockType::Empty);
            } else {
                writer.sink.block(BlockType::Empty);
            }
        }
        if reached.contains(&at) {
            writer.instruction(at)?;
        }
    }
    writer.sink.unreachable().end();
    Ok(function)
}

/// One instruction's fields.
#[derive(Clone, Copy)]
struct Fields {
    code: u32,
    a: u32,
    b: u32,
    c: u32,
    /// Where its jump goes.
    to: usize,
    /// The word after it.
    aux: u32,
}

fn fields(proto: &Proto, at: usize) -> Result<Fields, String> {
    let word = *proto.code.get(at).ok_or("code that runs out")?;
    let distance = (word as i32) >> 16;
    Ok(Fields {
        code: word & 0xff,
        a: word >> 8 & 0xff,
        b: word >> 16 & 0xff,
        c: word >> 24,
        to: (at + 1).saturating_add_signed(distance as isize),
        aux: proto.code.get(at + 1).copied().unwrap_or_default(),
    })
}

/// The words that are run, and the jumps between them. What a fast call stands for is skipped.
fn flow(proto: &Proto) -> Result<(BTreeSet<usize>, Vec<Jump>), String> {
    let (mut reached, mut jumps, mut ahead) = (BTreeSet::new(), Vec::new(), vec![0]);
    while let Some(at) = ahead.pop() {
        if !reached.insert(at) {
            continue;
        }
        let insn = fields(proto, at)?;
        let (next, jump) = match insn.code {
            22 => (None, None),
            23 | 24 => (None, Some(insn.to)),
            27..=32 => (Some(at + 2), Some(insn.to)),
            56 | 57 => (Some(at + 1), Some(insn.to)),
            60 | 74 => {
                let after = at + 2 + insn.c as usize;
                (None, Some(after))
            }
            _ => (Some(at + 1), None),
        };
        if let Some(to) = jump {
            jumps.push(Jump { from: at, to });
        }
        ahead.extend(next.into_iter().chain(jump));
    }
    Ok((reached, jumps))
}

struct Writer<'a> {
    proto: &'a Proto,
    itself: u32,
    sink: InstructionSink<'a>,
    open: Vec<Scope>,
}

impl Writer<'_> {
    fn instruction(&mut self, at: usize) -> Result<(), String> {
        let insn = fields(self.proto, at)?;
        let Fields {
            code,
            a,
            b,
            c,
            to,
            aux,
        } = insn;
        match code {
            0 => {}
            2 => {
                self.sink.i32_const(NIL).local_set(tag(a));
            }
            4 => self.number(a, f64::from((self.proto.code[at] as i32) >> 16)),
            5 => {
                let value = self.constant(b | c << 8)?;
                self.number(a, value);
            }
            6 => {
                self.sink
                    .local_get(tag(b))
                    .local_set(tag(a))
                    .local_get(value(b))
                    .local_set(value(a));
            }
            9 => {
                self.sink.global_get(0).local_set(tag(a));
                self.sink
                    .f64_const(f64::from(self.itself).into())
                    .local_set(value(a));
            }
            21 => self.call(at, insn)?,
            22 => {
                match b {
                    1 => self.sink.i32_const(NIL).f64_const(0.0.into()),
                    2 => self.sink.local_get(tag(a)).local_get(value(a)),
                    _ => return Err("a return of several values".to_owned()),
                };
                self.sink.return_();
            }
            23 | 24 => self.jump(to)?,
            28 | 29 | 31 | 32 => {
                self.both_numbers(at, COMPARE, a, aux);
                self.sink.local_get(value(a)).local_get(value(aux));
                match code {
                    28 | 31 => self.sink.f64_le(),
                    _ => self.sink.f64_lt(),
                };
                if code > 29 {
                    self.sink.i32_eqz();
                }
                self.jump_if(to)?;
            }
            33..=37 => {
                self.both_numbers(at, code as i32 - 33, b, c);
                self.sink.local_get(value(b)).local_get(value(c));
                self.arithmetic(a, code - 33, |sink| {
                    sink.local_get(value(b)).local_get(value(c));
                });
            }
            39..=43 => {
                let constant = self.constant(c)?;
                self.sink.local_get(tag(b)).i32_const(NUMBER).i32_ne();
                self.fail_if(at, code as i32 - 39, Some(b), None);
                self.sink.local_get(value(b)).f64_const(constant.into());
                self.arithmetic(a, code - 39, |sink| {
                    sink.local_get(value(b)).f64_const(constant.into());
                });
            }
            56 => self.prepare(at, a, to)?,
            57 => {
                let (limit, step, index) = (value(a), value(a + 1), value(a + 2));
                self.sink
                    .local_get(index)
                    .local_get(step)
                    .f64_add()
                    .local_set(index);
                self.goes_on(limit, step, index);
                self.jump_if(to)?;
            }
            60 | 74 => {
                self.fast_call(at, insn)?;
                self.jump(at + 2 + c as usize)?;
            }
            other => return Err(format!("instruction {other}")),
        }
        Ok(())
    }

    /// On the stack: whether the loop runs with this index.
    fn goes_on(&mut self, limit: u32, step: u32, index: u32) {
        self.sink
            .local_get(step)
            .f64_const(0.0.into())
            .f64_gt()
            .if_(BlockType::Result(ValType::I32));
        self.sink.local_get(index).local_get(limit).f64_le().else_();
        self.sink.local_get(limit).local_get(index).f64_le().end();
    }

    fn prepare(&mut self, at: usize, a: u32, to: usize) -> Result<(), String> {
        for register in [a, a + 1, a + 2] {
            self.sink.local_get(tag(register)).i32_const(NUMBER).i32_ne();
            self.fail_if(
                at,
                if register == a { LIMIT } else { OTHER },
                Some(register),
                None,
            );
        }
        self.goes_on(value(a), value(a + 1), value(a + 2));
        self.sink.i32_eqz();
        self.jump_if(to)
    }

    /// A call of the function itself, with as many arguments as it has parameters.
    fn call(&mut self, at: usize, Fields { a, b, c, .. }: Fields) -> Result<(), String> {
        if b != u32::from(self.proto.parameters) + 1 || c != 2 {
            return Err("a call of another form".to_owned());
        }
        self.sink.local_get(tag(a)).i32_const(FUNCTION).i32_ne();
        self.sink
            .local_get(value(a))
            .f64_const(f64::from(self.itself).into())
            .f64_ne()
            .i32_or();
        self.fail_if(at, OTHER, Some(a), None);
        for argument in a + 1..a + b {
            self.sink.local_get(tag(argument)).local_get(value(argument));
        }
        self.sink.call(self.itself).local_set(value(a)).local_set(tag(a));
        Ok(())
    }

    /// `buffer.readu8` and `buffer.writeu8`, whose result goes where the call that they stand for would put it.
    fn fast_call(&mut self, at: usize, insn: Fields) -> Result<(), String> {
        let (buffer, offset) = (insn.b, insn.aux & 0xff);
        let call = fields(self.proto, at + 1 + insn.c as usize)?;
        let mut wrong = vec![(buffer, BUFFER), (offset, NUMBER)];
        let written = (insn.aux >> 8) & 0xff;
        match (insn.code, insn.a) {
            (74, 66) => {}
            (60, 67) => wrong.push((written, NUMBER)),
            (_, other) => return Err(format!("builtin {other}")),
        }
        for (register, wanted) in wrong {
            self.sink.local_get(tag(register)).i32_const(wanted).i32_ne();
            self.fail_if(at, OTHER, Some(register), None);
        }
        let memory = |offset| MemArg {
            offset,
            align: 0,
            memory_index: 0,
        };
        self.sink.local_get(value(offset)).i32_trunc_sat_f64_s();
        self.sink
            .local_get(value(buffer))
            .i32_trunc_sat_f64_u()
            .i32_load(memory(0))
            .i32_ge_u();
        self.fail_if(at, BOUNDS, None, None);
        self.sink.local_get(value(buffer)).i32_trunc_sat_f64_u();
        self.sink.local_get(value(offset)).i32_trunc_sat_f64_s().i32_add();
        if insn.a == 66 {
            self.sink
                .i32_load8_u(memory(HEADER))
                .f64_convert_i32_u()
                .local_set(value(call.a));
            self.sink.i32_const(NUMBER).local_set(tag(call.a));
        } else {
            self.sink
                .local_get(value(written))
                .i64_trunc_sat_f64_s()
                .i32_wrap_i64()
                .i32_store8(memory(HEADER));
        }
        Ok(())
    }

    /// The operands are on the stack, and `again` puts them there once more.
    fn arithmetic(&mut self, to: u32, operator: u32, again: impl Fn(&mut InstructionSink<'_>)) {
        match operator {
            0 => drop(self.sink.f64_add()),
            1 => drop(self.sink.f64_sub()),
            2 => drop(self.sink.f64_mul()),
            3 => drop(self.sink.f64_div()),
            _ => {
                // a - floor(a / b) * b; the second operand is put there once more, with another first.
                self.sink.f64_div().f64_floor();
                self.sink.local_set(value(u32::from(self.proto.registers)));
                again(&mut self.sink);
                self.sink
                    .local_get(value(u32::from(self.proto.registers)))
                    .f64_mul()
                    .f64_sub();
            }
        }
        self.sink
            .local_set(value(to))
            .i32_const(NUMBER)
            .local_set(tag(to));
    }

    fn both_numbers(&mut self, at: usize, what: i32, one: u32, other: u32) {
        for register in [one, other] {
            self.sink.local_get(tag(register)).i32_const(NUMBER).i32_ne();
        }
        self.sink.i32_or();
        self.fail_if(at, what, Some(one), Some(other));
    }

    /// Fails where what is on the stack is true, with the types of two registers; a constant is a number.
    fn fail_if(&mut self, at: usize, what: i32, one: Option<u32>, other: Option<u32>) {
        let line = self.proto.lines.get(at).copied().unwrap_or_default();
        self.sink.if_(BlockType::Empty).i32_const(what).i32_const(line);
        for register in [one, other] {
            match register {
                Some(register) => self.sink.local_get(tag(register)),
                None => self.sink.i32_const(NUMBER),
            };
        }
        self.sink.call(FAIL).unreachable().end();
    }

    fn number(&mut self, register: u32, number: f64) {
        self.sink.i32_const(NUMBER).local_set(tag(register));
        self.sink.f64_const(number.into()).local_set(value(register));
    }

    fn constant(&self, index: u32) -> Result<f64, String> {
        let constant = self.proto.constants.get(index as usize).copied().flatten();
        constant.ok_or_else(|| "a constant that is no number".to_owned())
    }

    fn depth(&self, to: usize) -> Result<u32, String> {
        let depth = self.open.iter().rev().position(|scope| scope.target() == to);
        depth
            .and_then(|depth| u32::try_from(depth).ok())
            .ok_or_else(|| "a jump to nowhere".to_owned())
    }

    fn jump(&mut self, to: usize) -> Result<(), String> {
        let depth = self.depth(to)?;
        self.sink.br(depth);
        Ok(())
    }

    fn jump_if(&mut self, to: usize) -> Result<(), String> {
        let depth = self.depth(to)?;
        self.sink.br_if(depth);
        Ok(())
    }
}

fn tag(register: u32) -> u32 {
    2 * register
}

fn value(register: u32) -> u32 {
    2 * register + 1
}
