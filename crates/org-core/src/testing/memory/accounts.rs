//! Accounts, sessions, API tokens and kept answers in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::rows::Kept;
use super::{MemoryStore, State};
use crate::accounts::{ApiToken, SecretDigest, Session, User, UserName};
use crate::event::Event;
use crate::ids::{ApiTokenId, UserId};
use crate::ports::{
    AccountChange, AccountStore, Accounts, AnswerStore, Begun, EndedSessions, KeptAnswer,
    KeyedRequest, Stale, StoreError,
};

/// The part of the state that is about accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountRows {
    generation: u64,
    users: Vec<User>,
    /// In the order of their making.
    sessions: Vec<Session>,
    /// In the order of their making.
    tokens: Vec<ApiToken>,
    answers: BTreeMap<(UserId, String), AnswerRow>,
}

#[derive(Debug, Clone)]
struct AnswerRow {
    fingerprint: SecretDigest,
    until: DateTime<Utc>,
    answer: Option<KeptAnswer>,
}

impl Kept for User {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.disabled_since = self.disabled_since.map(Kept::kept);
        self.last_sign_in = self.last_sign_in.map(Kept::kept);
        self
    }
}

impl Kept for Session {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.last_used_at = self.last_used_at.kept();
        self.expires_at = self.expires_at.kept();
        self
    }
}

impl Kept for ApiToken {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.expires_at = self.expires_at.map(Kept::kept);
        self.last_used_at = self.last_used_at.map(Kept::kept);
        self
    }
}

impl AccountRows {
    fn user(&self, id: UserId) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    fn advance(&mut self, generation: u64) -> Result<(), StoreError> {
        if self.generation != generation {
            return Err(StoreError::Stale {
                what: Stale::Accounts,
            });
        }
        self.generation += 1;
        Ok(())
    }

    fn end_sessions(&mut self, owner: UserId, ended: EndedSessions) {
        self.sessions.retain(|session| {
            session.user != owner
                || match ended {
                    EndedSessions::None => true,
                    EndedSessions::All => false,
                    EndedSessions::AllBut(kept) => session.digest == kept,
                }
        });
    }
}

fn no_user(id: UserId) -> StoreError {
    StoreError::NotFound {
        what: format!("user {id}"),
    }
}

fn owned<T: Clone>(state: &State, owner: UserId, thing: &T) -> Option<(T, User)> {
    let user = state.accounts.user(owner)?.clone();
    Some((thing.clone(), user))
}

/// Adds or changes an account, without its events; answers the new generation.
pub(super) fn changed(
    rows: &mut AccountRows,
    change: &AccountChange<'_>,
) -> Result<u64, StoreError> {
    rows.advance(change.generation)?;
    let user = change.user.clone().kept();
    let mut others = rows.users.iter().filter(|known| known.id != user.id);
    if others.any(|known| known.name == user.name) {
        return Err(StoreError::UserExists { name: user.name });
    }
    match rows.users.iter_mut().find(|known| known.id == user.id) {
        // What a session notes is not changed by anything else.
        Some(known) => {
            *known = User {
                created_at: known.created_at,
                last_sign_in: known.last_sign_in,
                ..user
            }
        }
        None => rows.users.push(user),
    }
    rows.end_sessions(change.user.id, change.sessions);
    Ok(rows.generation)
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn accounts(&self) -> Result<Accounts, StoreError> {
        let mut accounts = self.read(|state| Accounts {
            generation: state.accounts.generation,
            users: state.accounts.users.clone(),
        });
        accounts
            .users
            .sort_by(|one, other| one.name.cmp(&other.name));
        Ok(accounts)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.read(|state| state.accounts.user(id).cloned()))
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        Ok(self.read(|state| {
            let mut users = state.accounts.users.iter();
            users.find(|user| user.name == *name).cloned()
        }))
    }

    async fn change_account(&self, change: &AccountChange<'_>) -> Result<u64, StoreError> {
        self.write(|draft| {
            let generation = changed(&mut draft.state.accounts, change)?;
            draft.events.extend_from_slice(change.events);
            Ok(generation)
        })
    }

    async fn remove_account(
        &self,
        id: UserId,
        generation: u64,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let rows = &mut draft.state.accounts;
            rows.advance(generation)?;
            if rows.user(id).is_none() {
                return Err(no_user(id));
            }
            rows.users.retain(|user| user.id != id);
            rows.tokens.retain(|token| token.user != id);
            rows.end_sessions(id, EndedSessions::All);
            draft.state.identities.retain(|_, owner| *owner != id);
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn note(&self, events: &[Event]) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn begin_session(
        &self,
        session: &Session,
        events: &[Event],
        limit: u32,
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let rows = &mut draft.state.accounts;
            let session = session.clone().kept();
            let user = rows.users.iter_mut().find(|user| user.id == session.user);
            let user = user.ok_or_else(|| no_user(session.user))?;
            user.last_sign_in = Some(session.created_at);
            let mut others: Vec<&Session> = rows
                .sessions
                .iter()
                .filter(|other| other.user == session.user)
                .collect();
            others.sort_by_key(|other| Reverse((other.last_used_at, other.created_at)));
            let kept = (limit as usize).saturating_sub(1);
            let over: Vec<_> = others.iter().skip(kept).map(|other| other.digest).collect();
            rows.sessions.retain(|other| !over.contains(&other.digest));
            rows.sessions.push(session);
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn session(&self, digest: SecretDigest) -> Result<Option<(Session, User)>, StoreError> {
        Ok(self.read(|state| {
            let mut sessions = state.accounts.sessions.iter();
            let session = sessions.find(|session| session.digest == digest)?;
            owned(state, session.user, session)
        }))
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let mut sessions = self.read(|state| state.accounts.sessions.clone());
        sessions.retain(|session| session.user == user);
        sessions.sort_by_key(|session| (Reverse(session.created_at), session.digest));
        Ok(sessions)
    }

    async fn use_session(&self, digest: SecretDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(|draft| {
            let sessions = draft.state.accounts.sessions.iter_mut();
            for session in sessions.filter(|session| session.digest == digest) {
                session.last_used_at = at.kept();
            }
            Ok(())
        })
    }

    async fn end_session(
        &self,
        digest: SecretDigest,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        self.write(|draft| {
            let sessions = &mut draft.state.accounts.sessions;
            let before = sessions.len();
            sessions.retain(|session| session.digest != digest);
            let ended = sessions.len() < before;
            if ended {
                draft.events.extend_from_slice(events);
            }
            Ok(ended)
        })
    }

    async fn forget_sessions(
        &self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (now, idle_since) = (now.kept(), idle_since.kept());
        self.write(|draft| {
            let sessions = &mut draft.state.accounts.sessions;
            sessions
                .retain(|session| session.expires_at > now && session.last_used_at >= idle_since);
            Ok(())
        })
    }

    async fn add_token(&self, token: &ApiToken, events: &[Event]) -> Result<(), StoreError> {
        self.write(|draft| {
            let rows = &mut draft.state.accounts;
            if rows.user(token.user).is_none() {
                return Err(no_user(token.user));
            }
            rows.tokens.push(token.clone().kept());
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn tokens(&self, user: Option<UserId>) -> Result<Vec<(ApiToken, User)>, StoreError> {
        let mut tokens = self.read(|state| {
            let tokens = state.accounts.tokens.iter();
            let wanted = tokens.filter(|token| user.is_none_or(|user| token.user == user));
            wanted
                .filter_map(|token| owned(state, token.user, token))
                .collect::<Vec<_>>()
        });
        tokens.sort_by_key(|(token, _)| (Reverse(token.created_at), token.id));
        Ok(tokens)
    }

    async fn token(&self, digest: SecretDigest) -> Result<Option<(ApiToken, User)>, StoreError> {
        Ok(self.read(|state| {
            let mut tokens = state.accounts.tokens.iter();
            let token = tokens.find(|token| token.digest == digest)?;
            owned(state, token.user, token)
        }))
    }

    async fn use_token(&self, id: ApiTokenId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(|draft| {
            let tokens = draft.state.accounts.tokens.iter_mut();
            for token in tokens.filter(|token| token.id == id) {
                token.last_used_at = Some(at.kept());
            }
            Ok(())
        })
    }

    async fn revoke_token(&self, id: ApiTokenId, events: &[Event]) -> Result<bool, StoreError> {
        self.write(|draft| {
            let tokens = &mut draft.state.accounts.tokens;
            let before = tokens.len();
            tokens.retain(|token| token.id != id);
            let revoked = tokens.len() < before;
            if revoked {
                draft.events.extend_from_slice(events);
            }
            Ok(revoked)
        })
    }
}

#[async_trait]
impl AnswerStore for MemoryStore {
    async fn begin(
        &self,
        request: &KeyedRequest,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Begun, StoreError> {
        let now = now.kept();
        self.write(|draft| {
            let answers = &mut draft.state.accounts.answers;
            let key = (request.owner, request.key.clone());
            if let Some(row) = answers.get(&key).filter(|row| row.until > now) {
                return Ok(match &row.answer {
                    _ if row.fingerprint != request.fingerprint => Begun::AnotherRequest,
                    None => Begun::UnderWay,
                    Some(answer) => Begun::Answered(answer.clone()),
                });
            }
            let row = AnswerRow {
                fingerprint: request.fingerprint,
                until: until.kept(),
                answer: None,
            };
            answers.insert(key, row);
            let mut answered: Vec<_> = answers
                .iter()
                .filter(|((owner, _), row)| *owner == request.owner && row.answer.is_some())
                .map(|(key, row)| (row.until, key.clone()))
                .collect();
            answered.sort_by_key(|(until, _)| Reverse(*until));
            for (_, key) in answered.iter().skip((limit as usize).saturating_sub(1)) {
                answers.remove(key);
            }
            Ok(Begun::New)
        })
    }

    async fn answer(
        &self,
        request: &KeyedRequest,
        answer: &KeptAnswer,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let key = (request.owner, request.key.clone());
            if let Some(row) = draft.state.accounts.answers.get_mut(&key) {
                row.answer = Some(answer.clone());
                row.until = until.kept();
            }
            Ok(())
        })
    }

    async fn give_up(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.write(|draft| {
            let key = (request.owner, request.key.clone());
            let answers = &mut draft.state.accounts.answers;
            if answers.get(&key).is_some_and(|row| row.answer.is_none()) {
                answers.remove(&key);
            }
            Ok(())
        })
    }

    async fn forget_answers(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let now = now.kept();
        self.write(|draft| {
            draft
                .state
                .accounts
                .answers
                .retain(|_, row| row.until > now);
            Ok(())
        })
    }
}
