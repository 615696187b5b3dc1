//! `gitlab-sim`: a small GitLab in a process of its own. The README of the crate describes it.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use gitlab_sim::{
    Application, ApplicationSpec, Budget, Control, GitlabSim, IssuedToken, RateLimits, Role,
    Secret, TokenSpec, World, WorldSpec,
};
use serde::Serialize;
use tokio::io::AsyncReadExt;

/// A small GitLab to run against. Prints one line of JSON with its address when it is ready.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent switches"
)]
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The seed of the world: the same seed makes the same world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many groups there are, top-level ones included
    #[arg(long, default_value_t = 20)]
    groups: u32,
    /// How many projects these groups have together
    #[arg(long, default_value_t = 100)]
    projects: u32,
    /// How deep groups nest at most
    #[arg(long, default_value_t = 4)]
    depth: u32,
    /// How many of the groups are at the top
    #[arg(long, default_value_t = 2)]
    roots: u32,
    /// Projects in the personal namespace of `alice`
    #[arg(long, default_value_t = 0)]
    personal: u32,
    /// Public projects of strangers
    #[arg(long, default_value_t = 0)]
    foreign: u32,
    /// How many of those are shared into the first group
    #[arg(long, default_value_t = 0)]
    shared_in: u32,
    /// Whose token is made: a login, or `group:PATH` for a group access token
    #[arg(long, default_value = "alice")]
    token_for: String,
    /// A scope of the token; may be given more than once
    #[arg(long = "scope", default_values_t = [String::from("api")])]
    scopes: Vec<String>,
    /// Writes the token's value into this file, readable by the owner alone
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Puts the token's value into the line of JSON
    #[arg(long)]
    print_token: bool,
    /// Registers an application, `NAME:CLIENT_ID:REDIRECT_URI` for a public one or
    /// `NAME:CLIENT_ID:SECRET:REDIRECT_URI`; may be given more than once
    #[arg(long = "oauth-app", value_name = "NAME:CLIENT_ID[:SECRET]:REDIRECT")]
    oauth_apps: Vec<OauthApp>,
    /// The password of a person for the sign-in page, who is added when the world has none of that
    /// login; may be given more than once
    #[arg(long = "user", value_name = "NAME:PASSWORD")]
    users: Vec<Login>,
    /// How long every answer takes at least, in milliseconds
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Requests a user may make in a minute; `gitlab.com` takes all limits of that site
    #[arg(long)]
    rate_limit: Option<String>,
    /// A relative root such as `/gitlab`
    #[arg(long, default_value = "")]
    prefix: String,
    /// Serves HTTPS and puts the authority's certificate into the line of JSON
    #[arg(long)]
    tls: bool,
    /// Refuses GraphQL
    #[arg(long)]
    no_graphql: bool,
    /// Opens the control interface on this port of 127.0.0.1; 0 takes a free one
    #[arg(long)]
    control_port: Option<u16>,
    /// Stops when standard input ends, so that it never outlives the process that started it
    #[arg(long)]
    stop_with_stdin: bool,
}

/// An application of `--oauth-app`.
#[derive(Debug, Clone)]
struct OauthApp(ApplicationSpec);

impl FromStr for OauthApp {
    type Err = &'static str;

    /// The redirect URI begins with the scheme in front of its `://`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = "it must be NAME:CLIENT_ID:REDIRECT_URI or NAME:CLIENT_ID:SECRET:REDIRECT_URI";
        let (name, rest) = text.split_once(':').ok_or(shape)?;
        let (client_id, rest) = rest.split_once(':').ok_or(shape)?;
        let slashes = rest.find("://").ok_or(shape)?;
        let scheme = rest[..slashes].rfind(':').map_or(0, |colon| colon + 1);
        let (secret, redirect_uri) = rest.split_at(scheme);
        if name.is_empty() || client_id.is_empty() {
            return Err(shape);
        }
        let spec = ApplicationSpec::public(name, redirect_uri).client_id(client_id);
        Ok(Self(match secret.strip_suffix(':') {
            None => spec,
            Some("") => return Err("the secret is empty"),
            Some(secret) => spec.secret(secret),
        }))
    }
}

/// A person of `--user`.
#[derive(Debug, Clone)]
struct Login {
    username: String,
    password: Secret,
}

impl FromStr for Login {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((username, password)) if !username.is_empty() && !password.is_empty() => {
                Ok(Self {
                    username: username.to_owned(),
                    password: password.into(),
                })
            }
            _ => Err("it must be NAME:PASSWORD"),
        }
    }
}

/// The line that is printed when everything is ready.
#[derive(Debug, Serialize)]
struct Ready {
    url: String,
    control: Option<String>,
    ca_pem: Option<String>,
    groups: usize,
    projects: usize,
    oauth_apps: Vec<Application>,
    token: TokenFacts,
}

#[derive(Debug, Serialize)]
struct TokenFacts {
    id: u64,
    user: String,
    scopes: Vec<String>,
    expires_at: Option<String>,
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(|error| format!("cannot start the runtime: {error}"))
        .and_then(|runtime| {
            let done = runtime.block_on(run(args));
            // A read of standard input cannot be taken back.
            runtime.shutdown_background();
            done
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "gitlab-sim: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let limits = args
        .rate_limit
        .as_deref()
        .map_or(Ok(RateLimits::off()), limits)?;
    let stop_with_stdin = args.stop_with_stdin;
    let spec = WorldSpec::new(args.seed)
        .groups(args.groups)
        .projects(args.projects)
        .depth(args.depth)
        .roots(args.roots)
        .personal(args.personal)
        .foreign(args.foreign)
        .shared_in(args.shared_in);
    let token = match args.token_for.strip_prefix("group:") {
        Some(group) => TokenSpec::group(group, Role::Owner),
        None => TokenSpec::user(&args.token_for),
    };
    let mut builder = GitlabSim::builder()
        .world(World::generate(&spec))
        .token(token.scopes(args.scopes.clone()))
        .listen(args.listen)
        .latency(Duration::from_millis(args.latency_ms))
        .prefix(&args.prefix)
        .rate_limits(limits);
    for OauthApp(application) in &args.oauth_apps {
        builder = builder.application(application.clone());
    }
    for login in &args.users {
        builder = builder.user(&login.username, login.password.clone());
    }
    if args.tls {
        builder = builder.tls();
    }
    if args.no_graphql {
        builder = builder.without_graphql();
    }
    let sim = builder.start().await.map_err(|error| chain(&error))?;
    let control = match args.control_port {
        None => None,
        Some(port) => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let opened = Control::start(&sim, address).await;
            Some(opened.map_err(|error| format!("cannot open the control interface: {error}"))?)
        }
    };
    let issued = sim.tokens().first().ok_or("no token was made")?;
    if let Some(file) = &args.token_file {
        write_secret(file, &issued.value)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    let ready = ready(&sim, control.as_ref(), issued, &args);
    let line = serde_json::to_string(&ready).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{line}").map_err(|error| format!("cannot print: {error}"))?;
    wait_for_the_end(stop_with_stdin).await;
    sim.shutdown().await;
    Ok(())
}

fn ready(sim: &GitlabSim, control: Option<&Control>, issued: &IssuedToken, args: &Args) -> Ready {
    let (groups, projects) = sim
        .world()
        .read(|world| (world.groups().count(), world.projects().count()));
    Ready {
        url: sim.url().to_owned(),
        control: control.map(Control::url),
        ca_pem: sim.ca_pem().map(str::to_owned),
        groups,
        projects,
        oauth_apps: sim
            .world()
            .read(|world| world.applications().cloned().collect()),
        token: TokenFacts {
            id: issued.id.0,
            user: issued.username.clone(),
            scopes: issued.scopes.clone(),
            expires_at: issued.expires_at.map(|day| day.to_string()),
            file: args.token_file.clone(),
            value: args.print_token.then(|| issued.value.clone()),
        },
    }
}

fn limits(text: &str) -> Result<RateLimits, String> {
    if text == "gitlab.com" {
        return Ok(RateLimits::gitlab_com());
    }
    let requests = text
        .parse()
        .map_err(|_| format!("--rate-limit takes a number or `gitlab.com`, not `{text}`"))?;
    Ok(RateLimits {
        authenticated: Some(Budget::per_minute(requests)),
        headers_on_success: true,
        ..RateLimits::off()
    })
}

fn write_secret(file: &std::path::Path, value: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(value.as_bytes())
}

/// Returns on Ctrl-C, on SIGTERM and, where wanted, at the end of standard input.
async fn wait_for_the_end(stop_with_stdin: bool) {
    let input = async {
        if !stop_with_stdin {
            return std::future::pending().await;
        }
        let mut bytes = [0; 1024];
        let mut input = tokio::io::stdin();
        while matches!(input.read(&mut bytes).await, Ok(read) if read > 0) {}
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
        () = input => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// An error with everything that led to it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
