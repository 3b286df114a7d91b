//! What can go wrong from a caller's point of view.

/// The exceptions that the Personalize API models, by the names that clients catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value is malformed, out of range, or does not fit another one.
    InvalidInput,
    /// The ARN is well formed but nothing answers to it.
    ResourceNotFound,
    /// The name is taken.
    ResourceAlreadyExists,
    /// The resource, its parent or a dependant is in a state that forbids the operation.
    ResourceInUse,
    /// A quota is exhausted.
    LimitExceeded,
    /// A page token cannot be decoded or belongs to another list.
    InvalidNextToken,
    /// More tags than a resource may carry.
    TooManyTags,
    /// More keys of tags than a resource may carry.
    TooManyTagKeys,
    /// The request is not JSON, or a member has the wrong JSON type.
    Malformed,
    /// The operation exists in Personalize and is not built here yet, or does not exist at all.
    UnknownOperation,
    /// Our fault; the caller may try again.
    Internal,
}

impl ErrorKind {
    /// The exception's name on the wire.
    pub fn exception(self) -> &'static str {
        match self {
            Self::InvalidInput => "InvalidInputException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceAlreadyExists => "ResourceAlreadyExistsException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::LimitExceeded => "LimitExceededException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::TooManyTags => "TooManyTagsException",
            Self::TooManyTagKeys => "TooManyTagKeysException",
            Self::Malformed => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Internal => "InternalFailure",
        }
    }
}

/// A failure with two audiences: `message` is for the caller, the source chain is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", kind.exception())]
pub struct ApiError {
    /// Which exception the client sees.
    pub kind: ErrorKind,
    /// What the client reads: what is wrong, where, which value, how to mend it.
    pub message: String,
    /// What only the log shows.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// An error without an inner cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// `InvalidInputException`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// `ResourceNotFoundException` with the text that callers know from the hosted service.
    pub fn not_found(arn: &crate::Arn) -> Self {
        Self::new(ErrorKind::ResourceNotFound, format!("Resource Arn {arn} does not exist."))
    }

    /// `ResourceAlreadyExistsException` with the text that callers know from the hosted service.
    pub fn already_exists(arn: &crate::Arn) -> Self {
        Self::new(
            ErrorKind::ResourceAlreadyExists,
            format!("Another resource with Arn {arn} already exists."),
        )
    }

    /// `ResourceInUseException`.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceInUse, message)
    }

    /// The inner error with everything that caused it, for the log; empty where there is none.
    pub fn causes(&self) -> String {
        self.cause.as_deref().map_or_else(String::new, |cause| chain(cause))
    }

    /// An internal failure; the caller sees a general sentence, the log sees the cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            message: "The service failed to process the request; its log says why.".into(),
            cause: Some(cause.into()),
        }
    }
}

/// An error with everything that caused it, in one line, for a log or a `failureReason`. A cause that
/// the text before it ends with already is not said twice.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
