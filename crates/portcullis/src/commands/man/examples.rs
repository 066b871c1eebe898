//! Examples for manual pages, and which page to read next. A test reads each example as a command line.

/// A command line, and what it does.
pub(super) type Example = (&'static str, &'static str);

/// The examples for a page.
pub(super) fn of(page: &str) -> &'static [Example] {
    match page {
        "portcullis" => &[
            ("portcullis up example.test=localhost:3000", "Serve one site without a file."),
            (
                "portcullis check",
                "Say everything that is wrong with ./portcullis.toml, or that of /etc/portcullis.",
            ),
            ("portcullis doctor", "Say what this machine lacks."),
        ],
        "portcullis-up" => &[
            ("portcullis up example.test=localhost:3000", "Serve one site without a file."),
            (
                "portcullis up --config shop.toml --state state",
                "Serve what a file says, beside another gate.",
            ),
        ],
        "portcullis-check" => &[
            ("portcullis check shop.toml", "Say everything that is wrong, at once."),
            ("portcullis check --json", "The same for programs."),
        ],
        "portcullis-plan" => &[("portcullis plan", "Say what an apply would change.")],
        "portcullis-apply" => &[
            ("portcullis apply", "Put the file in force, packets on trial."),
            ("portcullis apply --confirm 5m", "The same, with five minutes to confirm."),
        ],
        "portcullis-confirm" => &[("portcullis confirm", "Keep what is on trial; from a new connection.")],
        "portcullis-rollback" => &[
            ("portcullis rollback", "End the trial, or go back by one."),
            ("portcullis rollback 7", "Go back to snapshot 7."),
        ],
        "portcullis-history" => &[("portcullis history", "List what was applied.")],
        "portcullis-reload" => &[("portcullis reload", "Serve the changed file.")],
        "portcullis-status" => &[
            ("portcullis status", "Show sites, listeners and packets."),
            ("portcullis status --metrics", "Print what Prometheus reads."),
        ],
        "portcullis-doctor" => &[("portcullis doctor", "Say what this machine lacks, with what mends it.")],
        "portcullis-logs" => &[
            ("portcullis logs -f --status 5xx", "Which requests fail now."),
            (
                "portcullis logs --since 2h --site shop.example.com --rule no-route",
                "Which paths nobody serves.",
            ),
            ("portcullis logs --messages", "What the gate itself has said."),
        ],
        "portcullis-upgrade" => &[
            ("portcullis upgrade", "Have the newer file of the program that runs take over."),
            ("portcullis upgrade /usr/local/bin/portcullis", "Have this one take over."),
        ],
        "portcullis-stop" => &[
            ("portcullis stop", "End the gate, and wait for its last request."),
            ("portcullis stop --wait 0", "Ask for the end, and do not wait."),
        ],
        "portcullis-allow" => &[
            ("portcullis allow 5432/tcp --from 198.51.100.9 --note database", "Let one address in."),
            ("portcullis allow ssh --from 198.51.100.0/24", "Let a network in."),
        ],
        "portcullis-revoke" => &[("portcullis revoke 5432/tcp --from 198.51.100.9", "Take that rule back.")],
        "portcullis-ban" => {
            &[("portcullis ban 203.0.113.7 --for 1d --note scans", "Refuse an address for a day.")]
        }
        "portcullis-unban" => &[("portcullis unban 203.0.113.7", "Take the ban back.")],
        "portcullis-bans" => &[("portcullis bans", "List who is banned, until when and why.")],
        "portcullis-grant" => &[
            ("portcullis grant 22 --for 2h", "Open a port for the address that you are logged in from."),
            ("portcullis grant 8080/tcp --from 198.51.100.9", "Open one for another."),
        ],
        "portcullis-firewall-adopt" => &[
            ("portcullis firewall adopt", "Print the rules of ufw or firewalld as text for the file."),
            ("portcullis firewall adopt --disable", "Switch the other firewall off."),
        ],
        "portcullis-firewall-restore" => {
            &[("portcullis firewall restore", "Put in force what was confirmed last.")]
        }
        "portcullis-firewall-off" => &[("portcullis firewall off", "Filter nothing any more.")],
        "portcullis-firewall-show" => &[("portcullis firewall show", "Print the table of the kernel.")],
        "portcullis-cert-list" => {
            &[("portcullis cert list", "List certificates: until when, and what is wrong.")]
        }
        "portcullis-cert-show" => &[("portcullis cert show example.com", "Show the certificate of a host.")],
        "portcullis-cert-trust" => &[
            ("portcullis cert trust > root.pem", "Print the own authority, for a phone or `curl --cacert`."),
            ("portcullis cert trust --install", "Have this machine trust it."),
        ],
        "portcullis-hello" => &[
            ("portcullis hello", "Answer on port 3000."),
            ("portcullis hello --port 4001 --name products-1", "Answer as one of several instances."),
            ("portcullis hello --unix run/payment.sock", "Answer on a Unix socket."),
        ],
        "portcullis-install-service" => &[
            ("portcullis install-service --dry-run", "Say what would be done."),
            ("portcullis install-service", "Do it."),
        ],
        "portcullis-schema" => {
            &[("portcullis schema > portcullis.schema.json", "Write the schema for an editor.")]
        }
        "portcullis-completions" => &[(
            "portcullis completions bash > /etc/bash_completion.d/portcullis",
            "Complete commands in every new shell.",
        )],
        "portcullis-man" => &[("portcullis man /usr/local/share/man/man1", "Write all pages.")],
        _ => &[],
    }
}

/// Other pages, besides that of the program.
pub(super) fn see_also(page: &str) -> &'static [&'static str] {
    match page {
        "portcullis" => {
            &["portcullis-up", "portcullis-check", "portcullis-apply", "portcullis-install-service"]
        }
        "portcullis-up" => {
            &["portcullis-check", "portcullis-reload", "portcullis-stop", "portcullis-install-service"]
        }
        "portcullis-check" => &["portcullis-doctor", "portcullis-plan", "portcullis-schema"],
        "portcullis-plan" => &["portcullis-apply", "portcullis-history"],
        "portcullis-apply" | "portcullis-history" => {
            &["portcullis-plan", "portcullis-confirm", "portcullis-rollback"]
        }
        "portcullis-confirm" | "portcullis-rollback" => &["portcullis-apply", "portcullis-history"],
        "portcullis-reload" => &["portcullis-check", "portcullis-apply", "portcullis-upgrade"],
        "portcullis-status" => &["portcullis-doctor", "portcullis-logs"],
        "portcullis-doctor" | "portcullis-logs" => &["portcullis-check", "portcullis-status"],
        "portcullis-upgrade" => &["portcullis-reload", "portcullis-stop"],
        "portcullis-stop" => &["portcullis-up", "portcullis-upgrade"],
        "portcullis-allow" => &["portcullis-revoke", "portcullis-apply", "portcullis-grant"],
        "portcullis-revoke" => &["portcullis-allow", "portcullis-apply"],
        "portcullis-ban" => &["portcullis-unban", "portcullis-bans"],
        "portcullis-unban" => &["portcullis-ban", "portcullis-bans"],
        "portcullis-bans" => &["portcullis-ban", "portcullis-unban"],
        "portcullis-grant" => &["portcullis-allow"],
        "portcullis-install-service" => {
            &["portcullis-up", "portcullis-doctor", "portcullis-firewall-restore"]
        }
        "portcullis-hello" | "portcullis-completions" | "portcullis-man" => &["portcullis-up"],
        "portcullis-schema" => &["portcullis-check"],
        page if page.starts_with("portcullis-firewall") => &["portcullis-apply", "portcullis-status"],
        page if page.starts_with("portcullis-cert") => &["portcullis-up", "portcullis-check"],
        _ => &[],
    }
}
