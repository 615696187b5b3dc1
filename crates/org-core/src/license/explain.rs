//! Why a repository is or is not licensed, in words.
