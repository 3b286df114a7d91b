//! Filter expressions: what they say, whether they fit the data, and which items pass.
//!
//! ```text
//! expression := part ("|" part)*
//! part       := ("INCLUDE" | "EXCLUDE") ("ItemID" | "UserID" | "ActionID") "WHERE" conditions ["IF" guard]
//! conditions := condition (("AND" | "OR") condition)*            AND binds before OR
//! guard      := condition ("AND" condition)*                     of CurrentUser only
//! condition  := dataset "." field test
//! test       := ["NOT"] "IN" "(" value ("," value)* ")"  |  ("=" | "!=" | "<" | "<=" | ">" | ">=") value
//! value      := "text" | number | $parameter | CurrentItem.field | *
//! ```
//!
//! The grammar is that of the Amazon Personalize developer guide, "Filter expressions"; what the guide
//! leaves open is decided in [`parse`], [`check`] and [`evaluate`] and said there. The way of a filter is
//! [`Expression::parse`] → [`check::check`] when it is created, and [`evaluate::passing`] with the
//! [`catalogue`], the [`events`] and the [`values`] of a request when it is applied. No network, no store.

pub mod ast;

pub mod catalogue;
pub mod check;
pub mod evaluate;
pub mod events;
pub mod parse;
pub mod print;
pub mod values;

mod bits;
mod error;
mod lex;

pub use ast::Expression;
pub use bits::Bits;
pub use catalogue::{Catalogue, CatalogueBuilder};
pub use check::Schemas;
pub use error::{ExpressionError, RequestError};
pub use evaluate::{Passing, Question, passing, passing_actions, passing_users};
pub use events::{EventIndex, EventIndexBuilder, UserEvent};
pub use values::Values;
