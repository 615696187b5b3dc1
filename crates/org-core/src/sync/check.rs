//! Reads any plan with other eyes before it is applied.
