//! The JSON forms that rows keep, pinned: what is stored today is read for ever.

use org_core::listing::{PersonalNamespace, Scope};
use org_core::testing::build;
use org_core::token::Capability;

use super::*;

/// What is written once must be read for ever: a change of these texts needs a reader for the old ones.
#[track_caller]
fn check<D, W>(value: &D, wire: &W, expected: &str)
where
    D: PartialEq + std::fmt::Debug + TryFrom<W, Error: std::fmt::Debug>,
    W: Serialize + serde::de::DeserializeOwned,
{
    assert_eq!(to_json(wire), expected);
    let read: W = serde_json::from_str(expected).expect("it is the format");
    assert_eq!(D::try_from(read).as_ref().ok(), Some(value));
}

#[test]
fn settings_keep_their_format() {
    let settings = build::settings();
    check(
        &settings,
        &SettingsWire::from(&settings),
        r#"{"personal_namespace":"included","protect_groups":"off","auto_license":"on","license_existing":"none","schedule":"manual","default_device":"00000000-0000-0000-0000-000000000001"}"#,
    );
    let settings = Settings {
        scope: Scope {
            personal: PersonalNamespace::Excluded,
            ..build::chosen_scope(&["acme/core", "globex"])
        },
        schedule: build::parsed("at 06:00,18:00 Europe/Warsaw mon,tue"),
        ..settings
    };
    check(
        &settings,
        &SettingsWire::from(&settings),
        r#"{"groups":["acme/core","globex"],"personal_namespace":"excluded","protect_groups":"off","auto_license":"on","license_existing":"none","schedule":"at 06:00,18:00 Europe/Warsaw mon,tue","default_device":"00000000-0000-0000-0000-000000000001"}"#,
    );
}

#[test]
fn authentication_keeps_its_format_and_holds_no_token() {
    let mut organization = build::organization(1, "Acme").build();
    let AuthMethod::AccessToken { token, .. } = &mut organization.auth else {
        panic!("the builder makes one with an access token");
    };
    token.expires_on = Some(build::parsed("2027-05-01"));
    check(
        &organization.auth,
        &AuthWire::try_from(&organization.auth).expect("a known method"),
        r#"{"method":"access_token","login":"robot","secret":"01950000-0000-7000-8000-000000000001","token":{"id":1,"name":"forgehold","scopes":["read_api"],"fine_grained":false,"expires_on":"2027-05-01","state":"active"}}"#,
    );
}

#[test]
fn signing_in_keeps_its_format_and_holds_no_token() {
    let auth = AuthMethod::Sso {
        secret: build::secret_ref(1),
        client: build::parsed("client-1"),
        access: org_core::oauth::Access::Read,
        token: build::organization(1, "Acme").build().auth.token().clone(),
    };
    check(
        &auth,
        &AuthWire::try_from(&auth).expect("a known method"),
        r#"{"method":"sso","secret":"01950000-0000-7000-8000-000000000001","client":"client-1","access":"read","token":{"id":1,"name":"forgehold","scopes":["read_api"],"fine_grained":false,"expires_on":null,"state":"active"}}"#,
    );
}

#[test]
fn what_a_sign_in_is_for_keeps_its_format() {
    let purpose = build::sign_in(1).purpose;
    check(
        &purpose,
        &PurposeWire::from(&purpose),
        r#"{"for":"connect","attempt":"01950000-0000-7000-8000-000000000001","organization":"01950000-0000-7000-8000-000000000001"}"#,
    );
    let purpose = Purpose::Reconnect {
        organization: build::organization_id(2),
        blind: BlindReconnect::Confirmed,
    };
    check(
        &purpose,
        &PurposeWire::from(&purpose),
        r#"{"for":"reconnect","organization":"01950000-0000-7000-8000-000000000002","blind":"confirmed"}"#,
    );
}

#[test]
fn capabilities_keep_their_format() {
    let table = CapabilityTable(vec![
        (Capability::List, Grant::Yes),
        (
            Capability::Clone,
            Grant::Missing {
                any_of: vec!["read_repository".into()],
            },
        ),
        (
            Capability::ReadMetadata,
            Grant::Unknown {
                why: "fine-grained".into(),
            },
        ),
    ]);
    let json = to_json(&capabilities(&table));
    assert_eq!(
        json,
        r#"[{"capability":"list","grant":"yes"},{"capability":"clone","grant":{"missing":["read_repository"]}},{"capability":"read_metadata","grant":{"unknown":"fine-grained"}}]"#
    );
    let rows = serde_json::from_str(&json).expect("it is the format");
    assert_eq!(capability_table(rows).expect("known words"), table);
}

#[test]
fn counts_that_an_earlier_version_did_not_know_are_zero() {
    let counts: CountsWire = serde_json::from_str(r#"{"seen":3}"#).expect("it is the format");
    let expected = Counts {
        seen: 3,
        ..Counts::default()
    };
    assert_eq!(Counts::from(counts), expected);
}
