//! Routes and requests made from text.

use model::pattern::RoutePattern;
use model::plan::{Handler, HeaderCondition, RespondHandler, Route, Template};
use model::routes::RequestFacts;

/// A route with methods (each a list with commas) and fields (`name` or `name=value`).
pub(crate) fn route<M: AsRef<str>, H: AsRef<str>>(
    pattern: &str,
    methods: impl IntoIterator<Item = M>,
    headers: impl IntoIterator<Item = H>,
) -> Route {
    let methods =
        methods.into_iter().flat_map(|list| list.as_ref().split(',').map(str::to_owned).collect::<Vec<_>>());
    let respond = RespondHandler { status: 200, body: Template::default(), content_type: String::new() };
    Route {
        pattern: RoutePattern::parse(pattern).unwrap(),
        methods: methods.collect(),
        headers: headers.into_iter().map(|field| condition(field.as_ref())).collect(),
        handler: Handler::Respond(respond),
        encoded_slashes: false,
        body: None,
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        line: 0,
    }
}

fn condition(field: &str) -> HeaderCondition {
    match field.split_once('=') {
        Some((name, value)) => HeaderCondition { name: name.to_owned(), value: Some(value.to_owned()) },
        None => HeaderCondition { name: field.to_owned(), value: None },
    }
}

/// A request's method and fields.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl RequestFacts for Request {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn header_is(&self, name: &str, value: Option<&str>) -> bool {
        let mut values = self.fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        match value {
            None => values.next().is_some(),
            Some(value) => values.next() == Some(value) && values.next().is_none(),
        }
    }
}
