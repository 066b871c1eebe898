//! Files of ufw and firewalld: whatever they say, an import ends, and what it writes can be read and judged.

#![no_main]

use firewall::adopt::{FirewalldFiles, Named, UfwFiles, firewalld, to_toml, ufw};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let of_ufw =
        UfwFiles { user_rules: text, user6_rules: text, ufw_conf: "ENABLED=yes", ..UfwFiles::default() };
    let zone: Named<'_> = ("public", text);
    let of_firewalld =
        FirewalldFiles { conf: "DefaultZone=public", zones: vec![zone], ..FirewalldFiles::default() };
    for imported in [ufw(&of_ufw), firewalld(&of_firewalld)] {
        let compiled = model::compile_text("imported.toml", &to_toml(&imported));
        let _ = compiled.problems.render(false);
    }
});
