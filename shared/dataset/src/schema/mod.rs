//! Avro schema text to typed fields.
//!
//! Personalize schemas are a small part of Avro: one flat record of primitive types and unions
//! with null. [`Schema::parse`] reads that part and says, for everything else, what to write
//! instead. Which fields a dataset needs stands in [`rules`].

mod error;
mod parse;
mod replace;
pub mod rules;

pub use domain::resource::DatasetType;
pub use error::SchemaError;

/// The primitive types that a column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Boolean,
}

impl FieldType {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 6] =
        [Self::Float, Self::Double, Self::Int, Self::Long, Self::String, Self::Boolean];

    /// Avro's name for the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Double => "double",
            Self::Int => "int",
            Self::Long => "long",
            Self::String => "string",
            Self::Boolean => "boolean",
        }
    }

    /// Reads Avro's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// As the schema spells it.
    pub name: String,
    /// The type, without null.
    pub kind: FieldType,
    /// Whether the type is a union with null: only then may a value be absent.
    pub nullable: bool,
    /// `"categorical": true`: one or more categories separated by `|`.
    pub categorical: bool,
    /// `"textual": true`: free text.
    pub textual: bool,
    /// `"itemName": true`: the title of an item.
    pub item_name: bool,
}

/// A checked schema.
///
/// Field names are unique after removing underscores. When the record's name tells the dataset
/// type, the required and reserved fields of that type have been checked too.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The dataset type that the record's name tells, if it tells one.
    pub dataset_type: Option<DatasetType>,
    /// Columns in the order of the schema.
    pub fields: Vec<Field>,
    /// The text that was parsed, unchanged.
    pub text: String,
}

impl Schema {
    /// Reads Avro JSON.
    ///
    /// Fails on broken JSON (with line and column), anything that is not a flat record of
    /// supported types, clashing names, and, when the record is named `Interactions`, `Items` or
    /// `Users`, on missing required fields and wrong types of reserved ones.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let schema = parse::parse(text)?;
        if let Some(dataset_type) = schema.dataset_type {
            schema.check_for(dataset_type)?;
        }
        Ok(schema)
    }

    /// Checks the fields that a dataset of this type needs in a custom dataset group.
    pub fn check_for(&self, dataset_type: DatasetType) -> Result<(), SchemaError> {
        rules::check(self, dataset_type, None)
    }

    /// As [`Schema::check_for`], with the further requirements of a domain dataset group.
    ///
    /// `domain` is `ECOMMERCE` or `VIDEO_ON_DEMAND`; `None` is a custom group.
    pub fn check_for_domain(
        &self,
        dataset_type: DatasetType,
        domain: Option<&str>,
    ) -> Result<(), SchemaError> {
        let domain = domain.map(rules::Domain::parse).transpose()?;
        rules::check(self, dataset_type, domain)
    }

    /// Checks that a dataset whose rows follow `old` may follow this schema from now on: every column of
    /// `old` is there with the same type and attributes, and the others take null.
    pub fn check_replaces(&self, old: &Schema) -> Result<(), SchemaError> {
        replace::check(self, old)
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
