//! Column names as people write them, and the names that Personalize knows them by.

use domain::resource::DatasetType;

/// Other spellings of a column, compared by [`bare`]: lower case, letters and digits only.
struct Alias {
    column: &'static str,
    spellings: &'static [&'static str],
}

// The first spelling of two in one header wins.
const ALIASES: &[Alias] = &[
    Alias {
        column: "USER_ID",
        spellings: &["userid", "user", "uid", "customerid", "customer", "visitorid", "memberid", "accountid"],
    },
    Alias {
        column: "ITEM_ID",
        spellings: &[
            "itemid",
            "item",
            "movieid",
            "movie",
            "iid",
            "productid",
            "product",
            "articleid",
            "article",
            "songid",
            "trackid",
            "videoid",
            "contentid",
            "bookid",
            "sku",
            "asin",
            "filmid",
        ],
    },
    Alias {
        column: "TIMESTAMP",
        spellings: &["timestamp", "time", "ts", "unixtime", "unixtimestamp", "eventtime", "eventtimestamp"],
    },
    Alias { column: "EVENT_TYPE", spellings: &["eventtype", "event", "action", "interactiontype"] },
    Alias { column: "EVENT_VALUE", spellings: &["eventvalue", "rating", "ratings", "score", "stars"] },
    Alias { column: "GENRES", spellings: &["genres", "genre"] },
    Alias { column: "TITLE", spellings: &["title", "itemname", "movietitle", "producttitle", "productname"] },
    Alias {
        column: "CREATION_TIMESTAMP",
        spellings: &["creationtimestamp", "createdat", "creationtime", "created"],
    },
    Alias { column: "PRICE", spellings: &["price"] },
    Alias { column: "DESCRIPTION", spellings: &["description"] },
];

/// The part of a name that identifies it: lower-case ASCII letters and digits.
pub(crate) fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// How a column of the schema was found in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The very name.
    Exact,
    /// Another spelling, or an alias.
    Renamed,
}

/// Finds the column of `header` that holds the schema's `column`: the very name, else the same name
/// without regard to case and underscores, else the first alias that the header has.
///
/// Columns in `taken` are already spoken for.
pub(crate) fn find(header: &[String], column: &str, taken: &[bool]) -> Option<(usize, Match)> {
    let position = |matches: &dyn Fn(&str) -> bool| {
        header.iter().zip(taken).position(|(name, &taken)| !taken && matches(name))
    };
    if let Some(at) = position(&|name| name == column) {
        return Some((at, Match::Exact));
    }
    let wanted = bare(column);
    if let Some(at) = position(&|name| bare(name) == wanted) {
        return Some((at, Match::Renamed));
    }
    let alias = ALIASES.iter().find(|alias| alias.column == column)?;
    alias
        .spellings
        .iter()
        .find_map(|spelling| position(&|name| bare(name) == *spelling))
        .map(|at| (at, Match::Renamed))
}

/// The Personalize name of a column, when its spelling tells one.
///
/// Plain `id` and `name` say something only once the dataset type is known.
pub(crate) fn canonical(name: &str, dataset_type: DatasetType) -> Option<&'static str> {
    let bare = bare(name);
    match (dataset_type, bare.as_str()) {
        (DatasetType::Items, "id") => return Some("ITEM_ID"),
        (DatasetType::Users, "id") => return Some("USER_ID"),
        (DatasetType::Items, "name") => return Some("TITLE"),
        _ => {}
    }
    let known = |column: &str| match dataset_type {
        DatasetType::Interactions => {
            matches!(column, "USER_ID" | "ITEM_ID" | "TIMESTAMP" | "EVENT_TYPE" | "EVENT_VALUE")
        }
        DatasetType::Items => {
            matches!(column, "ITEM_ID" | "GENRES" | "TITLE" | "CREATION_TIMESTAMP" | "PRICE" | "DESCRIPTION")
        }
        DatasetType::Users => column == "USER_ID",
        DatasetType::Actions => matches!(column, "CREATION_TIMESTAMP"),
        DatasetType::ActionInteractions => matches!(column, "USER_ID" | "TIMESTAMP" | "EVENT_TYPE"),
    };
    ALIASES
        .iter()
        .find(|alias| known(alias.column) && alias.spellings.contains(&bare.as_str()))
        .map(|alias| alias.column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &[&str], column: &str) -> Option<(usize, Match)> {
        let header: Vec<String> = header.iter().map(|name| name.to_string()).collect();
        find(&header, column, &vec![false; header.len()])
    }

    #[test]
    fn the_very_name_wins_over_spellings_and_spellings_over_aliases() {
        assert_eq!(found(&["userId", "USER_ID"], "USER_ID"), Some((1, Match::Exact)));
        assert_eq!(found(&["user", "User Id"], "USER_ID"), Some((1, Match::Renamed)));
        assert_eq!(found(&["movieId", "item"], "ITEM_ID"), Some((1, Match::Renamed)));
        assert_eq!(found(&["userId", "movieId"], "TIMESTAMP"), None);
    }

    #[test]
    fn an_id_means_what_the_dataset_is_about() {
        assert_eq!(canonical("id", DatasetType::Items), Some("ITEM_ID"));
        assert_eq!(canonical("ID", DatasetType::Users), Some("USER_ID"));
        assert_eq!(canonical("id", DatasetType::Interactions), None);
        assert_eq!(canonical("rating", DatasetType::Interactions), Some("EVENT_VALUE"));
        assert_eq!(canonical("rating", DatasetType::Items), None);
    }
}
