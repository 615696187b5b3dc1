//! What a person sees at a terminal: questions, progress, tables that fit. The terminal is a real pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use gitlab_sim::{Fault, FaultKind};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::browser::{Browser, CLIENT, registered};
use crate::place::Place;
use crate::served::{Served, with_input};
use crate::sim::{PATIENCE, Sim};

/// The program at a terminal.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Everything that was ever written, without what only moves the cursor or colors.
    seen: String,
    raw: Vec<u8>,
    /// How much of it was already looked for.
    read: usize,
    child: Child,
}

impl Terminal {
    fn start(place: &Place, args: &[&str]) -> Self {
        Self::of(place.command(args))
    }

    fn of(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let controller = openpt(flags).expect("there are pseudo-terminals");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let size = Winsize {
            ws_row: 50,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&controller, size).expect("it is a terminal");
        let user: OwnedFd = ioctl_tiocgptpeer(&controller, flags).expect("it has another end");
        let stdio = || Stdio::from(user.try_clone().expect("it is open"));
        let child = command
            .env("TERM", "xterm")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("the program starts");
        let keyboard = File::from(controller);
        let mut output = keyboard.try_clone().expect("it is open");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails once the program has closed its end.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            screen,
            seen: String::new(),
            raw: Vec::new(),
            read: 0,
            child,
        }
    }

    /// Waits until that comes, after what was waited for before.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("`{text}` never came; there was:\n{}", self.seen);
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.seen = without_control(&String::from_utf8_lossy(&self.raw));
        self.read = self.read.min(self.seen.len());
        while !self.seen.is_char_boundary(self.read) {
            self.read -= 1;
        }
    }

    fn write(&mut self, text: &str) {
        self.keyboard
            .write_all(text.as_bytes())
            .expect("the terminal is open");
    }

    /// Answers a question.
    #[track_caller]
    fn answer(&mut self, question: &str, answer: &str) {
        self.expect(question);
        self.write(answer);
        self.write("\r");
    }

    /// Takes back the answer that would not do, which is still there, and gives another.
    fn correct(&mut self, answer: &str) {
        self.write(&"\u{7f}".repeat(40));
        self.write(answer);
        self.write("\r");
    }

    /// Waits for the end; answers the exit code and all that was written.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("the program ends");
        drop(self.keyboard);
        // The reader ends when the program has closed its end.
        while let Ok(bytes) = self.screen.recv() {
            self.raw.extend_from_slice(&bytes);
        }
        (
            status.code(),
            without_control(&String::from_utf8_lossy(&self.raw)),
        )
    }
}

/// Text without sequences that control the terminal.
fn without_control(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    // A sequence ends with the first letter or the like.
                    characters
                        .by_ref()
                        .find(|end| ('\u{40}'..='\u{7e}').contains(end));
                }
            }
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}

const DOWN: &str = "\u{1b}[B";

#[test]
fn a_secret_is_asked_for_without_echo() {
    let place = Place::new();
    let mut terminal = Terminal::start(&place, &["secret", "add", "one"]);
    terminal.answer("Value", "hunter2-and-more");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
    assert_eq!(place.json(&["secret", "show", "one"])["version"], 1);
}

#[test]
fn the_form_asks_judges_shows_and_connects() {
    let (place, sim) = (Place::new(), Sim::company());
    let mut terminal = Terminal::start(&place, &["org", "add", "gitlab"]);
    terminal.answer("Host", "gitlab.example.com");
    terminal.expect("has no scheme");
    terminal.correct(sim.url());
    terminal.expect("Authentication");
    terminal.expect("Single sign-on (SSO): sign in at the host");
    terminal.expect("Register using login and password/token");
    terminal.write(&format!("{DOWN}\r"));
    terminal.answer("Login", "bob");
    terminal.answer("Access token", sim.token());
    terminal.answer("Groups", "acme");
    terminal.answer("Cover the personal namespace too", "n");
    terminal.answer("Protect groups", "y");
    terminal.answer("Automatically add new repositories", "y");
    terminal.answer("License existing repositories", DOWN);
    terminal.answer("Repositories list synchronization", DOWN);
    terminal.answer("Times of day", "25:00");
    terminal.expect("hours go from 00 to 23");
    terminal.correct("06:00,18:00");
    terminal.answer("Time zone", "Europe/Warsaw");
    terminal.answer("Days of the week", "mon-fri");
    terminal.expect("Next runs");
    terminal.answer("Default device", "");
    terminal.answer("Name", "");
    terminal.expect("the access token belongs to `alice`, not to `bob`");
    // There is no Proceed yet; `Change: Authentication` is found by typing.
    terminal.answer("Proceed?", "authentication");
    terminal.answer("Authentication", "");
    terminal.answer("Login", "alice");
    terminal.answer("Access token", sim.token());
    terminal.expect("Permissions");
    terminal.expect("List groups and repositories");
    terminal.answer("Proceed?", "");
    terminal.expect("is connected; the first sync starts");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains(sim.token()), "the token is not shown");
    let organization = place.json(&["org", "show", "acme"]);
    insta::assert_json_snapshot!(organization["settings"], @r#"
    {
      "auto_license": true,
      "device": "embedded",
      "groups": [
        "acme"
      ],
      "license_existing": "all",
      "personal": false,
      "protect_groups": true,
      "schedule": {
        "description": "at 06:00 and 18:00 Europe/Warsaw, Monday to Friday",
        "expression": null,
        "kind": "at",
        "seconds": null,
        "times": [
          "06:00",
          "18:00"
        ],
        "weekdays": [
          "mon",
          "tue",
          "wed",
          "thu",
          "fri"
        ],
        "zone": "Europe/Warsaw"
      }
    }
    "#);
    assert_eq!(organization["counts"]["licensed"], 4);
}

/// The form up to its end, for signing in; the answers are the usual ones.
#[track_caller]
fn fill_in_for_sso(terminal: &mut Terminal, sim: &Sim) {
    terminal.expect("Host");
    terminal.write(&"\u{7f}".repeat(40));
    terminal.write(&format!("{}\r", sim.url()));
    terminal.answer("Authentication", "");
    terminal.answer("Access", "");
    terminal.answer("Groups", "acme");
    terminal.answer("Cover the personal namespace too", "n");
    terminal.answer("Protect groups", "n");
    terminal.answer("Automatically add new repositories", "n");
    terminal.answer("License existing repositories", "");
    terminal.answer("Repositories list synchronization", "");
    terminal.answer("Interval", "");
    terminal.expect("Next runs");
    terminal.answer("Default device", "");
    terminal.answer("Name", "");
    terminal.expect("single sign-on (SSO), read access");
    terminal.answer("Proceed?", "");
}

/// The address that the person is to open.
#[track_caller]
fn entrance(terminal: &mut Terminal) -> String {
    terminal.expect("open http://");
    let before = terminal.read;
    terminal.expect("in a browser on this machine");
    let address = terminal.seen[before..].split_whitespace().next();
    format!("http://{}", address.expect("an address"))
}

#[test]
fn the_form_offers_to_sign_in_first_and_shows_what_was_granted_before_it_is_stored() {
    let sim = Sim::company();
    let place = registered(&sim);
    let args = ["org", "add", "gitlab", "--no-browser", "--no-sync"];
    for answer in ["n", "y"] {
        let mut terminal = Terminal::start(&place, &args);
        fill_in_for_sso(&mut terminal, &sim);
        let entrance = entrance(&mut terminal);
        Browser::open(&entrance).agree(&sim, "alice");
        terminal.expect("Permissions");
        terminal.expect("List groups and repositories");
        assert_eq!(place.json(&["org", "list"])["items"], serde_json::json!([]));
        terminal.answer("Connect it with these permissions?", answer);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(if answer == "y" { 0 } else { 130 }), "{seen}");
    }
    assert_eq!(
        sim.get().oauth().stats().revocations,
        1,
        "the declined grant went back"
    );
    assert_eq!(
        place.json(&["org", "show", "acme"])["account"]["login"],
        "alice"
    );
}

#[test]
fn the_form_is_filled_in_for_a_server_too() {
    let sim = Sim::company();
    let place = registered(&sim);
    let clients = format!("{} {CLIENT}", sim.url());
    let served = Served::with(&place, &[("FORGEHOLD_OAUTH__CLIENTS", &clients)]);
    let args = ["org", "add", "gitlab", "--no-browser"];
    let list = || served.run(&place, &["org", "list", "-o", "json"]).json();
    for answer in ["n", "y"] {
        let mut terminal = Terminal::of(served.command(&place, &args));
        fill_in_for_sso(&mut terminal, &sim);
        let entrance = entrance(&mut terminal);
        Browser::open(&entrance).agree(&sim, "alice");
        terminal.expect("Permissions");
        terminal.expect("List groups and repositories");
        assert_eq!(list()["items"], serde_json::json!([]));
        terminal.answer("Connect it with these permissions?", answer);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(if answer == "y" { 0 } else { 130 }), "{seen}");
    }
    let revoked = sim.get().oauth().stats().revocations;
    assert_eq!(revoked, 1, "the declined grant went back");
    let listed = list();
    assert_eq!(listed["items"][0]["account"]["login"], "alice", "{listed}");
    let groups = &listed["items"][0]["settings"]["groups"];
    assert_eq!(*groups, serde_json::json!(["acme"]), "{listed}");
}

#[test]
fn the_form_at_a_server_offers_its_secrets_and_asks_the_host_about_a_token() {
    let (place, sim) = (Place::new(), Sim::company());
    let served = Served::start(&place);
    let added = with_input(
        served.command(&place, &["secret", "add", "ours"]),
        &place,
        sim.token(),
    );
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let mut terminal = Terminal::of(served.command(&place, &["org", "add", "gitlab"]));
    terminal.expect("Host");
    terminal.write(&"\u{7f}".repeat(40));
    terminal.write(&format!("{}\r", sim.url()));
    terminal.expect("Register using login and password/token");
    terminal.write(&format!("{DOWN}\r"));
    terminal.answer("Login", "bob");
    terminal.expect("use the secret `ours`");
    terminal.write(&format!("{DOWN}\r"));
    terminal.answer("Groups", "");
    terminal.answer("Cover the personal namespace too", "n");
    terminal.answer("Protect groups", "n");
    terminal.answer("Automatically add new repositories", "n");
    terminal.answer("License existing repositories", "");
    terminal.answer("Repositories list synchronization", "");
    terminal.answer("Interval", "");
    terminal.expect("the server");
    terminal.write("\r");
    terminal.answer("Name", "acme");
    terminal.expect("the access token belongs to `alice`, not to `bob`");
    terminal.answer("Proceed?", "authentication");
    terminal.answer("Authentication", "");
    terminal.answer("Login", "alice");
    terminal.expect("use the secret `ours`");
    terminal.write(&format!("{DOWN}\r"));
    terminal.expect("Permissions");
    terminal.answer("Proceed?", "");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
}

#[test]
fn reconnecting_asks_how_and_an_account_that_sees_nothing_is_asked_about() {
    let sim = Sim::company();
    let place = registered(&sim);
    sim.connect(&place, &["--no-sync"]).ok();
    place.ok(&["org", "sync", "acme"]);
    let args = [
        "org",
        "reconnect",
        "acme",
        "--sso",
        "--no-browser",
        "--no-sync",
    ];
    for answer in ["n", "y"] {
        let mut terminal = Terminal::start(&place, &args);
        let entrance = entrance(&mut terminal);
        Browser::open(&entrance).agree(&sim, "bob");
        terminal.expect("sees none of the 4 known repositories");
        terminal.answer("Reconnect all the same?", answer);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(if answer == "y" { 0 } else { 130 }), "{seen}");
    }
    assert_eq!(
        sim.get().oauth().stats().exchanges,
        2,
        "one sign-in is enough for a question"
    );
    assert_eq!(
        place.json(&["org", "show", "acme"])["account"]["login"],
        "bob"
    );
    let mut terminal = Terminal::start(&place, &["org", "reconnect", "acme", "--no-sync"]);
    terminal.expect("Authentication");
    terminal.write(&format!("{DOWN}\r"));
    terminal.answer("Login", "");
    terminal.expect("Access token");
    terminal.write("\u{3}");
    assert_eq!(terminal.end().0, Some(130));
}

#[test]
fn the_form_can_be_left_at_any_time() {
    let place = Place::new();
    let mut terminal = Terminal::start(&place, &["org", "add", "gitlab"]);
    terminal.answer("Host", "");
    terminal.expect("Authentication");
    terminal.write("\u{3}");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(130), "{seen}");
    assert!(seen.contains("canceled; nothing was changed"), "{seen}");
    assert_eq!(
        place.json(&["org", "attempts"])["items"],
        serde_json::json!([])
    );
}

#[test]
fn removing_asks_for_the_name() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--no-sync"]).ok();
    let mut terminal = Terminal::start(&place, &["org", "remove", "acme"]);
    terminal.answer("Type its name to confirm", "acne");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(7), "{seen}");
    let mut terminal = Terminal::start(&place, &["org", "remove", "acme"]);
    terminal.answer("Type its name to confirm", "acme");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(place.json(&["org", "list"])["items"], serde_json::json!([]));
}

#[test]
fn progress_is_drawn_on_a_terminal_and_ctrl_c_ends_it() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    sim.get()
        .fault(Fault::new(FaultKind::Hang).path("/api/graphql"));
    let mut terminal = Terminal::start(&place, &["org", "sync", "acme"]);
    terminal.expect("list");
    let id = i32::try_from(terminal.child.id()).expect("a process id is small");
    let id = rustix::process::Pid::from_raw(id).expect("no process has the number 0");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    terminal.expect("canceled");
    assert_eq!(terminal.end().0, Some(130));
}

#[test]
fn tables_fit_the_terminal() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--license-existing", "matching"])
        .ok();
    let (code, seen) = Terminal::start(&place, &["events"]).end();
    assert_eq!(code, Some(0), "{seen}");
    let widest = seen.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}\n{seen}");
    let piped = place.ok(&["events"]);
    assert!(
        piped.lines().any(|line| line.chars().count() > 100),
        "{piped}"
    );
}
