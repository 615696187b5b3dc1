"""Lists a simulated GitLab with python-gitlab and gitlabber, and prints what was found as JSON."""

import json
import sys

import gitlab
from gitlabber.gitlab_tree import GitlabTree
from gitlabber.method import CloneMethod
from gitlabber.naming import FolderNaming

url, token = sys.argv[1], sys.stdin.readline().strip()
gl = gitlab.Gitlab(url, private_token=token)
gl.auth()

found = {"user": gl.user.username, "version": gl.version()[0]}
found["offset"] = sorted(
    p.id for p in gl.projects.list(iterator=True, per_page=7, membership=True)
)
found["keyset"] = [
    p.id
    for p in gl.projects.list(
        iterator=True,
        per_page=9,
        membership=True,
        pagination="keyset",
        order_by="id",
        sort="asc",
    )
]
roots = gl.groups.list(get_all=True, top_level_only=True, min_access_level=10)
by_group = set()
groups = set()
for root in roots:
    groups.add(root.full_path)
    for sub in root.descendant_groups.list(iterator=True, per_page=3):
        groups.add(sub.full_path)
    for project in root.projects.list(
        iterator=True, per_page=11, include_subgroups=True, with_shared=False
    ):
        by_group.add(project.id)
found["by_group"] = sorted(by_group)
found["groups"] = sorted(groups)
one = gl.projects.get(found["offset"][0])
found["by_path"] = gl.projects.get(one.path_with_namespace).id == one.id

QUERY = """
query($path: ID!, $after: String) {
  group(fullPath: $path) {
    projects(includeSubgroups: true, first: 8, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id fullPath }
    }
  }
}
"""
graphql = gitlab.GraphQL(url, token=token)
by_graphql = set()
for root in roots:
    after = None
    while True:
        answer = graphql.execute(
            QUERY, variable_values={"path": root.full_path, "after": after}
        )
        page = answer["group"]["projects"]
        by_graphql.update(int(node["id"].rsplit("/", 1)[1]) for node in page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
found["graphql"] = sorted(by_graphql)

tree = GitlabTree(
    url=url,
    token=token,
    method=CloneMethod.HTTP,
    naming=FolderNaming.PATH,
    disable_progress=True,
    include_shared=False,
    fail_fast=True,
)
tree.load_tree()
found["gitlabber"] = sorted(
    leaf.root_path.lstrip("/") for leaf in tree.root.leaves if leaf.type == "project"
)
print(json.dumps(found))
