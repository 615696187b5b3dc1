//! A person with a browser: it follows the address that the program prints, keeps the cookie, and signs in at the simulator.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use gitlab_sim::ApplicationSpec;

use crate::place::{Place, Ran};
use crate::sim::{PATIENCE, Sim};

/// The id of the application that the simulator knows the program as.
pub(crate) const CLIENT: &str = "forgehold-of-the-tests";

/// The redirect URI that is registered at the simulator: without a port.
pub(crate) fn redirect_of(sim: &Sim) -> String {
    let path: String = sim
        .url()
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
            other => format!("~{other:02x}"),
        })
        .collect();
    format!("http://127.0.0.1/callback/{path}")
}

/// A place whose configuration names the application, which is registered at the simulator.
pub(crate) fn registered(sim: &Sim) -> Place {
    let spec = ApplicationSpec::public("Forgehold", &redirect_of(sim)).client_id(CLIENT);
    sim.get()
        .oauth()
        .add_application(&spec)
        .expect("a new application");
    configured(sim)
}

/// A place whose configuration names the application.
pub(crate) fn configured(sim: &Sim) -> Place {
    Place::new().env(
        "FORGEHOLD_OAUTH__CLIENTS",
        &format!("{} {CLIENT}", sim.url()),
    )
}

/// The program while it waits for a person.
pub(crate) struct Waiting {
    pub(crate) child: Child,
    lines: Receiver<String>,
    reader: JoinHandle<()>,
    said: String,
}

impl Waiting {
    pub(crate) fn start(place: &Place, args: &[&str]) -> Self {
        Self::of(place.start(args))
    }

    /// Follows a program that was started with pipes.
    pub(crate) fn of(mut child: Child) -> Self {
        let stderr = child.stderr.take().expect("it is piped");
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                if sender.send(line.expect("the errors are text")).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            reader,
            said: String::new(),
        }
    }

    /// The first line that fits.
    #[track_caller]
    pub(crate) fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("the line never came; there was:\n{}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if fits(&line) {
                return line;
            }
        }
    }

    /// The address that the program wants a person to open.
    #[track_caller]
    pub(crate) fn entrance(&mut self) -> String {
        let line = self.line(|line| line.contains("http://127.0.0.1:") && line.contains("open "));
        let at = line.find("http://127.0.0.1:").expect("it is there");
        let address = line[at..].split_whitespace().next().expect("a word");
        address.to_owned()
    }

    /// The code that the program wants a person to type.
    #[track_caller]
    pub(crate) fn code(&mut self) -> String {
        self.line(|line| line.contains("enter this code"));
        let line = self.line(|line| line.starts_with("    "));
        line.trim().to_owned()
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).expect("a process id is small");
        let id = rustix::process::Pid::from_raw(id).expect("no process has the number 0");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ran {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().expect("it is piped");
        pipe.read_to_string(&mut stdout)
            .expect("the output is text");
        let status = self.child.wait().expect("it ends");
        self.reader.join().expect("it reads to the end");
        for line in self.lines.try_iter() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        Ran {
            code: status.code(),
            stdout,
            stderr: self.said,
        }
    }
}

/// What came back for a request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) page: String,
}

impl Response {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

/// Asks for an address of this machine.
#[track_caller]
pub(crate) fn get(address: &str, fields: &[(&str, &str)]) -> Response {
    try_get(address, fields).expect("somebody answers")
}

/// The same where perhaps nobody listens any more.
#[track_caller]
pub(crate) fn try_get(address: &str, fields: &[(&str, &str)]) -> Option<Response> {
    let rest = address.strip_prefix("http://").expect("plain http");
    let (authority, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(authority).ok()?;
    let mut lines = vec![format!("GET /{path} HTTP/1.1")];
    if !fields.iter().any(|(name, _)| *name == "Host") {
        lines.push(format!("Host: {authority}"));
    }
    lines.extend(
        fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    lines.push("Connection: close\r\n\r\n".to_owned());
    let request = lines.join("\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, page) = answer.split_once("\r\n\r\n")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Some(Response {
        status: status.expect("a status"),
        head: head.replace("\r\n", "\n"),
        page: page.to_owned(),
    })
}

/// The browser of somebody: what it was given by the program, and where it was sent.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) authorization: String,
}

impl Browser {
    /// Opens the address that the program printed.
    #[track_caller]
    pub(crate) fn open(entrance: &str) -> Self {
        let response = get(entrance, &[]);
        assert_eq!(response.status, 302, "{response:?}");
        let cookie = response.field("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("its first part").to_owned();
        let authorization = response
            .field("location")
            .expect("a place to go")
            .to_owned();
        Self {
            cookie,
            authorization,
        }
    }

    /// Goes where the host sends it.
    #[track_caller]
    pub(crate) fn back(&self, location: &str) -> Response {
        get(location, &[("Cookie", &self.cookie)])
    }

    /// Signs in as that user, agrees, and comes back.
    #[track_caller]
    pub(crate) fn agree(&self, sim: &Sim, user: &str) -> Response {
        let oauth = sim.get().oauth();
        let location = oauth.approve(&self.authorization, user).expect("an answer");
        self.back(&location)
    }

    /// Says no, and comes back.
    #[track_caller]
    pub(crate) fn deny(&self, sim: &Sim) -> Response {
        let location = sim
            .get()
            .oauth()
            .deny(&self.authorization)
            .expect("an answer");
        self.back(&location)
    }
}

/// Starts the program, and has that user sign in and agree.
#[track_caller]
pub(crate) fn signed_in(place: &Place, sim: &Sim, user: &str, args: &[&str]) -> Ran {
    let args: Vec<&str> = args.iter().copied().chain(["--no-browser"]).collect();
    let mut waiting = Waiting::start(place, &args);
    let page = Browser::open(&waiting.entrance()).agree(sim, user);
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.page.contains("Return to the terminal"), "{page:?}");
    waiting.end()
}

/// Connects the company as `acme` by a sign-in of `alice`.
#[track_caller]
pub(crate) fn connect(place: &Place, sim: &Sim, flags: &[&str]) -> Ran {
    let mut args = vec![
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
    ];
    args.extend(flags);
    signed_in(place, sim, "alice", &args)
}
