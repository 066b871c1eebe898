//! FastCGI: the scripts of a service, and what such a service cannot have.

use super::Lowering;
use super::handlers::is_inside;
use crate::plan::{FastCgi, Service, Target, TargetAddress};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::service as raw;
use crate::source::{Located, Location};

/// The scripts of a service, where its instances are spoken to with FastCGI. `at` is its name.
pub(super) fn settings(
    service: &Service,
    raw: &raw::Service,
    at: Location,
    lowering: &mut Lowering<'_>,
) -> Option<FastCgi> {
    let is_spoken = |spoken: bool| service.instances.iter().find(|target| target.fastcgi == spoken);
    let Some(instance) = is_spoken(true) else {
        if let (Some(written), Some(first)) = (&raw.fastcgi, service.instances.first()) {
            // The port of HTTP is not the one of FastCGI.
            let hint = match &first.address {
                TargetAddress::Unix(_) => format!("write the instance as \"fastcgi+{first}\""),
                TargetAddress::Tcp { host, .. } => {
                    let plain = TargetAddress::Tcp { host: host.clone(), port: 9000 };
                    let target = Target { fastcgi: true, ..Target::plain(plain) };
                    format!(
                        "write the instance with its port of FastCGI, \"{target}\", or as \"fastcgi+unix:/path\""
                    )
                }
            };
            lowering.report(
                Problem::error(
                    written.at,
                    format!("no instance of `{}` is spoken to with FastCGI", service.name),
                )
                .label("would not be used")
                .hint(hint),
            );
        }
        return None;
    };
    if let Some(other) = is_spoken(false) {
        lowering.report(
            Problem::error(at, format!("the instances of `{}` speak different protocols", service.name))
                .label(format!("`{instance}` speaks FastCGI, `{other}` does not"))
                .hint("write two services"),
        );
    }
    refuse_foreign(service, raw, lowering);
    let Some(written) = &raw.fastcgi else {
        if !raw.broken {
            lowering.report(without_root(at, service));
        }
        return None;
    };
    scripts(written, service, lowering)
}

/// What is of HTTP, or stands before it.
fn refuse_foreign(service: &Service, raw: &raw::Service, lowering: &mut Lowering<'_>) {
    let announced = raw.proxy_protocol.as_ref().filter(|version| version.value != raw::ProxyProtocol::Off);
    let keys = [
        ("http", raw.http.as_ref().map(|key| key.at), "FastCGI is spoken in place of HTTP"),
        ("proxy_protocol", announced.map(|key| key.at), "REMOTE_ADDR names the client"),
    ];
    for (key, at, label) in keys {
        let Some(at) = at else { continue };
        let title = format!("`{key}` has no use with the instances of `{}`", service.name);
        lowering.report(Problem::error(at, title).label(label).hint("leave it out"));
    }
}

fn without_root(at: Location, service: &Service) -> Problem {
    Problem::error(at, format!("nothing says where the scripts of `{}` are", service.name))
        .label("`root` is missing")
        .hint("write fastcgi = { root = \"/srv/app/public\" }")
}

fn scripts(raw: &Located<raw::FastCgi>, service: &Service, lowering: &mut Lowering<'_>) -> Option<FastCgi> {
    let check = raw.value.check.as_ref().is_none_or(|check| check.value);
    let extension = match &raw.value.extension {
        Some(written) => extension(&written.value, lowering),
        None => Some(".php".to_owned()),
    };
    let of_script = |key: &Option<Located<Text>>, lowering: &mut Lowering<'_>| match key {
        Some(written) => script(&written.value, extension.as_deref(), lowering),
        None => Some("index.php".to_owned()),
    };
    let index = of_script(&raw.value.index, lowering);
    if let Some(written) = raw.value.index.as_ref().filter(|index| index.value.as_str().contains('/')) {
        lowering.report(
            Problem::error(written.value.inner(), "`index` is a name within each folder").label("has a `/`"),
        );
    }
    let fallback = match &raw.value.fallback {
        Some(written) if written.value.as_str() == "off" => Some(None),
        written => of_script(written, lowering).map(Some),
    };
    let Some(root) = &raw.value.root else {
        if !raw.value.broken {
            lowering.report(without_root(raw.at, service));
        }
        return None;
    };
    if !check && !root.value.as_str().starts_with('/') {
        lowering.report(
            Problem::error(root.value.inner(), "the root on another machine is not relative to this file")
                .label("not absolute")
                .hint("write the path that the application sees, from `/` on"),
        );
    }
    let root = lowering.path(&root.value)?;
    Some(FastCgi { root, index: index?, fallback: fallback?, extension: extension?, check })
}

fn extension(text: &Text, lowering: &mut Lowering<'_>) -> Option<String> {
    let rest = text.as_str().strip_prefix('.').unwrap_or_default();
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(text.as_str().to_owned());
    }
    lowering.report(
        Problem::error(text.inner(), format!("{} is not the end of a name", shown(text.as_str())))
            .label("a dot, then letters and digits")
            .hint("write for example \".php\""),
    );
    None
}

fn script(text: &Text, extension: Option<&str>, lowering: &mut Lowering<'_>) -> Option<String> {
    let name = text.as_str();
    let extension = extension?;
    if is_inside(name) && name.ends_with(extension) {
        return Some(name.to_owned());
    }
    lowering.report(
        Problem::error(text.inner(), format!("{} is not the name of a script", shown(name)))
            .label(format!("a path beneath `root` that ends in `{extension}`")),
    );
    None
}

/// A route that names an application with FastCGI by its address alone.
pub(super) fn not_direct(text: &Text, target: &Target) -> Problem {
    Problem::error(text.inner(), format!("nothing says where the scripts of `{target}` are"))
        .label("an address is not enough")
        .hint(format!(
            "write [service.app] with instances = [\"{target}\"] and fastcgi = {{ root = \"/srv/app/public\" }}, \
             and \"app\" here"
        ))
}
