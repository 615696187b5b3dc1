//! Mutations as data: what the control interface accepts and what a trigger carries.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::oauth::ApplicationSpec;
use crate::secret::Secret;

use super::{
    GroupPatch, IssuedToken, ProjectPatch, Ref, Role, TokenId, TokenSpec, World, WorldError,
};

/// One change of the world. As JSON: `{"do":"rename_project","project":"acme/api","path":"api-v2"}`.
///
/// Each variant is the method of [`World`] with the same name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are the arguments of the methods they name"
)]
pub enum Mutation {
    CreateGroup {
        parent: Option<Ref>,
        path: String,
    },
    RenameGroup {
        group: Ref,
        path: String,
    },
    TransferGroup {
        group: Ref,
        to: Option<Ref>,
    },
    EditGroup {
        group: Ref,
        patch: GroupPatch,
    },
    MarkGroupForDeletion {
        group: Ref,
    },
    DeleteGroup {
        group: Ref,
    },
    HideGroup {
        group: Ref,
    },
    ShowGroup {
        group: Ref,
    },
    ShareGroup {
        group: Ref,
        with: Ref,
        role: Role,
    },
    CreateProject {
        namespace: Ref,
        path: String,
    },
    RenameProject {
        project: Ref,
        path: String,
    },
    TransferProject {
        project: Ref,
        to: Ref,
    },
    EditProject {
        project: Ref,
        patch: ProjectPatch,
    },
    ArchiveProject {
        project: Ref,
    },
    MarkProjectForDeletion {
        project: Ref,
    },
    RestoreProject {
        project: Ref,
    },
    DeleteProject {
        project: Ref,
    },
    Push {
        project: Ref,
    },
    ShareProject {
        project: Ref,
        with: Ref,
        role: Role,
    },
    AddGroupMember {
        group: Ref,
        username: String,
        role: Role,
    },
    RemoveGroupMember {
        group: Ref,
        username: String,
    },
    AddProjectMember {
        project: Ref,
        username: String,
        role: Role,
    },
    BlockUser {
        username: String,
    },
    IssueToken {
        token: TokenSpec,
    },
    RevokeToken {
        token: TokenId,
    },
    SetTokenExpiry {
        token: TokenId,
        expires_at: Option<NaiveDate>,
    },
    SetPassword {
        username: String,
        password: Secret,
    },
    AddApplication {
        application: ApplicationSpec,
    },
    DeleteApplication {
        client_id: String,
    },
    RevokeApplication {
        client_id: String,
        username: String,
    },
    ExpireOauthTokens {
        client_id: Option<String>,
    },
    LagRefreshTokens {
        times: u64,
    },
    ApproveDevice {
        user_code: Secret,
        username: String,
    },
    DenyDevice {
        user_code: Secret,
    },
}

/// What a mutation made or changed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// The number of the group, project or user that was made or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// The token that was made, with its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<IssuedToken>,
    /// The application that was made, with its secret if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<MadeApplication>,
}

/// An application as the control interface hands it out once.
#[derive(Debug, Clone, Serialize)]
pub struct MadeApplication {
    /// The client id.
    pub client_id: String,
    /// The client secret of a confidential application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
}

impl World {
    /// Applies one mutation; a refused one changes nothing.
    pub fn apply(&mut self, mutation: &Mutation) -> Result<Outcome, WorldError> {
        let id = match mutation {
            Mutation::CreateGroup { parent, path } => self.create_group(parent.clone(), path)?.0,
            Mutation::RenameGroup { group, path } => self.rename_group(group, path)?.0,
            Mutation::TransferGroup { group, to } => self.transfer_group(group, to.clone())?.0,
            Mutation::EditGroup { group, patch } => self.edit_group(group, patch.clone())?.0,
            Mutation::MarkGroupForDeletion { group } => self.mark_group_for_deletion(group)?.0,
            Mutation::DeleteGroup { group } => self.delete_group(group)?.0,
            Mutation::HideGroup { group } => {
                self.edit_group(
                    group,
                    GroupPatch {
                        hidden: Some(true),
                        ..Default::default()
                    },
                )?
                .0
            }
            Mutation::ShowGroup { group } => {
                self.edit_group(
                    group,
                    GroupPatch {
                        hidden: Some(false),
                        ..Default::default()
                    },
                )?
                .0
            }
            Mutation::ShareGroup { group, with, role } => self.share_group(group, with, *role)?.0,
            Mutation::CreateProject { namespace, path } => self.create_project(namespace, path)?.0,
            Mutation::RenameProject { project, path } => self.rename_project(project, path)?.0,
            Mutation::TransferProject { project, to } => self.transfer_project(project, to)?.0,
            Mutation::EditProject { project, patch } => {
                self.edit_project(project, patch.clone())?.0
            }
            Mutation::ArchiveProject { project } => {
                let patch = ProjectPatch {
                    archived: Some(true),
                    ..Default::default()
                };
                self.edit_project(project, patch)?.0
            }
            Mutation::MarkProjectForDeletion { project } => {
                self.mark_project_for_deletion(project)?.0
            }
            Mutation::RestoreProject { project } => self.restore_project(project)?.0,
            Mutation::DeleteProject { project } => self.delete_project(project)?.0,
            Mutation::Push { project } => self.push(project)?.0,
            Mutation::ShareProject {
                project,
                with,
                role,
            } => self.share_project(project, with, *role)?.0,
            Mutation::AddGroupMember {
                group,
                username,
                role,
            } => {
                return self
                    .add_group_member(group, username, *role)
                    .map(|()| Outcome::default());
            }
            Mutation::RemoveGroupMember { group, username } => {
                return self
                    .remove_group_member(group, username)
                    .map(|()| Outcome::default());
            }
            Mutation::AddProjectMember {
                project,
                username,
                role,
            } => {
                return self
                    .add_project_member(project, username, *role)
                    .map(|()| Outcome::default());
            }
            Mutation::BlockUser { username } => self.block_user(username)?.0,
            Mutation::IssueToken { token } => {
                let token = self.issue(token)?;
                return Ok(Outcome {
                    id: Some(token.id.0),
                    token: Some(token),
                    ..Outcome::default()
                });
            }
            Mutation::RevokeToken { token } => {
                self.revoke_token(*token)?;
                token.0
            }
            Mutation::SetTokenExpiry { token, expires_at } => {
                self.set_token_expiry(*token, *expires_at)?;
                token.0
            }
            other => return self.apply_oauth(other),
        };
        Ok(Outcome {
            id: Some(id),
            ..Outcome::default()
        })
    }

    /// The mutations of the authorization server.
    fn apply_oauth(&mut self, mutation: &Mutation) -> Result<Outcome, WorldError> {
        match mutation {
            Mutation::AddApplication { application } => {
                let made = self.add_application(application)?;
                return Ok(Outcome {
                    application: Some(MadeApplication {
                        secret: made.secret().map(Secret::from),
                        client_id: made.client_id,
                    }),
                    ..Outcome::default()
                });
            }
            Mutation::SetPassword { username, password } => {
                let id = self.set_password(username, password.clone())?.0;
                return Ok(Outcome {
                    id: Some(id),
                    ..Outcome::default()
                });
            }
            Mutation::DeleteApplication { client_id } => self.delete_application(client_id)?,
            Mutation::RevokeApplication {
                client_id,
                username,
            } => self.revoke_application(client_id, username)?,
            Mutation::ExpireOauthTokens { client_id } => {
                self.expire_oauth_tokens(client_id.as_deref());
            }
            Mutation::LagRefreshTokens { times } => self.lag_refresh_tokens(*times),
            Mutation::ApproveDevice {
                user_code,
                username,
            } => self.approve_device(user_code.expose(), username)?,
            Mutation::DenyDevice { user_code } => self.deny_device(user_code.expose())?,
            // Everything else is applied by the caller.
            _ => {}
        }
        Ok(Outcome::default())
    }
}
