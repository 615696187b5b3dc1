//! `docs/configuration.md`, from the table of settings.

use super::keys::{DATA_DIR, KEYS, Key};

const START: &str = "\
# Configuration

<!-- Written by the test `the_reference_is_up_to_date` of crates/runtime from its table of settings; `cargo xtask codegen` runs it. -->

Every setting has a default, so that none is needed. A setting is taken from the first of these that has it:

1. an argument of the program, where there is one;
2. the environment: the variable in the table, two underscores between a section and its setting;
3. the file that `--config FILE` names, or else `config.toml` in the data directory, in TOML:

   ```toml
   [http]
   ca_files = [\"company-ca.pem\"]
   request_timeout = \"90s\"

   [sync]
   concurrency = 4

   [[oauth.clients]]
   host = \"https://gitlab.example.com\"
   client_id = \"3f2c8a51\"
   ```

4. the default.

A relative path in a file begins at that file, and elsewhere where the program was started; `~` is not replaced. A duration is a whole number with
its unit: `500ms`, `30s`, `5m`, `2h`. A setting that does not exist or a value that is out of bounds is an error, and all of them are reported at
once.

";

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = START.to_owned();
    text.push_str("| setting | environment variable | default |\n|---|---|---|\n");
    for key in KEYS {
        let line = format!(
            "| [`{}`](#{}) | `{}` | {} |\n",
            key.name,
            key.name.replace('.', ""),
            key.variable(),
            default(key)
        );
        text.push_str(&line);
    }
    for key in KEYS {
        let bounds = key
            .bounds
            .map(|(least, most)| format!(", from `{least}` to `{most}`"))
            .unwrap_or_default();
        let entry = format!(
            "\n## `{}`\n\n{}\n\n- Takes: {}{bounds}\n- Default: {}\n- Environment: `{}`\n",
            key.name,
            key.purpose,
            key.takes,
            default(key),
            key.variable(),
        );
        text.push_str(&entry);
    }
    text
}

fn default(key: &Key) -> String {
    match key.default {
        _ if key.name == DATA_DIR => {
            "`$XDG_DATA_HOME/forgehold`, or `~/.local/share/forgehold`".to_owned()
        }
        "" => "none".to_owned(),
        default => format!("`{default}`"),
    }
}
