//! Worlds from a seed.

use chrono::{DateTime, Duration, TimeZone, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{
    Account, Group, GroupId, NamespaceId, Project, ProjectId, Role, Share, UserId, Visibility,
    World,
};

const NOUNS: [&str; 24] = [
    "api",
    "billing",
    "cache",
    "catalog",
    "console",
    "docs",
    "engine",
    "gateway",
    "identity",
    "inventory",
    "kernel",
    "ledger",
    "mailer",
    "metrics",
    "orders",
    "payments",
    "pipeline",
    "portal",
    "proxy",
    "reports",
    "search",
    "sensor",
    "toolkit",
    "worker",
];
const ADJECTIVES: [&str; 16] = [
    "amber", "blue", "calm", "dusty", "early", "fast", "green", "hidden", "iron", "jolly", "light",
    "modern", "north", "open", "quiet", "red",
];
const TEAMS: [&str; 16] = [
    "android", "backend", "clients", "data", "edge", "frontend", "games", "hardware", "infra",
    "labs", "mobile", "network", "ops", "platform", "research", "security",
];
const ROOTS: [&str; 6] = ["acme", "globex", "initech", "umbrella", "hooli", "stark"];
const TOPICS: [&str; 8] = [
    "backend", "cli", "go", "internal", "legacy", "python", "rust", "web",
];

/// What a generated world looks like. The same spec always gives the same world.
///
/// In every generated world there are `root` (administrator), `alice` (owner of every top-level
/// group of the organization), `bob` (developer in one subgroup, where there is one) and `carol`
/// (owner of the foreign group `strangers`, no member of the organization).
#[derive(Debug, Clone)]
pub struct WorldSpec {
    seed: u64,
    groups: u32,
    projects: u32,
    depth: u32,
    roots: u32,
    personal: u32,
    foreign: u32,
    shared_in: u32,
    now: DateTime<Utc>,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            groups: 20,
            projects: 100,
            depth: 4,
            roots: 2,
            personal: 0,
            foreign: 0,
            shared_in: 0,
            now: Utc
                .timestamp_opt(1_767_225_600, 0)
                .single()
                .unwrap_or_default(),
        }
    }
}

impl WorldSpec {
    /// 20 groups and 100 projects in two top-level groups, nothing foreign, at 2026-01-01 UTC.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// All groups of the organization, top-level ones included (at least one).
    #[must_use]
    pub fn groups(mut self, groups: u32) -> Self {
        self.groups = groups.max(1);
        self
    }

    /// All projects of the organization, spread over its groups.
    #[must_use]
    pub fn projects(mut self, projects: u32) -> Self {
        self.projects = projects;
        self
    }

    /// How deep groups nest at most; 1 has top-level groups only.
    #[must_use]
    pub fn depth(mut self, depth: u32) -> Self {
        self.depth = depth.clamp(1, 20);
        self
    }

    /// Top-level groups of the organization. The first is private, the second internal, the third
    /// public, and so on in turn; what is below is at most as visible.
    #[must_use]
    pub fn roots(mut self, roots: u32) -> Self {
        self.roots = roots.max(1);
        self
    }

    /// Projects in the personal namespace of `alice`.
    #[must_use]
    pub fn personal(mut self, projects: u32) -> Self {
        self.personal = projects;
        self
    }

    /// Public projects in the group `strangers`, which is none of the organization's.
    #[must_use]
    pub fn foreign(mut self, projects: u32) -> Self {
        self.foreign = projects;
        self
    }

    /// How many of the foreign projects are shared into the first top-level group.
    #[must_use]
    pub fn shared_in(mut self, projects: u32) -> Self {
        self.shared_in = projects;
        self
    }

    /// The moment at which the history of the world ends.
    #[must_use]
    pub fn now(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }
}

impl World {
    /// Makes the world that a spec describes.
    pub fn generate(spec: &WorldSpec) -> Self {
        Generator {
            rng: StdRng::seed_from_u64(spec.seed),
            start: spec.now - Duration::days(6 * 365),
            spec,
        }
        .run()
    }
}

struct Generator<'a> {
    rng: StdRng,
    start: DateTime<Utc>,
    spec: &'a WorldSpec,
}

impl Generator<'_> {
    fn run(mut self) -> World {
        let spec = self.spec;
        let mut world = World::empty(self.start);
        world.seed = spec.seed;
        let alice = world.add_user("alice", "Alice Example", Account::Human);
        world.add_user("bob", "Bob Example", Account::Human);
        world.add_user("carol", "Carol Example", Account::Human);
        world.next_namespace = 40;
        let groups = self.groups(&mut world);
        for root in groups.iter().filter(|(_, depth)| *depth == 1) {
            let _ = world.add_group_member(root.0, "alice", Role::Owner);
        }
        if let Some(leaf) = groups.iter().rev().find(|(_, depth)| *depth > 1) {
            let _ = world.add_group_member(leaf.0, "bob", Role::Developer);
        }
        self.projects(&mut world, &groups, alice);
        world.now = spec.now;
        world
    }

    fn groups(&mut self, world: &mut World) -> Vec<(GroupId, u32)> {
        let spec = self.spec;
        let mut made: Vec<(GroupId, u32)> = Vec::new();
        let step = self.step(spec.groups);
        for n in 0..spec.groups.max(spec.roots) {
            let parent = if n < spec.roots || spec.depth == 1 {
                None
            } else {
                // A few tries for a parent that may still have children, else the first root.
                let mut parent = made[0];
                for _ in 0..8 {
                    let candidate = made[self.rng.random_range(0..made.len())];
                    if candidate.1 < spec.depth {
                        parent = candidate;
                        break;
                    }
                }
                Some(parent)
            };
            let path = match (parent, ROOTS.get(n as usize)) {
                (None, Some(root)) => (*root).to_owned(),
                (None, None) => format!("org-{n}"),
                (Some(_), _) => format!("{}-{n}", self.pick(&TEAMS)),
            };
            let visibility = match parent.and_then(|(id, _)| world.groups.get(&id)) {
                None => [
                    Visibility::Private,
                    Visibility::Internal,
                    Visibility::Public,
                ][(n % 3) as usize],
                Some(parent) => self.at_most(parent.visibility),
            };
            let id = GroupId(world.next_namespace + self.rng.random_range(0..3));
            let created_at = self.start + step * i32::try_from(n).unwrap_or(i32::MAX);
            let described = self.rng.random_bool(0.5);
            world.insert_group(Group {
                id,
                parent: parent.map(|(id, _)| id),
                name: titled(&path),
                description: if described {
                    format!("The {path} people")
                } else {
                    String::new()
                },
                path,
                visibility,
                created_at,
                updated_at: created_at,
                archived: false,
                marked_for_deletion_on: None,
                hidden: false,
                shares: Vec::new(),
            });
            made.push((id, parent.map_or(1, |(_, depth)| depth + 1)));
        }
        made
    }

    fn projects(&mut self, world: &mut World, groups: &[(GroupId, u32)], alice: UserId) {
        let spec = self.spec;
        let strangers = (spec.foreign > 0).then(|| self.strangers(world)).flatten();
        let total = spec.projects + spec.personal + spec.foreign;
        let step = self.step(total);
        let mut homes: Vec<NamespaceId> = (0..spec.projects)
            .map(|_| groups[self.rng.random_range(0..groups.len())].0.namespace())
            .collect();
        // Personal and foreign projects are scattered among the others, as their numbers are too.
        let personal = world.users.get(&alice).map(|user| user.namespace);
        let extra = (0..spec.personal)
            .filter_map(|_| personal)
            .chain((0..spec.foreign).filter_map(|_| strangers.map(GroupId::namespace)));
        for home in extra.collect::<Vec<_>>() {
            let at = self.rng.random_range(0..=homes.len());
            homes.insert(at, home);
        }
        let mut to_share = spec.shared_in;
        let mut earlier: Vec<ProjectId> = Vec::new();
        for (n, home) in homes.into_iter().enumerate() {
            let created_at = self.start + step * i32::try_from(n).unwrap_or(i32::MAX);
            let foreign = strangers.map(GroupId::namespace) == Some(home);
            let mut project = self.project(world, home, created_at, n, &earlier);
            if foreign && to_share > 0 {
                to_share -= 1;
                project.shares.push(Share {
                    group: groups[0].0,
                    role: Role::Developer,
                });
                world.shared_projects.insert(project.id);
            }
            earlier.push(project.id);
            world.insert_project(project);
        }
    }

    fn project(
        &mut self,
        world: &World,
        home: NamespaceId,
        created_at: DateTime<Utc>,
        n: usize,
        earlier: &[ProjectId],
    ) -> Project {
        // Ids of one organization come in clumps, with gaps where others made theirs.
        let gap = if self.rng.random_ratio(1, 200) {
            self.rng.random_range(50..5000)
        } else {
            self.rng.random_range(0..3)
        };
        let path = format!("{}-{}-{n}", self.pick(&ADJECTIVES), self.pick(&NOUNS));
        let limit = world
            .groups
            .get(&GroupId(home.0))
            .map_or(Visibility::Private, |g| g.visibility);
        let life = (self.spec.now - created_at).num_seconds().max(1);
        let last = created_at + Duration::seconds(self.rng.random_range(0..life));
        let mut topics: Vec<String> = (0..self.rng.random_range(0..4))
            .map(|_| self.pick(&TOPICS).to_owned())
            .collect();
        topics.sort();
        topics.dedup();
        let forked = !earlier.is_empty() && self.rng.random_ratio(1, 30);
        Project {
            id: ProjectId(world.next_project + gap),
            namespace: home,
            name: titled(&path),
            description: self
                .rng
                .random_bool(0.7)
                .then(|| format!("Everything about {path}, kept by the team.")),
            path,
            visibility: if limit == Visibility::Public {
                limit
            } else {
                self.at_most(limit)
            },
            created_at,
            updated_at: last,
            last_activity_at: last,
            archived: self.rng.random_ratio(1, 12),
            marked_for_deletion_on: None,
            default_branch: (*["main", "main", "main", "main", "master", "develop"]
                .get(self.rng.random_range(0..6))
                .unwrap_or(&"main"))
            .to_owned(),
            empty_repo: self.rng.random_ratio(1, 40),
            repository_enabled: !self.rng.random_ratio(1, 60),
            import_status: "none".to_owned(),
            topics,
            star_count: self.rng.random_range(0..50),
            forked_from: forked.then(|| earlier[self.rng.random_range(0..earlier.len())]),
            creator: UserId(2),
            lfs_enabled: self.rng.random_bool(0.9),
            repository_size: self.rng.random_range(4_096..200_000_000),
            shares: Vec::new(),
        }
    }

    fn strangers(&mut self, world: &mut World) -> Option<GroupId> {
        world.now = self.start;
        let id = world.create_group(None, "strangers").ok()?;
        let patch = super::GroupPatch {
            visibility: Some(Visibility::Public),
            ..super::GroupPatch::default()
        };
        world.edit_group(id, patch).ok()?;
        world.add_group_member(id, "carol", Role::Owner).ok()?;
        Some(id)
    }

    fn at_most(&mut self, limit: Visibility) -> Visibility {
        let wish = match self.rng.random_range(0..10) {
            0..6 => Visibility::Private,
            6..9 => Visibility::Internal,
            _ => Visibility::Public,
        };
        wish.min(limit)
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.rng.random_range(0..words.len())]
    }

    fn step(&self, rows: u32) -> Duration {
        (self.spec.now - self.start) / i32::try_from(rows.max(1) + 1).unwrap_or(i32::MAX)
    }
}

/// `blue-api-7` as `Blue Api 7`.
fn titled(path: &str) -> String {
    let words = path.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    });
    words.collect::<Vec<_>>().join(" ")
}
