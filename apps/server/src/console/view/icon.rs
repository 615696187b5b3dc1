//! The icons, out of one sprite.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::console::assets::Assets;

/// An icon of the sprite, by its name. It is decoration: the words stand beside it, or in the label of what it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) struct Icon {
    pub(in crate::console) name: &'static str,
    class: &'static str,
}

impl Icon {
    pub(in crate::console) const fn new(name: &'static str) -> Self {
        Self { name, class: "" }
    }

    pub(in crate::console) const fn with(name: &'static str, class: &'static str) -> Self {
        Self { name, class }
    }
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.class.is_empty() { "" } else { " " };
        write!(
            f,
            "<svg class=\"icon{space}{}\" aria-hidden=\"true\" focusable=\"false\"><use href=\"{}#{}\"/></svg>",
            self.class,
            Assets.icons(),
            self.name
        )
    }
}

impl HtmlSafe for Icon {}
