//! The fakes keep the contracts, and so do the decorators.

mod environment;
mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use futures_executor::block_on;
use secrecy::SecretString;

use super::contract::host::{HostUnderTest, HostWorld};
use super::contract::oauth::OauthUnderTest;
use super::contract::{AccessUnderTest, Stores, TransferUnderTest, VaultUnderTest};
use super::{
    FakeHost, FlakyStore, MemoryAccess, MemoryStore, MemoryVault, OauthCall, OauthFault, World,
    build,
};
use crate::host::HostUrl;
use crate::ids::{GroupId, RepositoryId};
use crate::ports::VcsHost;

mod vault {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = VaultUnderTest::new(Arc::new(MemoryVault::new())),
    }
}

mod access {
    use super::*;

    crate::access_store_contract! {
        run = block_on,
        make = AccessUnderTest::new(Arc::new(MemoryAccess::default())),
    }
}

/// A registry that knows an agent too.
struct WithAgent;

#[async_trait]
impl crate::ports::DeviceRegistry for WithAgent {
    async fn devices(&self) -> Result<Vec<crate::device::Device>, crate::ports::StoreError> {
        Ok(vec![
            crate::device::Device::embedded(),
            build::agent(7, "berlin"),
        ])
    }
}

mod devices_without_agents {
    use super::*;

    crate::device_registry_contract! {
        run = block_on,
        make = Arc::new(crate::ports::OnlyEmbedded),
    }
}

mod devices_with_an_agent {
    use super::*;

    crate::device_registry_contract! {
        run = block_on,
        make = Arc::new(WithAgent),
    }
}

mod vault_transfer {
    use super::*;

    crate::vault_transfer_contract! {
        run = block_on,
        make = TransferUnderTest::new(Arc::new(MemoryVault::new())),
    }
}

mod stores {
    use super::*;

    crate::store_contract! {
        run = block_on,
        make = Stores::new(&Arc::new(MemoryStore::new())),
    }
}

mod account_stores {
    use super::*;
    use crate::testing::contract::accounts::AccountStores;

    crate::account_store_contract! {
        run = block_on,
        make = AccountStores::new(&Arc::new(MemoryStore::new())),
    }
}

mod identity_stores {
    use super::*;
    use crate::testing::contract::identities::IdentityStores;

    crate::identity_store_contract! {
        run = block_on,
        make = IdentityStores::new(&Arc::new(MemoryStore::new())),
    }
}

mod flaky_stores_without_faults {
    use super::*;

    crate::store_contract! {
        run = block_on,
        make = Stores::new(&Arc::new(FlakyStore::new(Arc::new(MemoryStore::new())))),
    }
}

mod host {
    use super::*;

    crate::host_contract! {
        run = block_on,
        make = FakeHostUnderTest::new(),
    }
}

mod oauth {
    use super::*;

    crate::oauth_contract! {
        run = block_on,
        make = FakeHostUnderTest::new(),
    }
}

mod shuffled_host {
    use super::*;

    crate::host_contract! {
        run = block_on,
        make = {
            let test = FakeHostUnderTest::new();
            test.host.set_page_size(3);
            test.host.shuffle_pages(7);
            test.host.repeat_rows();
            test
        },
    }
}

struct FakeHostUnderTest {
    host: FakeHost,
    accounts: BTreeMap<String, u64>,
    groups: BTreeMap<String, u64>,
    repositories: BTreeMap<String, u64>,
}

impl FakeHostUnderTest {
    fn new() -> Self {
        let wanted = HostWorld::new();
        let mut world = World::new();
        let mut accounts = BTreeMap::new();
        for (id, login) in (1..).zip(wanted.accounts) {
            world.add_account(id, &login);
            accounts.insert(login, id);
        }
        let mut groups = BTreeMap::new();
        for (id, spec) in (1..).zip(wanted.groups) {
            world.add_group(id, &spec.full_path);
            let group = world.groups.get_mut(&build::group_id(id));
            group.expect("just added").visibility = spec.visibility;
            groups.insert(spec.full_path, id);
        }
        let mut repositories = BTreeMap::new();
        for (id, spec) in (1..).zip(wanted.repositories) {
            let topics: Vec<&str> = spec.topics.iter().map(String::as_str).collect();
            let repository = build::repository(id, &spec.full_path)
                .visibility(spec.visibility)
                .lifecycle(spec.lifecycle)
                .topics(&topics);
            world.add_repository(repository.build());
            repositories.insert(spec.full_path, id);
        }
        for (login, group) in wanted.members {
            world.join(accounts[&login], groups[&group]);
        }
        for (repository, group) in wanted.shares {
            world.share(repositories[&repository], groups[&group]);
        }
        for token in wanted.tokens {
            let scopes: Vec<&str> = token.scopes.iter().map(String::as_str).collect();
            let value = format!("planted-{}", token.name);
            world.add_token(&value, accounts[&token.login], &scopes);
            let (_, facts) = world.tokens.get_mut(&value).expect("just added");
            facts.state = token.state;
        }
        Self {
            host: FakeHost::new(world),
            accounts,
            groups,
            repositories,
        }
    }
}

#[async_trait]
impl HostUnderTest for FakeHostUnderTest {
    fn host(&self) -> Arc<dyn VcsHost> {
        Arc::new(self.host.clone())
    }

    fn url(&self) -> HostUrl {
        build::host_url()
    }

    fn token(&self, name: &str) -> SecretString {
        build::secret(&format!("planted-{name}"))
    }

    fn group_id(&self, full_path: &str) -> GroupId {
        build::group_id(self.groups[full_path])
    }

    fn repository_id(&self, full_path: &str) -> RepositoryId {
        build::repository_id(self.repositories[full_path])
    }

    async fn delete_repository(&self, full_path: &str) {
        let id = self.repositories[full_path];
        self.host.change(|world| world.delete_repository(id));
    }
}

#[async_trait]
impl OauthUnderTest for FakeHostUnderTest {
    async fn approve(&self, url: &SecretString, login: &str) -> String {
        self.host.approve(url, self.accounts[login])
    }

    async fn deny(&self, url: &SecretString) -> String {
        self.host.deny(url)
    }

    async fn approve_device(&self, user_code: &str, login: &str) {
        self.host.approve_device(user_code, self.accounts[login]);
    }

    async fn deny_device(&self, user_code: &str) {
        self.host.deny_device(user_code);
    }

    async fn lag_refresh_tokens(&self, times: u64) {
        self.host.lag_refresh_tokens(times);
    }

    async fn expire_sign_ins(&self) {
        self.host.expire_sign_ins();
    }

    async fn lose_answer(&self, call: OauthCall) {
        self.host.fail_oauth(call, OauthFault::AnswerLost);
    }

    async fn wait_for_the_next_poll(&self) {}

    fn today(&self) -> NaiveDate {
        build::noon().date_naive()
    }
}
