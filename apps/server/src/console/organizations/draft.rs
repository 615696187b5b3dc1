//! From the form to what the use cases take. Nothing is judged here: that is the domain's.

use org_core::draft::{Method, OrganizationDraft, ScheduleDraft, SettingsDraft, TokenDraft};
use org_core::host::PlainHttp;
use org_core::ids::DeviceId;
use org_core::listing::{GroupScope, PersonalNamespace};
use org_core::oauth::Access;
use org_core::organization::{AutoLicense, ExistingRepositories, GroupProtection, Settings};
use org_core::schedule::{Schedule, Weekdays};

use crate::console::form::Form;

/// Whether a person chose to register using login and token.
pub(super) fn with_token(form: &Form) -> bool {
    form.is_on("with_token")
}

pub(super) fn organization(form: &Form) -> OrganizationDraft {
    let method = method(form);
    let by_token = method == Method::AccessToken;
    let mut settings = settings(form);
    if chooses_later(form) {
        // Until somebody has chosen, nothing is stored that this could mean.
        settings.groups.clear();
    }
    OrganizationDraft {
        id: form.value("id").parse().ok(),
        name: form.text("name"),
        service: form.value("service").to_owned(),
        host: form.value("host").to_owned(),
        plain_http: plain_http(form),
        method,
        access: access(form),
        // What does not show does not count.
        login: if by_token {
            form.value("login").to_owned()
        } else {
            String::new()
        },
        token: if by_token {
            token(form)
        } else {
            TokenDraft::Missing
        },
        settings,
    }
}

pub(super) fn method(form: &Form) -> Method {
    if with_token(form) {
        Method::AccessToken
    } else {
        Method::Sso
    }
}

/// How much a sign-in asks for.
pub(super) fn access(form: &Form) -> Access {
    form.value("access").parse().unwrap_or(Access::Read)
}

pub(super) fn plain_http(form: &Form) -> PlainHttp {
    if form.is_on("plain_http") {
        PlainHttp::Allowed
    } else {
        PlainHttp::LoopbackOnly
    }
}

pub(super) fn token(form: &Form) -> TokenDraft {
    match form.value("token_kind") {
        "saved" => match form.text("secret") {
            Some(name) => TokenDraft::Secret(name),
            None => TokenDraft::Missing,
        },
        _ if form.value("token").trim().is_empty() => TokenDraft::Missing,
        _ => TokenDraft::Value(form.secret("token")),
    }
}

pub(super) fn settings(form: &Form) -> SettingsDraft {
    let on = |name: &str| form.is_on(name);
    SettingsDraft {
        groups: groups(form),
        personal: Some(personal(form)),
        protect_groups: if on("protect_groups") {
            GroupProtection::On
        } else {
            GroupProtection::Off
        },
        auto_license: if on("auto_license") {
            AutoLicense::On
        } else {
            AutoLicense::Off
        },
        license_existing: form
            .value("license_existing")
            .parse()
            .unwrap_or(ExistingRepositories::None),
        schedule: schedule(form),
        device: form.text("device"),
    }
}

pub(super) fn personal(form: &Form) -> PersonalNamespace {
    if form.is_on("personal") {
        PersonalNamespace::Included
    } else {
        PersonalNamespace::Excluded
    }
}

/// Whether groups are to be chosen once a person has signed in, since none was named before.
pub(super) fn chooses_later(form: &Form) -> bool {
    !with_token(form) && form.value("scope") == "chosen" && named_groups(form).is_empty()
}

/// The chosen groups. An empty choice is one empty path, which the domain refuses: it must not mean every group.
pub(super) fn groups(form: &Form) -> Vec<String> {
    if form.value("scope") != "chosen" {
        return Vec::new();
    }
    let mut groups = named_groups(form);
    if groups.is_empty() {
        groups.push(String::new());
    }
    groups
}

/// Those that were found, and those that were typed.
fn named_groups(form: &Form) -> Vec<String> {
    let typed = form.value("group_lines").split(['\n', ',']);
    let mut groups: Vec<String> = Vec::new();
    for group in form.all("group").chain(typed) {
        let group = group.trim().to_owned();
        if !group.is_empty() && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

pub(super) fn schedule(form: &Form) -> ScheduleDraft {
    let kind = form.value("schedule");
    let typed = |name: &str| Some(form.value(name).trim().to_owned());
    let mut draft = ScheduleDraft::default();
    match kind {
        "at" => {
            draft.at = typed("sync-at");
            draft.zone = typed("zone");
            let days: Vec<&str> = form.all("weekdays").collect();
            draft.weekdays = Some(days.join(","));
        }
        "cron" => {
            draft.cron = typed("sync-cron");
            draft.zone = typed("zone");
        }
        "manual" => draft.manual = true,
        _ => draft.every = typed("sync-every"),
    }
    draft
}

/// The form as it is before anybody touches it.
pub(super) fn fresh(id: &str) -> Form {
    let mut form = Form::with(&[
        ("id", id),
        ("service", "gitlab"),
        ("host", org_core::host::HostUrl::GITLAB_COM),
        ("license_existing", ExistingRepositories::None.as_str()),
        ("scope", "all"),
        ("personal", "on"),
        ("device", &DeviceId::EMBEDDED.to_string()),
        ("token_kind", "new"),
        ("schedule", "every"),
        ("access", "read"),
    ]);
    put_schedule(&mut form, None);
    form
}

/// The form of the settings that there are.
pub(super) fn of_settings(name: &str, settings: &Settings) -> Form {
    let device = settings.default_device.to_string();
    let mut form = Form::with(&[("name", name), ("device", &device)]);
    let mut switch = |name: &str, on: bool| {
        if on {
            form.push(name, "on");
        }
    };
    switch(
        "protect_groups",
        settings.protect_groups == GroupProtection::On,
    );
    switch("auto_license", settings.auto_license == AutoLicense::On);
    switch(
        "personal",
        settings.scope.personal == PersonalNamespace::Included,
    );
    match &settings.scope.groups {
        GroupScope::All => form.push("scope", "all"),
        GroupScope::Chosen(paths) => {
            form.push("scope", "chosen");
            let lines: Vec<&str> = paths
                .iter()
                .map(org_core::text::GroupPath::as_str)
                .collect();
            form.push("group_lines", lines.join("\n"));
        }
    }
    put_schedule(&mut form, Some(&settings.schedule));
    form
}

/// An interval as people type it.
fn short(seconds: u32) -> String {
    match seconds {
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The chosen kind has its values; the others have what they begin with.
fn put_schedule(form: &mut Form, schedule: Option<&Schedule>) {
    let (mut every, mut at, mut cron, mut zone) = (
        org_core::draft::DEFAULT_INTERVAL.to_owned(),
        "06:00, 18:00".to_owned(),
        "0 6 * * 1-5".to_owned(),
        "UTC".to_owned(),
    );
    let mut days = Weekdays::ALL;
    match schedule {
        None => {}
        Some(Schedule::Every(interval)) => {
            form.push("schedule", "every");
            every = short(interval.seconds());
        }
        Some(Schedule::At(daily)) => {
            form.push("schedule", "at");
            let times: Vec<String> = daily.times().iter().map(ToString::to_string).collect();
            at = times.join(", ");
            zone = daily.zone().to_string();
            days = daily.weekdays();
        }
        Some(Schedule::Cron(schedule)) => {
            form.push("schedule", "cron");
            schedule.expression().clone_into(&mut cron);
            zone = schedule.zone().to_string();
        }
        Some(Schedule::Manual) => form.push("schedule", "manual"),
    }
    form.push("sync-every", every);
    form.push("sync-at", at);
    form.push("sync-cron", cron);
    form.push("zone", zone);
    let chosen = days.to_text();
    for day in DAYS {
        if days == Weekdays::ALL || chosen.contains(day) {
            form.push("weekdays", day);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str) {
        let schedule: Schedule = schedule.parse().expect("a schedule");
        let mut form = Form::default();
        put_schedule(&mut form, Some(&schedule));
        assert_eq!(super::schedule(&form).parse(), Ok(schedule));
    }

    #[test]
    fn a_schedule_survives_the_form() {
        check("every 6h");
        check("every 90m");
        check("at 06:00,18:00 Europe/Warsaw mon,tue");
        check("at 06:00 UTC");
        check("cron 0 6 * * 1 @ Europe/Warsaw");
        check("manual");
    }

    #[test]
    fn no_chosen_group_is_not_every_group() {
        let form = Form::with(&[("scope", "chosen"), ("group_lines", " \n , ")]);
        assert!(settings(&form).parse_scope().is_err());
        let form = Form::with(&[("scope", "chosen"), ("personal", "on")]);
        assert!(settings(&form).parse_scope().is_err());
        let form = Form::with(&[
            ("scope", "chosen"),
            ("group", "acme"),
            ("group_lines", "acme\nglobex"),
        ]);
        assert_eq!(groups(&form), ["acme", "globex"]);
        let form = Form::with(&[("scope", "all"), ("group", "acme")]);
        assert!(groups(&form).is_empty());
    }

    #[test]
    fn only_a_sign_in_chooses_later() {
        let check = |pairs: &[(&str, &str)], expected: bool| {
            let form = Form::with(pairs);
            assert_eq!(chooses_later(&form), expected, "{pairs:?}");
            let scope = organization(&form).settings.parse_scope();
            assert!(scope.is_ok() || !expected, "{pairs:?}");
        };
        check(&[("scope", "chosen")], true);
        check(&[("scope", "chosen"), ("group_lines", "acme")], false);
        check(&[("scope", "chosen"), ("with_token", "on")], false);
        check(&[("scope", "all")], false);
    }
}
