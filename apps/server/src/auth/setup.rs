//! The code of the first run: whoever can read what the server prints may make the first administrator.

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// How many wrong codes are taken before the server must be started anew: the code has 80 bits, so nobody guesses it, but nobody shall try.
const MOST_FAILURES: u32 = 100;

/// The code of the first run, until it is used.
pub struct SetupCode(Mutex<State>);

struct State {
    code: Option<SecretString>,
    failures: u32,
}

/// What became of a code that somebody gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeAnswer {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// No code is right, since there is an administrator or too many codes were wrong.
    Closed,
}

impl SetupCode {
    /// No code is right.
    pub const fn closed() -> Self {
        Self(Mutex::new(State {
            code: None,
            failures: 0,
        }))
    }

    /// A code made of random bytes, in groups that are easy to type.
    pub fn new(random: &[u8; 32]) -> (Self, SecretString) {
        const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        let text: Vec<String> = random[..16]
            .chunks(4)
            .map(|group| group.iter().map(letter).collect())
            .collect();
        let code = SecretString::from(text.join("-"));
        let state = State {
            code: Some(code.clone()),
            failures: 0,
        };
        (Self(Mutex::new(state)), code)
    }

    /// Whether somebody may still make the first administrator.
    pub fn is_open(&self) -> bool {
        self.lock().code.is_some()
    }

    /// Looks at a code that somebody gave.
    pub fn check(&self, given: &SecretString) -> CodeAnswer {
        let mut state = self.lock();
        let Some(code) = &state.code else {
            return CodeAnswer::Closed;
        };
        // The groups are there to be read; how they are set apart when they are typed says nothing.
        let (code, given) = (letters(code), letters(given));
        let (code, given) = (code.expose_secret(), given.expose_secret());
        if bool::from(code.as_bytes().ct_eq(given.as_bytes())) {
            return CodeAnswer::Right;
        }
        state.failures += 1;
        if state.failures >= MOST_FAILURES {
            state.code = None;
        }
        CodeAnswer::Wrong
    }

    /// The code was used: none is right from now on.
    pub fn close(&self) {
        self.lock().code = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetupCode")
    }
}

/// What is left of a code without what sets its groups apart.
fn letters(code: &SecretString) -> SecretString {
    let all = code.expose_secret().chars();
    let kept: String = all
        .filter(|letter| !is_between(*letter))
        .flat_map(char::to_lowercase)
        .collect();
    SecretString::from(kept)
}

/// What may stand between the letters of a code: white space and whatever a program made of a dash.
fn is_between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_right_once_it_is_typed_and_until_it_is_used() {
        let (setup, code) = SetupCode::new(&[9; 32]);
        assert_eq!(code.expose_secret(), "kkkk-kkkk-kkkk-kkkk");
        assert_eq!(
            setup.check(&SecretString::from("kkkk-kkkk-kkkk-kkka")),
            CodeAnswer::Wrong
        );
        assert_eq!(
            setup.check(&SecretString::from(" KKKK-kkkk-kkkk-kkkk ")),
            CodeAnswer::Right
        );
        for spaced in [
            "kkkkkkkkkkkkkkkk",
            "kkkk kkkk kkkk kkkk",
            "kkkk\u{2013}kkkk - kkkkkkkk",
        ] {
            assert_eq!(setup.check(&SecretString::from(spaced)), CodeAnswer::Right);
        }
        for wrong in ["", "kkkk-kkkk-kkkk-kkk", "kkkk-kkkk-kkkk-kkkkk"] {
            assert_eq!(setup.check(&SecretString::from(wrong)), CodeAnswer::Wrong);
        }
        setup.close();
        assert!(!setup.is_open());
        assert_eq!(setup.check(&code), CodeAnswer::Closed);
    }

    #[test]
    fn nobody_may_go_on_guessing() {
        let (setup, code) = SetupCode::new(&[9; 32]);
        for _ in 0..MOST_FAILURES {
            assert_eq!(setup.check(&SecretString::from("guess")), CodeAnswer::Wrong);
        }
        assert_eq!(setup.check(&code), CodeAnswer::Closed);
    }
}
