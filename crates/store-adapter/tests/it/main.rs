//! The store on a real file: its promises beyond those of the ports.

mod contract;
mod crash;
mod history;
mod opening;
mod pages;
mod processes;
mod reading;
mod support;
mod syncs;
