//! Lists of any length, and readers that do not want all of it.

use std::io::{BufRead, BufReader};

use gitlab_sim::{GitlabSim, TokenSpec};
use serde_json::Value;

use crate::place::{Place, Ran};
use crate::sim::{Sim, grown};

fn paths(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["path"].as_str().expect("a path").to_owned())
        .collect()
}

/// More repositories than two pages of the program have.
fn large() -> (Place, Sim) {
    let sim = Sim::start(
        GitlabSim::builder()
            .world(grown(1_200))
            .token(TokenSpec::user("alice")),
    );
    let place = Place::new();
    sim.connect(&place, &["--protect-groups"]).ok();
    (place, sim)
}

#[test]
fn a_list_goes_through_all_pages() {
    let (place, _sim) = large();
    let all = place.json(&["repo", "list"]);
    assert_eq!((paths(&all).len(), &all["next"]), (1_204, &Value::Null));
    assert!(paths(&all).is_sorted());

    let table = place.ok(&["repo", "list"]);
    let widths: std::collections::BTreeSet<Option<usize>> =
        table.lines().map(|line| line.find("  acme  ")).collect();
    assert_eq!(
        table.lines().count(),
        1_205,
        "one line each, and one header"
    );
    assert_eq!(
        widths.len(),
        2,
        "the columns of all pages line up, but for the header"
    );

    let (mut pieces, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["repo", "list", "--limit", "700", "--path", "MANY"];
        args.extend(next.iter().flat_map(|next| ["--after", next.as_str()]));
        let piece = place.json(&args);
        pieces.extend(paths(&piece));
        next = piece["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    assert_eq!(pieces, paths(&all)[1..1_201].to_vec());

    let mut child = place.start(&["repo", "list"]);
    let mut reader = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a first line");
    drop(reader);
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "a closed pipe is silent"
    );
}

#[test]
fn groups_of_several_organizations_are_one_list() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--protect-groups", "--group", "acme"])
        .ok();
    sim.world().change(|world| {
        let other = world.create_group(None, "globex").expect("a new group");
        world
            .add_group_member(other, "alice", gitlab_sim::Role::Owner)
            .expect("both are there");
    });
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--token-stdin",
    ];
    let args: Vec<&str> = args
        .into_iter()
        .chain(["--group", "globex", "--protect-groups"])
        .collect();
    place.run_with(&args, sim.token()).ok();
    let all = place.json(&["group", "list"]);
    assert_eq!(paths(&all), ["acme", "acme/platform", "globex"]);
    for limit in ["1", "2"] {
        let (mut pieces, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut args = vec!["group", "list", "--limit", limit];
            args.extend(next.iter().flat_map(|next| ["--after", next.as_str()]));
            let piece = place.json(&args);
            pieces.extend(paths(&piece));
            next = piece["next"].as_str().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        assert_eq!(pieces, paths(&all), "{limit} at a time");
    }
}

#[test]
fn the_history_goes_back_page_by_page() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--license-existing", "all"]).ok();
    let all = place.json(&["events", "--limit", "1000"]);
    let total = all["items"].as_array().map_or(0, Vec::len);
    assert!(total > 5, "{all}");
    assert_eq!(all["next"], Value::Null);
    let newest = place.json(&["events", "--limit", "3"]);
    let next = newest["next"].as_str().expect("there is more");
    let older = place.json(&["events", "--limit", "1000", "--before", next]);
    assert_eq!(older["items"].as_array().map(Vec::len), Some(total - 3));
    let one = place.json(&["events", "--repository", "acme/api"]);
    assert!(
        one["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty()),
        "{one}"
    );
}
