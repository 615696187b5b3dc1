//! Every layer, every mistake.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret;

use super::keys::KEYS;
use super::*;

/// A home directory, a file and an environment.
struct Case {
    home: tempfile::TempDir,
    sources: ConfigSources,
}

impl Case {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut case = Self {
            home,
            sources: ConfigSources::default(),
        };
        let path = case.home.path().display().to_string();
        case.set("HOME", &path);
        case
    }

    fn set(&mut self, variable: &str, value: &str) {
        self.sources
            .environment
            .insert(variable.into(), value.into());
    }

    fn with(mut self, variable: &str, value: &str) -> Self {
        self.set(variable, value);
        self
    }

    /// A file that `--config` names.
    fn named(mut self, text: &str) -> Self {
        let path = self.home.path().join("named.toml");
        fs::write(&path, text).unwrap();
        self.sources.file = Some(path);
        self
    }

    /// The file in the default data directory.
    fn implied(self, text: &str) -> Self {
        let directory = self.home.path().join(".local/share/forgehold");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), text).unwrap();
        self
    }

    #[track_caller]
    fn load(&self) -> Config {
        match Config::load(&self.sources) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn refused(&self) -> String {
        let error = Config::load(&self.sources).expect_err("refused");
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text = format!("{text}: {source}");
        }
        text.replace(&self.home.path().display().to_string(), "<home>")
    }

    fn home(&self, rest: &str) -> PathBuf {
        self.home.path().join(rest)
    }
}

#[test]
fn nothing_set_is_the_defaults() {
    let case = Case::new();
    let config = case.load();
    assert_eq!(config.data_dir, case.home(".local/share/forgehold"));
    assert_eq!(config.vault.key, VaultKey::GeneratedFile);
    assert!(config.http.ca_files.is_empty());
    assert!(matches!(config.http.proxy, ProxyConfig::Environment));
    assert_eq!(config.http.connect_timeout, Duration::from_secs(10));
    assert_eq!(config.http.request_timeout, Duration::from_mins(1));
    assert_eq!(config.http.max_concurrency, 8);
    assert_eq!(config.http.max_wait, Duration::from_mins(15));
    assert_eq!(config.sync.lease, Duration::from_mins(1));
    assert_eq!(config.sync.concurrency, 2);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert!(config.server.allowed_hosts.is_empty());
    assert!(config.server.trusted_proxies.is_empty());
    assert_eq!(config.server.tls_certificate, None);
    assert_eq!(config.server.session_idle, Duration::from_hours(2));
    assert_eq!(config.server.session_lifetime, Duration::from_hours(12));
    assert_eq!(config.server.metrics, MetricsAccess::Token);
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(config.log.format, LogFormat::Text);
    assert!(!config.data_dir.exists());
}

#[test]
fn the_environment_is_over_the_file_and_the_file_over_the_defaults() {
    let text = "
        [http]
        max_concurrency = 3
        request_timeout = '90s'
        [sync]
        concurrency = 5
    ";
    for case in [Case::new().named(text), Case::new().implied(text)] {
        let config = case.with("FORGEHOLD_HTTP__MAX_CONCURRENCY", "4").load();
        assert_eq!(config.http.max_concurrency, 4);
        assert_eq!(config.http.request_timeout, Duration::from_secs(90));
        assert_eq!(config.http.connect_timeout, Duration::from_secs(10));
        assert_eq!(config.sync.concurrency, 5);
    }
}

#[test]
fn the_data_directory_is_decided_in_its_order() {
    let case = Case::new().with("XDG_DATA_HOME", "/xdg");
    assert_eq!(case.load().data_dir, Path::new("/xdg/forgehold"));
    let case = case.with("XDG_DATA_HOME", "relative");
    assert_eq!(case.load().data_dir, case.home(".local/share/forgehold"));
    let case = case.named("data_dir = 'beside'");
    assert_eq!(case.load().data_dir, case.home("beside"));
    let mut case = case.with("FORGEHOLD_DATA_DIR", "/set");
    assert_eq!(case.load().data_dir, Path::new("/set"));
    case.sources.data_dir = Some("/argument".into());
    assert_eq!(case.load().data_dir, Path::new("/argument"));
}

#[test]
fn without_a_home_a_data_directory_must_be_named() {
    let mut case = Case::new();
    case.sources.environment.clear();
    insta::assert_snapshot!(case.refused(), @"there is no data directory: set FORGEHOLD_DATA_DIR, since neither XDG_DATA_HOME nor HOME says where data belongs");
    assert_eq!(
        case.named("data_dir = '/data'").load().data_dir,
        Path::new("/data")
    );
}

#[test]
fn values_of_every_kind() {
    let case = Case::new().named(
        "
        [vault]
        key = 'file:keys/vault.key'
        [http]
        ca_files = ['one.pem', '/etc/two.pem']
        proxy = 'http://user:hunter2@proxy.example.com:3128'
        connect_timeout = '500ms'
        max_wait = '2h'
        [sync]
        lease_seconds = 30
        [log]
        level = 'debug'
        format = 'json'
        ",
    );
    let config = case.load();
    assert_eq!(
        config.vault.key,
        VaultKey::File(case.home("keys/vault.key"))
    );
    assert_eq!(
        config.http.ca_files,
        [case.home("one.pem"), PathBuf::from("/etc/two.pem")]
    );
    let ProxyConfig::Url(proxy) = &config.http.proxy else {
        panic!("{:?}", config.http.proxy);
    };
    assert_eq!(
        proxy.expose_secret(),
        "http://user:hunter2@proxy.example.com:3128"
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.http.connect_timeout, Duration::from_millis(500));
    assert_eq!(config.http.max_wait, Duration::from_hours(2));
    assert_eq!(config.sync.lease, Duration::from_secs(30));
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.format, LogFormat::Json);

    let config = case
        .with("FORGEHOLD_VAULT__KEY", "passphrase-file:/run/secrets/pass")
        .with("FORGEHOLD_HTTP__CA_FILES", "a.pem:/b.pem")
        .with("FORGEHOLD_HTTP__PROXY", "none")
        .load();
    assert_eq!(
        config.vault.key,
        VaultKey::PassphraseFile("/run/secrets/pass".into())
    );
    assert_eq!(
        config.http.ca_files,
        [Path::new("a.pem"), Path::new("/b.pem")]
    );
    assert!(matches!(config.http.proxy, ProxyConfig::None));
}

#[test]
fn all_mistakes_are_told_at_once_each_at_its_place() {
    let case = Case::new()
        .named(
            "
            data_dirr = '/data'
            timeout = 5
            log = 'debug'
            [http]
            request_timeot = '5s'
            connect_timeout = 30
            max_concurrency = 0
            proxy = 'socks5://user:hunter2@proxy'
            ca_files = ['~/ca.pem', 3]
            [sync]
            concurrency = 2.5
            lease_seconds = [60]
            [sink.deep]
            level = 'info'
            ",
        )
        .with("FORGEHOLD_HTTP__MAX_WAIT", "forever")
        .with("FORGEHOLD_SYNC__LEASE", "60")
        .with("FORGEHOLD_DATADIR", "/data")
        .with("FORGEHOLD_VAULT__KEY", "hunter2");
    let refused = case.refused();
    assert!(!refused.contains("hunter2"));
    insta::assert_snapshot!(refused, @"
    the configuration is not right:
      <home>/named.toml: `data_dirr`: there is no such setting; did you mean `data_dir`?
      <home>/named.toml: `http.ca_files`: `~/ca.pem`: `~` is not replaced here; write the whole path
      <home>/named.toml: `http.connect_timeout`: `30` is not a duration; write a whole number and its unit, like 500ms, 30s, 5m or 2h
      <home>/named.toml: `http.max_concurrency`: `0` is not from 1 to 64
      <home>/named.toml: `http.proxy`: write `environment`, `none` or a URL like `http://proxy.example.com:3128`
      <home>/named.toml: `http.request_timeot`: there is no such setting; did you mean `http.request_timeout`?
      <home>/named.toml: `log`: this is a section, not a setting
      <home>/named.toml: `sink.deep.level`: there is no such setting; did you mean `log.level`?
      <home>/named.toml: `sync.concurrency`: a whole number or a text is expected
      <home>/named.toml: `sync.lease_seconds`: a text or a number is expected
      <home>/named.toml: `timeout`: there is no such setting; docs/configuration.md lists them all
      environment variable FORGEHOLD_DATADIR: `datadir`: there is no such setting; did you mean `data_dir`?
      environment variable FORGEHOLD_HTTP__MAX_WAIT: `http.max_wait`: `forever` is not a duration; write a whole number and its unit, like 500ms, 30s, 5m or 2h
      environment variable FORGEHOLD_SYNC__LEASE: `sync.lease`: there is no such setting; did you mean `sync.lease_seconds`?
      environment variable FORGEHOLD_VAULT__KEY: `vault.key`: write `generated-file`, `file:PATH`, `passphrase-file:PATH` or `transit:NAME`
    ");
}

fn clients(case: &Case) -> Vec<String> {
    let words = |client: &OauthClient| {
        let file = client.secret_file.as_ref().map(|path| {
            let path = path.display().to_string();
            path.replace(&case.home.path().display().to_string(), "<home>")
        });
        format!("{} {} {file:?}", client.host, client.client)
    };
    case.load().oauth.clients.iter().map(words).collect()
}

#[test]
fn applications_are_tables_in_a_file_and_a_text_in_the_environment() {
    assert_eq!(clients(&Case::new()), Vec::<String>::new());
    let case = Case::new().named(
        "
        [[oauth.clients]]
        host = 'https://gitlab.com/'
        client_id = 'aabb01'
        [[oauth.clients]]
        host = 'https://git.example.com:8443/gitlab'
        client_id = 'ccdd02'
        client_secret_file = 'secrets/git client'
        ",
    );
    assert_eq!(
        clients(&case),
        [
            "https://gitlab.com aabb01 None",
            "https://git.example.com:8443/gitlab ccdd02 Some(\"<home>/secrets/git client\")",
        ]
    );
    // As with every other setting, one place has it all.
    let case = case.with(
        "FORGEHOLD_OAUTH__CLIENTS",
        "https://gitlab.com  eeff03; http://127.0.0.1:8080/x 0a0b file:/run/my secrets/id ;",
    );
    assert_eq!(
        clients(&case),
        [
            "https://gitlab.com eeff03 None",
            "http://127.0.0.1:8080/x 0a0b Some(\"/run/my secrets/id\")",
        ]
    );
    assert_eq!(
        clients(&case.with("FORGEHOLD_OAUTH__CLIENTS", "")),
        Vec::<String>::new()
    );
}

#[test]
fn all_that_is_wrong_with_applications_is_told_at_once() {
    let case = Case::new().named(
        "
        [[oauth.clients]]
        host = 'gitlab.example.com'
        client_id = 'two words'
        [[oauth.clients]]
        host = 'https://gitlab.com'
        client_id = 'a'
        client_secret = 'hunter2'
        [[oauth.clients]]
        host = 'https://GITLAB.com:443/'
        client_id = 'b'
        client_secret_file = '~/secret'
        [[oauth.clients]]
        host = 'https://gitlab.com'
        client_id = 'c'
        [[oauth.clients]]
        hots = 'https://gitlab.com'
        client_id = 7
        [[oauth.clients]]
        host = 'https://GitLab.com:443'
        client_id = 'd'
        ",
    );
    let refused = case.refused();
    assert!(!refused.contains("hunter2"));
    insta::assert_snapshot!(refused, @"
    the configuration is not right:
      <home>/named.toml: `oauth.clients`: application 1: the client id must be 1 to 255 visible ASCII characters without spaces; copy it from the application's page at the host
      <home>/named.toml: `oauth.clients`: application 1: the host `gitlab.example.com` has no scheme; write https://gitlab.example.com
      <home>/named.toml: `oauth.clients`: application 2: `client_secret` would be readable in the configuration; put it into a file of its own and name that with `client_secret_file`
      <home>/named.toml: `oauth.clients`: application 3: its client secret file: `~/secret`: `~` is not replaced here; write the whole path
      <home>/named.toml: `oauth.clients`: application 5: `hots` is no field of an application; there are `host`, `client_id` and `client_secret_file`
      <home>/named.toml: `oauth.clients`: application 5: its host is missing
      <home>/named.toml: `oauth.clients`: application 6: https://gitlab.com has one already, and a host has no more than one
    ");
    let case = Case::new().with(
        "FORGEHOLD_OAUTH__CLIENTS",
        "https://gitlab.com;;https://git.example.com id hunter2",
    );
    let refused = case.refused();
    assert!(!refused.contains("hunter2"));
    insta::assert_snapshot!(refused, @"
    the configuration is not right:
      environment variable FORGEHOLD_OAUTH__CLIENTS: `oauth.clients`: application 1: its client id is missing
      environment variable FORGEHOLD_OAUTH__CLIENTS: `oauth.clients`: application 2: behind the client id only `file:CLIENT_SECRET_FILE` is expected
    ");
    let case = Case::new().named("oauth.clients = ['https://gitlab.com id', 3]");
    insta::assert_snapshot!(case.refused(), @"
    the configuration is not right:
      <home>/named.toml: `oauth.clients`: application 1: a table with `host` and `client_id` is expected
      <home>/named.toml: `oauth.clients`: application 2: a table with `host` and `client_id` is expected
    ");
    let case = Case::new().named("[oauth]\nclients = 3\n[oauth.client]\nhost = 'x'");
    insta::assert_snapshot!(case.refused(), @"
    the configuration is not right:
      <home>/named.toml: `oauth.client.host`: there is no such setting; docs/configuration.md lists them all
      <home>/named.toml: `oauth.clients`: application 1: a table with `host` and `client_id` is expected
    ");
}

#[test]
fn bounds_hold_at_their_edges() {
    for key in KEYS {
        let Some((least, most)) = key.bounds else {
            continue;
        };
        for value in [least, most] {
            Case::new().with(&key.variable(), value).load();
        }
        for beyond in [
            "0",
            "0s",
            "99999999",
            "99999h",
            "-1",
            "-1s",
            "1 s",
            "",
            "18446744073709551616",
            "18446744073709551615h",
        ] {
            let refused = Case::new().with(&key.variable(), beyond).refused();
            assert!(refused.contains(&key.variable()), "{refused}");
        }
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    Case::new()
        .with("FORGEHOLD_PORT", "tcp://10.0.0.1:80")
        .with("FORGEHOLD_SERVICE_HOST", "10.0.0.1")
        .with("FORGEHOLD_GITLAB_DATA", "/somewhere")
        .with("forgehold_data_dir", "/lower")
        .load();
}

#[test]
fn a_file_that_cannot_be_used_is_told() {
    let mut case = Case::new().named("[http]\nproxy = http://user:hunter2@proxy\n");
    insta::assert_snapshot!(case.refused(), @r#"the configuration file <home>/named.toml is not valid TOML: TOML parse error at line 2, column 9: expected `"`, `'`"#);
    case.sources.file = Some(case.home("gone.toml"));
    insta::assert_snapshot!(case.refused(), @"the configuration file <home>/gone.toml cannot be read: No such file or directory (os error 2)");
    let case = Case::new().implied("data_dir = '/elsewhere'");
    insta::assert_snapshot!(case.refused(), @"
    the configuration is not right:
      <home>/.local/share/forgehold/config.toml: `data_dir`: this file is found by the data directory, so it cannot say where that is; set FORGEHOLD_DATA_DIR
    ");
}

#[test]
fn a_server_is_configured_whole_or_not_at_all() {
    assert_eq!(Case::new().load().vault.openbao, None);
    let refused = |more: &[(&str, &str)]| {
        let mut case = Case::new();
        for (name, value) in more {
            case.set(&format!("FORGEHOLD_{name}"), value);
        }
        case.refused()
    };
    let address = ("OPENBAO__ADDRESS", "https://bao.example.com:8200");
    insta::assert_snapshot!(refused(&[("VAULT__DEFAULT", "openbao"), ("VAULT__KEY", "transit:fh")]), @"
    the configuration is not right:
      environment variable FORGEHOLD_VAULT__DEFAULT: `vault.default`: this needs the server that `openbao.address` names
      environment variable FORGEHOLD_VAULT__KEY: `vault.key`: this needs the server that `openbao.address` names
    ");
    insta::assert_snapshot!(refused(&[address]), @"
    the configuration is not right:
      default: `openbao.role_id`: this is needed for `openbao.auth = \"approle\"`, which is the default
      default: `openbao.secret_id_file`: this is needed for `openbao.auth = \"approle\"`, which is the default
    ");
    insta::assert_snapshot!(refused(&[address, ("OPENBAO__AUTH", "kubernetes")]), @"
    the configuration is not right:
      default: `openbao.role`: this is needed for `openbao.auth = \"kubernetes\"`
    ");
    insta::assert_snapshot!(refused(&[address, ("OPENBAO__AUTH", "certificate")]), @"
    the configuration is not right:
      default: `openbao.client_certificate_file`: this is needed for `openbao.auth = \"certificate\"`
      default: `openbao.client_key_file`: this is needed for `openbao.auth = \"certificate\"`
    ");
    insta::assert_snapshot!(refused(&[address, ("OPENBAO__AUTH", "token"), ("OPENBAO__PREFIX", "")]), @"
    the configuration is not right:
      environment variable FORGEHOLD_OPENBAO__PREFIX: `openbao.prefix`: it is empty; write a path
      default: `openbao.token_file`: this is needed for `openbao.auth = \"token\"`
    ");
    insta::assert_snapshot!(refused(&[("OPENBAO__ADDRESS", "https://u:hunter2@bao"), ("OPENBAO__MOUNT", "a/../b"), ("OPENBAO__AUTH", "approle ")]), @"
    the configuration is not right:
      environment variable FORGEHOLD_OPENBAO__ADDRESS: `openbao.address`: write a URL like `https://bao.example.com:8200`
      environment variable FORGEHOLD_OPENBAO__AUTH: `openbao.auth`: `approle ` is none of `approle`, `token`, `kubernetes` or `certificate`
      environment variable FORGEHOLD_OPENBAO__MOUNT: `openbao.mount`: write steps of letters, digits, `.`, `_` and `-`, with `/` between them, and none of dots alone
    ");
    let case = Case::new()
        .with("FORGEHOLD_OPENBAO__ADDRESS", address.1)
        .with("FORGEHOLD_OPENBAO__AUTH", "kubernetes")
        .with("FORGEHOLD_OPENBAO__ROLE", "forgehold")
        .with("FORGEHOLD_VAULT__KEY", "transit:fh");
    let vault = case.load().vault;
    assert_eq!(vault.key, VaultKey::Transit("fh".to_owned()));
    let server = vault.openbao.unwrap();
    assert_eq!(
        (server.mount.as_str(), server.prefix.as_str()),
        ("secret", "forgehold")
    );
    assert_eq!(
        server.auth,
        OpenBaoAuthConfig::Kubernetes {
            mount: "kubernetes".to_owned(),
            role: "forgehold".to_owned(),
            jwt_file: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
        }
    );
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("FORGEHOLD_UPDATE_DOCS").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference(),
        "docs/configuration.md is out of date: run `cargo xtask codegen`"
    );
}

#[test]
fn every_setting_of_the_reference_is_read() {
    // A value that no setting takes is refused under the name of each.
    let mut case = Case::new();
    for key in KEYS {
        case.set(&key.variable(), "~/\u{1b}");
    }
    let refused = case.refused();
    for key in KEYS {
        assert!(
            refused.contains(&key.variable()),
            "{} is not read",
            key.name
        );
    }
}

#[test]
fn a_provider_is_configured_whole_or_not_at_all() {
    assert_eq!(Case::new().load().server.oidc, None);
    let refused = |more: &[(&str, &str)]| {
        let mut case = Case::new();
        for (name, value) in more {
            case.set(&format!("FORGEHOLD_SERVER__{name}"), value);
        }
        case.refused()
    };
    let issuer = ("OIDC__ISSUER", "https://id.example.com/realms/company");
    insta::assert_snapshot!(refused(&[issuer]), @r#"
    the configuration is not right:
      environment variable FORGEHOLD_SERVER__OIDC__ISSUER: `server.oidc.issuer`: this needs `server.public_url` with https, or with http and 127.0.0.1, where the provider sends browsers back to
      default: `server.oidc.client_id`: this is needed for `server.oidc.issuer`
      default: `server.oidc.roles`: without a role for a group nobody gets in; write something like "admins=administrator"
    "#);
    let good = [
        issuer,
        ("PUBLIC_URL", "https://forgehold.example.com"),
        ("OIDC__CLIENT_ID", "forgehold"),
        ("OIDC__ROLES", "cn=admins=administrator,staff=viewer"),
    ];
    let with = |name, value| {
        let mut all = good.to_vec();
        all.push((name, value));
        refused(&all)
    };
    insta::assert_snapshot!(with("PUBLIC_URL", "http://forgehold.example.com"), @r"
    the configuration is not right:
      environment variable FORGEHOLD_SERVER__OIDC__ISSUER: `server.oidc.issuer`: this needs `server.public_url` with https, or with http and 127.0.0.1, where the provider sends browsers back to
    ");
    insta::assert_snapshot!(with("OIDC__ROLES", "admins=boss"), @r"
    the configuration is not right:
      environment variable FORGEHOLD_SERVER__OIDC__ROLES: `server.oidc.roles`: `boss` is none of viewer, operator and administrator
    ");
    insta::assert_snapshot!(with("OIDC__ROLES", "admins"), @r"
    the configuration is not right:
      environment variable FORGEHOLD_SERVER__OIDC__ROLES: `server.oidc.roles`: `admins` is not GROUP=ROLE
    ");
    insta::assert_snapshot!(with("OIDC__CREATE_ACCOUNTS", "yes"), @r"
    the configuration is not right:
      environment variable FORGEHOLD_SERVER__OIDC__CREATE_ACCOUNTS: `server.oidc.create_accounts`: `yes` is none of `true` or `false`
    ");
    // Somebody puts the secret itself where its file belongs to; it is not repeated.
    let secret = with("OIDC__CLIENT_SECRET", "hunter2");
    assert!(
        secret.contains("did you mean `server.oidc.client_secret_file`?")
            && !secret.contains("hunter2"),
        "{secret}"
    );

    let mut case = Case::new();
    for (name, value) in good {
        case.set(&format!("FORGEHOLD_SERVER__{name}"), value);
    }
    let oidc = case.load().server.oidc.unwrap();
    assert_eq!(
        oidc.redirect.as_str(),
        "https://forgehold.example.com/sign-in/callback"
    );
    assert_eq!(oidc.roles[0].group, "cn=admins");
    assert_eq!(oidc.scopes, ["profile", "email"]);
    assert!(oidc.create_accounts);

    let case = Case::new().named(
        r#"
        [server]
        public_url = "https://forgehold.example.com"

        [server.oidc]
        issuer = "https://id.example.com/"
        client_id = "forgehold"
        client_secret_file = "oidc-secret"
        label = "Example Inc."
        scopes = ["profile", "email", "groups"]
        roles = ["CN=a,OU=b=administrator", "staff=viewer"]
        create_accounts = false
        "#,
    );
    let oidc = case.load().server.oidc.unwrap();
    assert_eq!(
        oidc.issuer, "https://id.example.com/",
        "kept as it is written"
    );
    assert_eq!(oidc.roles[0].group, "CN=a,OU=b");
    assert!(oidc.client_secret_file.unwrap().is_absolute());
    assert!(!oidc.create_accounts);
}
