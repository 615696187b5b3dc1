//! The table of all settings: what is read, and what `docs/configuration.md` says.

/// One setting.
pub(super) struct Key {
    /// Its name, with dots between its parts.
    pub(super) name: &'static str,
    /// Its value when nobody sets it, as it would be written in the environment; empty for none.
    pub(super) default: &'static str,
    /// What it takes, in words.
    pub(super) takes: &'static str,
    /// What it is for.
    pub(super) purpose: &'static str,
    /// The least and the most, for numbers and durations, written like the default.
    pub(super) bounds: Option<(&'static str, &'static str)>,
}

/// What every variable's name begins with.
pub(super) const PREFIX: &str = "FORGEHOLD_";

pub(super) const DATA_DIR: &str = "data_dir";

pub(super) const KEYS: &[Key] = &[
    Key {
        name: DATA_DIR,
        // Computed, since it depends on the home directory.
        default: "",
        takes: "path",
        purpose: "Where everything is kept: the database, the vault and its key. Not allowed in the `config.toml` that stands in the data directory itself.",
        bounds: None,
    },
    Key {
        name: "vault.key",
        default: "generated-file",
        takes: "`generated-file`, `file:PATH`, `passphrase-file:PATH` or `transit:NAME`",
        purpose: "Where the key of the embedded vault comes from: `vault.key` in the data directory, made at the first start; a file with 64 hexadecimal digits; a passphrase on the first line of a file; or a key of that name in the transit engine of the server in `openbao.address`, which never leaves it. A file must be readable for its owner alone.",
        bounds: None,
    },
    Key {
        name: "vault.default",
        default: "embedded",
        takes: "`embedded` or `openbao`",
        purpose: "The vault that new secrets go to. Those that are there stay where they are until `forgehold secret move` moves them.",
        bounds: None,
    },
    Key {
        name: "vault.max_wait",
        default: "15m",
        takes: "duration",
        purpose: "How long a sync waits for a vault that is sealed or does not answer, before it fails and is tried again by its schedule.",
        bounds: Some(("1s", "24h")),
    },
    Key {
        name: "openbao.address",
        default: "",
        takes: "URL like `https://bao.example.com:8200`",
        purpose: "The company's own server of OpenBao or HashiCorp Vault. Without an address there is none, and the other settings of `openbao` do nothing. `http://` is allowed for this machine alone. docs/vault.md tells how to set the server up.",
        bounds: None,
    },
    Key {
        name: "openbao.namespace",
        default: "",
        takes: "path of a namespace",
        purpose: "The namespace that everything is in.",
        bounds: None,
    },
    Key {
        name: "openbao.mount",
        default: "secret",
        takes: "path of a mount",
        purpose: "Where the KV engine is mounted; it must be of version 2.",
        bounds: None,
    },
    Key {
        name: "openbao.prefix",
        default: "forgehold",
        takes: "path",
        purpose: "What every path of this installation begins with. Two installations must not share it: each removes what it does not know.",
        bounds: None,
    },
    Key {
        name: "openbao.ca_files",
        default: "",
        takes: "list of paths; in the environment with `:` between them",
        purpose: "Certificate authorities to trust for the server instead of those of the machine, as PEM files.",
        bounds: None,
    },
    Key {
        name: "openbao.auth",
        default: "approle",
        takes: "`approle`, `token`, `kubernetes` or `certificate`",
        purpose: "How Forgehold says who it is.",
        bounds: None,
    },
    Key {
        name: "openbao.auth_mount",
        default: "",
        takes: "path of a mount",
        purpose: "Where the method is mounted below `auth/`; by default `approle`, `kubernetes` or `cert`.",
        bounds: None,
    },
    Key {
        name: "openbao.role",
        default: "",
        takes: "name of a role",
        purpose: "The role of `kubernetes`, which needs one, and of `certificate`, which tries all without.",
        bounds: None,
    },
    Key {
        name: "openbao.role_id",
        default: "",
        takes: "the role id of an AppRole",
        purpose: "The role of `approle`. It is no secret by itself.",
        bounds: None,
    },
    Key {
        name: "openbao.secret_id_file",
        default: "",
        takes: "path",
        purpose: "A file with the secret id of `approle`, for its owner alone. It is read anew at each login.",
        bounds: None,
    },
    Key {
        name: "openbao.token_file",
        default: "",
        takes: "path",
        purpose: "A file with the token of `token`, for its owner alone. It is read anew when the token has ended.",
        bounds: None,
    },
    Key {
        name: "openbao.jwt_file",
        default: "/var/run/secrets/kubernetes.io/serviceaccount/token",
        takes: "path",
        purpose: "The token of the service account for `kubernetes`, read anew at each login.",
        bounds: None,
    },
    Key {
        name: "openbao.client_certificate_file",
        default: "",
        takes: "path",
        purpose: "The client certificate of `certificate` with its chain, as a PEM file. It is read anew at each login.",
        bounds: None,
    },
    Key {
        name: "openbao.client_key_file",
        default: "",
        takes: "path",
        purpose: "The key of the client certificate, as a PEM file for its owner alone.",
        bounds: None,
    },
    Key {
        name: "openbao.transit_mount",
        default: "transit",
        takes: "path of a mount",
        purpose: "Where the transit engine is mounted, for `vault.key = \"transit:NAME\"`.",
        bounds: None,
    },
    Key {
        name: "http.ca_files",
        default: "",
        takes: "list of paths; in the environment with `:` between them",
        purpose: "Certificate authorities to trust besides those of the machine, as PEM files.",
        bounds: None,
    },
    Key {
        name: "http.proxy",
        default: "environment",
        takes: "`environment`, `none` or a URL like `http://proxy.example.com:3128`",
        purpose: "Which way requests go. `environment` follows `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.",
        bounds: None,
    },
    Key {
        name: "http.connect_timeout",
        default: "10s",
        takes: "duration",
        purpose: "How long a connection to a host may take to open.",
        bounds: Some(("100ms", "5m")),
    },
    Key {
        name: "http.request_timeout",
        default: "60s",
        takes: "duration",
        purpose: "How long one request may take until its last byte.",
        bounds: Some(("1s", "1h")),
    },
    Key {
        name: "http.max_concurrency",
        default: "8",
        takes: "number",
        purpose: "How many requests one host may have to answer at a time, all organizations together.",
        bounds: Some(("1", "64")),
    },
    Key {
        name: "http.max_wait",
        default: "15m",
        takes: "duration",
        purpose: "How long one request waits altogether when the host limits the rate; beyond it the sync ends as partial.",
        bounds: Some(("1s", "24h")),
    },
    Key {
        name: "oauth.clients",
        default: "",
        takes: "in a file a list of tables with `host`, `client_id` and, for a confidential application, `client_secret_file`; in the environment `HOST CLIENT_ID` or `HOST CLIENT_ID file:CLIENT_SECRET_FILE`, with `;` between two of them",
        purpose: "The applications that were registered at hosts for signing in (SSO), at most one for each host; docs/single-sign-on.md tells how. A client id is no secret. The secret of a confidential application stands alone in a file that is readable for its owner alone.",
        bounds: None,
    },
    Key {
        name: "sync.lease_seconds",
        default: "60",
        takes: "number",
        purpose: "For how many seconds a program that gives no sign of life keeps an organization to itself; then another may synchronize it.",
        bounds: Some(("10", "3600")),
    },
    Key {
        name: "sync.concurrency",
        default: "2",
        takes: "number",
        purpose: "How many organizations are synchronized at a time.",
        bounds: Some(("1", "64")),
    },
    Key {
        name: "server.listen",
        default: "127.0.0.1:8080",
        takes: "an address with a port",
        purpose: "Where `forgehold-server` listens. Beyond this machine it does so only with TLS of its own or behind a trusted proxy.",
        bounds: None,
    },
    Key {
        name: "server.public_url",
        default: "",
        takes: "a URL like `https://forgehold.example.com`",
        purpose: "The address that people type. Requests to other names are refused; with `https`, cookies travel over https alone. Without one, the names of this machine itself are allowed: `localhost`, `127.0.0.1` and `[::1]`, each with the port of the listener.",
        bounds: None,
    },
    Key {
        name: "server.allowed_hosts",
        default: "",
        takes: "list of names; in the environment with `,` between them",
        purpose: "Names besides that of `server.public_url` that requests may be made to.",
        bounds: None,
    },
    Key {
        name: "server.tls_certificate",
        default: "",
        takes: "path",
        purpose: "The chain of certificates for TLS, as a PEM file, the own one first. Goes with `server.tls_key`.",
        bounds: None,
    },
    Key {
        name: "server.tls_key",
        default: "",
        takes: "path",
        purpose: "The private key for TLS, as a PEM file.",
        bounds: None,
    },
    Key {
        name: "server.trusted_proxies",
        default: "",
        takes: "list of addresses like `127.0.0.1` or ranges like `10.0.0.0/8`; in the environment with `,` between them",
        purpose: "Whose `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` are believed; from everybody else they are ignored.",
        bounds: None,
    },
    Key {
        name: "server.session_idle",
        default: "2h",
        takes: "duration",
        purpose: "How long a person stays signed in without doing anything.",
        bounds: Some(("1m", "720h")),
    },
    Key {
        name: "server.session_lifetime",
        default: "12h",
        takes: "duration",
        purpose: "How long a person stays signed in at most.",
        bounds: Some(("5m", "720h")),
    },
    Key {
        name: "server.drain",
        default: "30s",
        takes: "duration",
        purpose: "How long requests and syncs that are under way may take to end when the server is told to stop.",
        bounds: Some(("1s", "1h")),
    },
    Key {
        name: "server.metrics",
        default: "token",
        takes: "`token` or `open`",
        purpose: "Who may read `/metrics`: whoever shows an API token, or everybody who can reach the server.",
        bounds: None,
    },
    Key {
        name: "server.oidc.issuer",
        default: "",
        takes: "a URL like `https://id.example.com/realms/company`",
        purpose: "The provider of OpenID Connect that people may sign in at, exactly as it writes itself. Without one there is none, and the other settings of `server.oidc` do nothing. Needs `server.public_url`; docs/oidc.md tells how to register.",
        bounds: None,
    },
    Key {
        name: "server.oidc.client_id",
        default: "",
        takes: "the id that the provider gave",
        purpose: "What this installation is known as at the provider.",
        bounds: None,
    },
    Key {
        name: "server.oidc.client_secret_file",
        default: "",
        takes: "path",
        purpose: "The client secret, alone in a file that is readable for its owner alone. None for a public client.",
        bounds: None,
    },
    Key {
        name: "server.oidc.label",
        default: "your company",
        takes: "text",
        purpose: "What the button on the page where one signs in says behind \"Sign in with\".",
        bounds: None,
    },
    Key {
        name: "server.oidc.scopes",
        default: "profile,email",
        takes: "list of scopes; in the environment with `,` between them",
        purpose: "What is asked for besides `openid`. Many providers want `groups` here before they tell the groups.",
        bounds: None,
    },
    Key {
        name: "server.oidc.groups_claim",
        default: "groups",
        takes: "the name of a claim",
        purpose: "The claim that has the groups of a person, as a list of texts: in the ID token, or else at the provider's endpoint for user information.",
        bounds: None,
    },
    Key {
        name: "server.oidc.roles",
        default: "",
        takes: "list of `GROUP=ROLE`, with the roles `viewer`, `operator` and `administrator`; in the environment with `,` between them",
        purpose: "Which group gets which role. Of several the highest counts; whoever is in none of them does not get in. The role follows the groups at each sign-in.",
        bounds: None,
    },
    Key {
        name: "server.oidc.create_accounts",
        default: "true",
        takes: "`true` or `false`",
        purpose: "Whether an account is made at the first sign-in. Without it only those get in whose account was linked with `forgehold-server link-account`.",
        bounds: None,
    },
    Key {
        name: "log.level",
        default: "warn",
        takes: "`off`, `error`, `warn`, `info`, `debug` or `trace`",
        purpose: "The least severe that is logged. Logs go to the standard error.",
        bounds: None,
    },
    Key {
        name: "log.format",
        default: "text",
        takes: "`text` or `json`",
        purpose: "How a line of the log looks: for people, or one JSON object a line.",
        bounds: None,
    },
];

impl Key {
    /// The name of its variable.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase().replace('.', "__"))
    }
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The setting that somebody may have meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let near = |key: &&Key| {
        let distance = strsim::damerau_levenshtein(name, key.name);
        // A right last part in the wrong section is near too.
        let same_end = |text: &str| text.rsplit('.').next().map(str::to_owned);
        match distance {
            _ if distance <= 1 + key.name.len() / 5 => Some(distance),
            _ if same_end(name) == same_end(key.name) || key.name.starts_with(name) => {
                Some(distance)
            }
            _ => None,
        }
    };
    let candidates = KEYS
        .iter()
        .filter_map(|key| near(&key).map(|distance| (distance, key.name)));
    candidates.min().map(|(_, name)| name)
}
