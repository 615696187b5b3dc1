//! Every page, with sample values.
