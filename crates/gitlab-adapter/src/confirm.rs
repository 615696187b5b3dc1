//! Whether repositories that a listing did not have are still there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use org_core::ids::{GroupId, RepositoryId};
use org_core::ports::Confirmation;

use crate::failure::Failure;
use crate::http::{Api, Call, Patience};
use crate::identity::token_self;
use crate::wire::graphql::{Envelope, Existing, existing_body};
use crate::wire::rest::Place;

/// GraphQL gives no longer page.
const PER_QUERY: usize = 100;

/// Asks for each repository by its number.
///
/// First the credential has to prove that it is still good: a host hides from a lost one everything, which looks like a loss of
/// everything. What GraphQL shows is there; of what it does not show, REST says for each whether it is gone or hidden from GraphQL alone.
pub(crate) async fn confirm(
    api: &Api,
    repositories: &[RepositoryId],
) -> Result<BTreeMap<RepositoryId, Confirmation>, Failure> {
    prove(api).await?;
    let asked: BTreeSet<RepositoryId> = repositories.iter().copied().collect();
    let asked: Vec<RepositoryId> = asked.into_iter().collect();
    let mut answers = BTreeMap::new();
    let batches = stream::iter(asked.chunks(PER_QUERY).map(<[_]>::to_vec))
        .map(|batch| async move { existing(api, &batch).await })
        .buffer_unordered(api.max_concurrency())
        .collect::<Vec<_>>()
        .await;
    // A query that fails says nothing of its batch; REST then has to ask for each.
    answers.extend(batches.into_iter().flatten());
    let open: Vec<RepositoryId> = asked
        .iter()
        .copied()
        .filter(|id| !answers.contains_key(id))
        .collect();
    let mut single = stream::iter(open)
        .map(|id| async move { (id, ask(api, id.get()).await) })
        .buffer_unordered(api.max_concurrency());
    let mut is_any_absent = false;
    while let Some((id, answer)) = single.next().await {
        let answer = answer?;
        is_any_absent |= answer == Confirmation::Absent;
        answers.insert(id, answer);
    }
    drop(single);
    if is_any_absent {
        // The credential may have been lost between the first question and the last.
        prove(api).await?;
    }
    Ok(answers)
}

/// Fails unless the host still accepts the credential for reading projects.
async fn prove(api: &Api) -> Result<(), Failure> {
    match token_self(api).await {
        Ok(facts) if facts.revoked => {
            return Err(Failure::Refused("it was revoked".to_owned()));
        }
        // Not a personal access token, or an old host: the next question decides.
        Ok(_) | Err(Failure::Status { status: 400, .. } | Failure::Missing(_)) => {}
        Err(failure) => return Err(failure),
    }
    let any = Call::get("/projects")
        .with("membership", true)
        .with("simple", true)
        .with("per_page", 1);
    let _: (Vec<Place>, _) = api.json(&any, Patience::Full).await?;
    Ok(())
}

async fn existing(api: &Api, batch: &[RepositoryId]) -> Vec<(RepositoryId, Confirmation)> {
    let ids: Vec<u64> = batch.iter().map(|id| id.get()).collect();
    let call = Call::Graphql {
        body: existing_body(&ids),
    };
    let Ok((envelope, _)) = api.json::<Envelope<Existing>>(&call, Patience::Brief).await else {
        return Vec::new();
    };
    let nodes = envelope.data.map(|data| data.projects.nodes);
    nodes
        .into_iter()
        .flatten()
        .flatten()
        .filter(|node| ids.contains(&node.id.0))
        .filter_map(|node| {
            let group = node.group.and_then(|group| GroupId::new(group.id.0));
            let full_path = node.full_path;
            Some((
                RepositoryId::new(node.id.0)?,
                Confirmation::At { group, full_path },
            ))
        })
        .collect()
}

async fn ask(api: &Api, id: u64) -> Result<Confirmation, Failure> {
    let call = Call::get(format!("/projects/{id}"));
    let unknown = |why: String| Ok(Confirmation::Unknown { why });
    match api.json::<Place>(&call, Patience::Full).await {
        Ok((found, _)) if found.id == id => Ok(place(found)),
        Ok((found, _)) => unknown(format!("the host answered with repository {}", found.id)),
        Err(Failure::Missing(said)) if said.contains("HTML") => unknown(said),
        Err(Failure::Missing(_)) => Ok(Confirmation::Absent),
        Err(
            failure @ (Failure::Expired
            | Failure::Refused(_)
            | Failure::Scope(_)
            | Failure::Host(_)),
        ) => Err(failure),
        Err(failure) => unknown(failure.words()),
    }
}

/// Where REST says that a project stands.
fn place(found: Place) -> Confirmation {
    match (found.path_with_namespace, found.namespace) {
        (Some(full_path), Some(namespace)) => {
            let in_group = namespace.kind.as_ref() != "user";
            let group = GroupId::new(namespace.id).filter(|_| in_group);
            Confirmation::At { group, full_path }
        }
        _ => Confirmation::Present,
    }
}
