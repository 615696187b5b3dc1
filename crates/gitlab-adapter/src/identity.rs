//! Whose a token is and what it may do.

use org_core::ids::AccountId;
use org_core::ports::{HostError, Identity};
use org_core::text::Login;
use org_core::token::{Account, AccountKind, CapabilityTable, TokenFacts, TokenState};

use crate::capabilities::{WHOSE, scopes_for};
use crate::failure::Failure;
use crate::http::words::tame;
use crate::http::{Api, Call, Patience};
use crate::wire::rest::{TokenInfo, TokenSelf, User};

/// What is done, for messages.
pub(crate) const ACTION: &str = "reading whose access token it is";

/// Asks the host about the token and its account.
pub(crate) async fn identify(api: &Api) -> Result<Identity, HostError> {
    let (token, number) = if api.is_signed_in() {
        of_sign_in(api).await?
    } else {
        of_access_token(api).await?
    };
    let fail = |failure: Failure| failure.into_host_error(api.label(), ACTION);
    let user = account_of(api, number).await.map_err(fail)?;
    Ok(Identity {
        account: account(&user).ok_or_else(|| {
            fail(Failure::Strange(format!(
                "an account without a usable number and login ({})",
                user.id
            )))
        })?,
        capabilities: CapabilityTable::of_token(&token, scopes_for),
        token,
    })
}

/// What the host says of a token of a sign-in, and the number of the account.
async fn of_sign_in(api: &Api) -> Result<(TokenFacts, Option<u64>), HostError> {
    let failure = match token_info(api).await {
        Ok(info) => {
            let facts = TokenFacts {
                id: None,
                name: format!("OAuth application {}", tame(&info.application.uid)),
                scopes: info.granted().into_iter().collect(),
                fine_grained: false,
                // It is renewed long before its end.
                expires_on: None,
                state: TokenState::Active,
            };
            return Ok((facts, info.resource_owner_id));
        }
        Err(failure) => failure,
    };
    // The endpoint does not know other kinds of tokens, and says no more than that.
    if matches!(failure, Failure::Refused(_)) && token_self(api).await.is_ok() {
        return Err(HostError::Unsupported {
            host: api.label().to_owned(),
            action: ACTION.to_owned(),
            detail: "it is a personal, group or project access token, not one of a sign-in"
                .to_owned(),
        });
    }
    Err(failure.into_host_error(api.label(), ACTION))
}

/// What the host says of an access token, and the number of the account.
async fn of_access_token(api: &Api) -> Result<(TokenFacts, Option<u64>), HostError> {
    let fail = |failure: Failure| failure.into_host_error(api.label(), ACTION);
    let facts = match token_self(api).await {
        Ok(facts) => facts,
        // The tokens of a sign-in are no personal access tokens and get 400 here; nothing would renew one that was given like this.
        Err(Failure::Status { status: 400, said }) => {
            return Err(HostError::Unsupported {
                host: api.label().to_owned(),
                action: ACTION.to_owned(),
                detail: format!(
                    "it is no personal, group or project access token ({said}); make one of these at the host"
                ),
            });
        }
        Err(Failure::Missing(said)) => {
            return Err(HostError::Unexpected {
                host: api.label().to_owned(),
                action: ACTION.to_owned(),
                detail: format!(
                    "{said}; check the host's address, and that it is GitLab 15.5 or newer"
                ),
            });
        }
        Err(failure) => return Err(fail(failure)),
    };
    let token = token_facts(&facts);
    match token.state {
        TokenState::Active => {}
        TokenState::Expired => return Err(fail(Failure::Expired)),
        TokenState::Revoked => return Err(fail(Failure::Refused("it was revoked".into()))),
        TokenState::Inactive => return Err(fail(Failure::Refused("it is not active".into()))),
    }
    Ok((token, Some(facts.user_id)))
}

/// What the host says of a token of a sign-in; every scope may ask.
async fn token_info(api: &Api) -> Result<TokenInfo, Failure> {
    let call = Call::Beside {
        path: "/oauth/token/info",
    };
    api.json(&call, Patience::Full).await.map(|(info, _)| info)
}

/// What the host says of the token itself; every scope may ask.
pub(crate) async fn token_self(api: &Api) -> Result<TokenSelf, Failure> {
    let call = Call::get("/personal_access_tokens/self");
    api.json(&call, Patience::Full)
        .await
        .map(|(facts, _)| facts)
}

/// The account behind the credential; `number` is what the token's own facts say, where they are known.
///
/// A token that may not read its own account can often still be named: by its number, and where profiles are public even without it.
pub(crate) async fn account_of(api: &Api, number: Option<u64>) -> Result<User, Failure> {
    let own = Call::get("/user");
    let refusal = match api.json::<User>(&own, Patience::Full).await {
        Ok((user, _)) => return Ok(user),
        Err(refusal @ (Failure::Scope(_) | Failure::Denied(_) | Failure::Missing(_))) => refusal,
        Err(failure) => return Err(failure),
    };
    let number = match number {
        Some(number) => number,
        None if api.is_signed_in() => match token_info(api).await?.resource_owner_id {
            Some(number) => number,
            None => return Err(refusal),
        },
        None => token_self(api).await?.user_id,
    };
    let call = Call::get(format!("/users/{number}"));
    for api in [api.clone(), api.anonymous()] {
        match api.json::<User>(&call, Patience::Full).await {
            Ok((user, _)) if user.id == number => return Ok(user),
            Ok(_) | Err(_) => {}
        }
    }
    Err(match refusal {
        Failure::Scope(any_of) if any_of.is_empty() => {
            Failure::Scope(WHOSE.map(str::to_owned).to_vec())
        }
        refusal => refusal,
    })
}

fn token_facts(facts: &TokenSelf) -> TokenFacts {
    TokenFacts {
        id: Some(facts.id),
        name: facts.name.clone(),
        scopes: facts.scopes.iter().cloned().collect(),
        fine_grained: facts
            .granular_scopes
            .as_ref()
            .is_some_and(|permissions| !permissions.is_empty())
            || facts.scopes.iter().any(|scope| scope == "granular"),
        expires_on: facts.expires_at,
        state: match (facts.revoked, facts.active) {
            (true, _) => TokenState::Revoked,
            (false, Some(false)) if facts.expires_at.is_some() => TokenState::Expired,
            (false, Some(false)) => TokenState::Inactive,
            (false, _) => TokenState::Active,
        },
    }
}

fn account(user: &User) -> Option<Account> {
    Some(Account {
        id: AccountId::new(user.id)?,
        login: user.username.parse::<Login>().ok()?,
        kind: kind(&user.username, user.bot),
    })
}

/// GitLab has no field for the kind, but names its bots by a rule (GitLab docs, group and project access tokens, service accounts).
fn kind(username: &str, bot: Option<bool>) -> AccountKind {
    let is_bot_of = |prefix: &str| {
        username
            .strip_prefix(prefix)
            .and_then(|rest| rest.split_once("_bot"))
            .is_some_and(|(number, tail)| {
                !number.is_empty()
                    && number.bytes().all(|byte| byte.is_ascii_digit())
                    && (tail.is_empty()
                        || tail.starts_with('_')
                        || tail.bytes().all(|b| b.is_ascii_digit()))
            })
    };
    match bot {
        // A person may choose any name.
        Some(false) => AccountKind::Person,
        _ if is_bot_of("group_") => AccountKind::GroupBot,
        _ if is_bot_of("project_") => AccountKind::ProjectBot,
        // Service accounts may be renamed; other bots get no access tokens.
        Some(true) => AccountKind::ServiceAccount,
        None if username.starts_with("service_account_") => AccountKind::ServiceAccount,
        None => AccountKind::Person,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_the_name_and_the_bot_flag() {
        let check =
            |username, bot, expected| assert_eq!(kind(username, bot), expected, "{username}");
        check("group_42_bot_0fe1", Some(true), AccountKind::GroupBot);
        check("group_42_bot", Some(true), AccountKind::GroupBot);
        check("project_7_bot_ab", None, AccountKind::ProjectBot);
        check("project_7_bot2", Some(true), AccountKind::ProjectBot);
        check(
            "service_account_group_1_ab",
            Some(true),
            AccountKind::ServiceAccount,
        );
        check("backup", Some(true), AccountKind::ServiceAccount);
        check("service_account_ab", None, AccountKind::ServiceAccount);
        check("group_42_bot_0fe1", Some(false), AccountKind::Person);
        check("group_x_bot", None, AccountKind::Person);
        check("alice", Some(false), AccountKind::Person);
    }

    #[test]
    fn a_token_that_is_not_active_has_a_reason() {
        let facts = |json: &str| token_facts(&serde_json::from_str(json).expect("a token"));
        let state = |json: &str| facts(json).state;
        assert_eq!(
            state(r#"{"id":1,"user_id":2,"active":true}"#),
            TokenState::Active
        );
        assert_eq!(
            state(r#"{"id":1,"user_id":2,"revoked":true,"active":false}"#),
            TokenState::Revoked
        );
        assert_eq!(
            state(r#"{"id":1,"user_id":2,"active":false,"expires_at":"2020-01-01"}"#),
            TokenState::Expired
        );
        assert_eq!(
            state(r#"{"id":1,"user_id":2,"active":false}"#),
            TokenState::Inactive
        );
        let fine = facts(
            r#"{"id":1,"user_id":2,"scopes":["granular"],"granular_scopes":[{"access":"x"}]}"#,
        );
        assert!(fine.fine_grained);
    }
}
