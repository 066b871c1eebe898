//! Why a message is refused: one variant for each rule, so that every refusal can name the rule.

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is explained by the text of `reason`")]
pub enum Refusal {
    AbsoluteFormDisagrees,
    AuthorityDisagrees,
    BareCarriageReturn,
    BareLineFeed,
    CgiStatus,
    CgiTransferEncoding,
    ChunkExtensionTooLong,
    ChunkMalformed,
    ChunkSize,
    ChunkedNotLast,
    ConnectMethod,
    ConnectionNamesFraming,
    ConnectionSpecific,
    ContentLengthMalformed,
    ContentLengthRepeated,
    ContentLengthWithTransferEncoding,
    Expectation,
    FieldName,
    FieldUnderscore,
    FieldValue,
    FirstLineTooLong,
    HeadTooLarge,
    HostMalformed,
    HostMissing,
    HostRepeated,
    LeadingEmptyLines,
    ObsoleteFolding,
    StatusLine,
    Target,
    TooManyFields,
    TraceMethod,
    TrailerForbidden,
    TrailerMalformed,
    TransferEncodingInHttp10,
    TransferEncodingRepeated,
    Truncated,
    UpgradeUnasked,
    RequestLine,
    Version,
}

impl Refusal {
    /// The status that a client is answered with. A refused response of an instance is always 502.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::FirstLineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::ConnectMethod | Self::TraceMethod => 405,
            Self::Expectation => 417,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The name of the rule, for logs: lower case with hyphens.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::AbsoluteFormDisagrees => "absolute-form-disagrees",
            Self::AuthorityDisagrees => "authority-disagrees",
            Self::BareCarriageReturn => "bare-cr",
            Self::BareLineFeed => "bare-lf",
            Self::CgiStatus => "cgi-status",
            Self::CgiTransferEncoding => "cgi-transfer-encoding",
            Self::ChunkExtensionTooLong => "chunk-extension-too-long",
            Self::ChunkMalformed => "chunk-malformed",
            Self::ChunkSize => "chunk-size",
            Self::ChunkedNotLast => "transfer-coding",
            Self::ConnectMethod => "connect-method",
            Self::ConnectionNamesFraming => "connection-names-framing",
            Self::ConnectionSpecific => "connection-specific-field",
            Self::ContentLengthMalformed => "content-length-malformed",
            Self::ContentLengthRepeated => "content-length-repeated",
            Self::ContentLengthWithTransferEncoding => "content-length-with-transfer-encoding",
            Self::Expectation => "expectation",
            Self::FieldName => "field-name",
            Self::FieldUnderscore => "field-underscore",
            Self::FieldValue => "field-value",
            Self::FirstLineTooLong => "first-line-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::HostMalformed => "host-malformed",
            Self::HostMissing => "host-missing",
            Self::HostRepeated => "host-repeated",
            Self::LeadingEmptyLines => "leading-empty-lines",
            Self::ObsoleteFolding => "obsolete-folding",
            Self::StatusLine => "status-line",
            Self::Target => "target",
            Self::TooManyFields => "too-many-fields",
            Self::TraceMethod => "trace-method",
            Self::TrailerForbidden => "trailer-forbidden",
            Self::TrailerMalformed => "trailer-malformed",
            Self::TransferEncodingInHttp10 => "transfer-encoding-in-http10",
            Self::TransferEncodingRepeated => "transfer-encoding-repeated",
            Self::Truncated => "truncated",
            Self::UpgradeUnasked => "upgrade-unasked",
            Self::RequestLine => "request-line",
            Self::Version => "version",
        }
    }

    /// The reason as a sentence fragment.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::AbsoluteFormDisagrees => "the authority of the target and the Host field disagree",
            Self::AuthorityDisagrees => "the :authority pseudo-field and the Host field disagree",
            Self::BareCarriageReturn => "a carriage return stands without a line feed",
            Self::BareLineFeed => "a line ends with a line feed alone",
            Self::CgiStatus => "Status of a FastCGI answer is not one number from 200 to 599",
            Self::CgiTransferEncoding => "Transfer-Encoding is set in a FastCGI answer, which has none",
            Self::ChunkExtensionTooLong => "chunk extensions exceed their bound",
            Self::ChunkMalformed => "a chunk is not framed as RFC 9112 section 7.1 says",
            Self::ChunkSize => "a chunk size is not a plain hexadecimal number within bounds",
            Self::ChunkedNotLast => "a transfer coding other than one final chunked is used",
            Self::ConnectMethod => "CONNECT is not served",
            Self::ConnectionNamesFraming => {
                "the Connection field names a field that frames or routes the message"
            }
            Self::ConnectionSpecific => "a field of HTTP/1.1 connections is used in HTTP/2",
            Self::ContentLengthMalformed => "Content-Length is not a plain decimal number within bounds",
            Self::ContentLengthRepeated => "Content-Length is given more than once",
            Self::ContentLengthWithTransferEncoding => "Content-Length and Transfer-Encoding are both given",
            Self::Expectation => "an expectation other than 100-continue is asked for",
            Self::FieldName => "a field name is not a token followed by a colon",
            Self::FieldUnderscore => "a field name contains an underscore",
            Self::FieldValue => "a field value contains a control byte",
            Self::FirstLineTooLong => "the first line exceeds its bound",
            Self::HeadTooLarge => "the head exceeds its bound in bytes",
            Self::HostMalformed => "the Host field is not a host with an optional port",
            Self::HostMissing => "there is no Host field",
            Self::HostRepeated => "Host is given more than once",
            Self::LeadingEmptyLines => "more than one empty line stands before the request line",
            Self::ObsoleteFolding => "a field value continues on a second line",
            Self::StatusLine => "the status line is malformed",
            Self::Target => "the request target is malformed",
            Self::TooManyFields => "the head exceeds its bound in fields",
            Self::TraceMethod => "TRACE is not served",
            Self::TrailerForbidden => "a trailer field frames, routes or authenticates the message",
            Self::TrailerMalformed => "the trailer section is malformed or too large",
            Self::TransferEncodingInHttp10 => "Transfer-Encoding is used in HTTP/1.0",
            Self::TransferEncodingRepeated => "Transfer-Encoding is given more than once",
            Self::Truncated => "the message ended before its framing said so",
            Self::UpgradeUnasked => "a protocol switch was answered that nobody asked for",
            Self::RequestLine => "the request line is malformed",
            Self::Version => "the version is neither HTTP/1.1 nor HTTP/1.0",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Refusal {}
