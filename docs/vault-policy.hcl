# What Forgehold may do on a server of OpenBao or HashiCorp Vault, and nothing more.
# `secret` is the mount of the KV engine (version 2) and `forgehold` the prefix; change both here as in the configuration.
# The tests of the project run with this very file.

# Values: make, read, and add versions, each checked against the newest one.
path "secret/data/forgehold/*" {
  capabilities = ["create", "read", "update"]
}

# What is known of a secret beside its values, and deleting it with all of them.
path "secret/metadata/forgehold/*" {
  capabilities = ["create", "read", "update", "patch", "delete", "list"]
}

# OpenBao only: everything that is known of many secrets in one answer. Without it each is asked for.
path "secret/detailed-metadata/forgehold/*" {
  capabilities = ["list"]
}

# Old values, deleted for good.
path "secret/destroy/forgehold/*" {
  capabilities = ["update"]
}

# For `forgehold secret link`: one such block for each secret of others that may be pointed at. It is read and never written.
# path "secret/data/ci/gitlab" {
#   capabilities = ["read"]
# }

# For `vault.key = "transit:NAME/transit/forgehold"`: wraps and unwraps the key of the embedded vault.
# path "transit/encrypt/forgehold" {
#   capabilities = ["update"]
# }
# path "transit/decrypt/forgehold" {
#   capabilities = ["update"]
# }
