//! Reads what the tests print, to know how many there were.

use super::Outcome;

/// Adds up the result lines of `cargo test`: `test result: ok. 12 passed; 0 failed; 0 ignored; ...`.
pub(super) fn outcome(lines: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    for line in lines {
        let Some((_, result)) = line.split_once("test result: ") else {
            continue;
        };
        outcome.passed += count(result, "passed");
        outcome.failed += count(result, "failed");
    }
    outcome
}

/// The number before `word`.
fn count(result: &str, word: &str) -> u32 {
    let mut words = result
        .split([' ', ';', '.'])
        .filter(|word| !word.is_empty());
    let mut number = 0;
    words
        .find_map(|next| {
            let found = (next == word).then_some(number);
            number = next.parse().unwrap_or(0);
            found
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let output = "
running 2 tests
test a ... ok
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s
error: 7 passed; 9 failed
test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s
";
        let lines: Vec<String> = output.lines().map(str::to_owned).collect();
        assert_eq!(
            outcome(&lines),
            Outcome {
                passed: 16,
                failed: 2,
                notes: Vec::new()
            }
        );
    }

    #[test]
    fn no_result_line_counts_nothing() {
        assert_eq!(
            outcome(&["error: could not compile".to_owned()]),
            Outcome::default()
        );
    }
}
