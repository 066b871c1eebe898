//! The folder of many sites: a certificate of its own for each, and the same settings in the words of each proxy.

use super::Rival;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The folder.
pub(super) struct Farm {
    folder: TempDir,
    pub(super) sites: usize,
    pub(super) port: u16,
}

impl Farm {
    pub(super) fn new(sites: usize, port: u16) -> Result<Self, Box<dyn Error>> {
        let farm =
            Self { folder: tempfile::Builder::new().prefix("portcullis-sites-").tempdir()?, sites, port };
        fs::create_dir(farm.path("certs"))?;
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = key()?;
        fs::write(farm.path("root.pem"), authority.self_signed(&root)?.pem())?;
        let issuer = Issuer::new(authority, root);
        for site in 0..sites {
            let (name, key) = (name(site), key()?);
            let certificate = CertificateParams::new(vec![name.clone()])?.signed_by(&key, &issuer)?.pem();
            let write =
                |ending: &str, text: &str| fs::write(farm.path(&format!("certs/{name}.{ending}")), text);
            write("crt", &certificate)?;
            write("key", &key.serialize_pem())?;
            write("pem", &(certificate + &key.serialize_pem()))?;
        }
        Ok(farm)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the settings of a proxy, where the site in the middle says `mark`.
    pub(super) fn write(&self, rival: Rival, mark: &str) -> std::io::Result<()> {
        let says =
            |site: usize| if site == self.sites / 2 { mark.to_owned() } else { format!("hello {site}") };
        match rival {
            Rival::Portcullis => fs::write(self.path("portcullis.toml"), self.portcullis(says)),
            Rival::Nginx => fs::write(self.path("nginx.conf"), self.nginx(says)),
            Rival::Caddy => fs::write(self.path("caddy.json"), self.caddy(says)),
            Rival::Haproxy => {
                let all = |line: &dyn Fn(usize) -> String| (0..self.sites).map(line).collect::<String>();
                let backend =
                    |site| if has_service(site) { format!("app{site}") } else { "shared".to_owned() };
                let folder = self.folder.path().display();
                let list = all(&|site| format!("{folder}/certs/{0}.pem {0}\n", name(site)));
                fs::write(self.path("crt-list"), list)?;
                fs::write(self.path("says.map"), all(&|site| format!("{} {}\n", name(site), says(site))))?;
                fs::write(
                    self.path("hosts.map"),
                    all(&|site| format!("{} {}\n", name(site), backend(site))),
                )?;
                fs::write(self.path("haproxy.cfg"), self.haproxy())
            }
        }
    }

    fn portcullis(&self, says: impl Fn(usize) -> String) -> String {
        let mut text = format!(
            "[state]\nfolder = \"state\"\n[admin]\nsocket = \"admin.sock\"\n[log]\naccess = \"off\"\n\
            [listen]\naddresses = [\"127.0.0.1\"]\nhttp = \"off\"\nhttps = {}\n\n",
            self.port
        );
        for site in (0..self.sites).filter(|site| has_service(*site)) {
            let [one, other] = instances(site);
            let _ = writeln!(text, "[service.app{site}]\ninstances = [\"{one}\", \"{other}\"]\n");
        }
        for site in 0..self.sites {
            let (name, says) = (name(site), says(site));
            let service = if has_service(site) { format!("app{site}") } else { instances(0)[0].clone() };
            let _ = writeln!(
                text,
                "[site.\"{name}\"]\ncertificate = {{ certificate = \"certs/{name}.crt\", key = \"certs/{name}.key\" }}\n\
                [site.\"{name}\".routes]\n\"/\" = \"{service}\"\n\"/hello\" = {{ respond = \"{says}\" }}\n\
                \"/old/\" = {{ redirect = \"https://{name}/new/\" }}\n"
            );
        }
        text
    }

    fn nginx(&self, says: impl Fn(usize) -> String) -> String {
        let mut text = "daemon off;\nuser root;\nworker_processes 2;\npid nginx.pid;\nerror_log nginx-error.log;\n\
            events { worker_connections 1000; }\nhttp {\naccess_log off;\nserver_names_hash_max_size 131072;\n\
            server_names_hash_bucket_size 128;\nssl_protocols TLSv1.2 TLSv1.3;\n"
            .to_owned();
        for place in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(text, "{place}_temp_path {place};");
        }
        let [shared, _] = instances(0);
        for site in 0..self.sites {
            let (name, says, port) = (name(site), says(site), self.port);
            let mut backend = shared.clone();
            if has_service(site) {
                let [one, other] = instances(site);
                backend = format!("app{site}");
                let _ = writeln!(text, "upstream app{site} {{ server {one}; server {other}; }}");
            }
            let _ = writeln!(
                text,
                "server {{ listen 127.0.0.1:{port} ssl; server_name {name};\nssl_certificate certs/{name}.crt;\n\
                ssl_certificate_key certs/{name}.key;\nlocation / {{ proxy_pass http://{backend}; }}\n\
                location = /hello {{ return 200 \"{says}\"; }}\n\
                location /old/ {{ return 308 https://{name}/new/; }} }}"
            );
        }
        text + "}\n"
    }

    fn haproxy(&self) -> String {
        let (folder, [shared, _]) = (self.folder.path().display(), instances(0));
        let mut text = format!(
            "global\nnbthread 2\nmaxconn 1000\nssl-default-bind-options ssl-min-ver TLSv1.2\n\
            defaults\nmode http\ntimeout connect 3s\ntimeout client 60s\ntimeout server 60s\n\
            frontend secure\nbind 127.0.0.1:{} ssl crt-list {folder}/crt-list\n\
            http-request return status 200 content-type text/plain lf-string %[req.hdr(host),lower,map({folder}/says.map)] if {{ path /hello }}\n\
            http-request redirect prefix https://%[req.hdr(host)]/new code 308 if {{ path_beg /old/ }}\n\
            use_backend %[req.hdr(host),lower,map({folder}/hosts.map)]\n\
            backend shared\nserver one {shared}\n",
            self.port
        );
        for site in (0..self.sites).filter(|site| has_service(*site)) {
            let [one, other] = instances(site);
            let _ = writeln!(text, "backend app{site}\nserver one {one}\nserver two {other}");
        }
        text
    }

    /// In JSON, since reading a Caddyfile of so many sites takes minutes.
    fn caddy(&self, says: impl Fn(usize) -> String) -> String {
        let folder = self.folder.path().display();
        let dial = |address: &String| format!("{{\"dial\":\"{address}\"}}");
        let route = |site: usize| {
            let (name, says, instances) =
                (name(site), says(site), instances(if has_service(site) { site } else { 0 }));
            let upstreams: Vec<String> =
                instances.iter().take(1 + usize::from(has_service(site))).map(dial).collect();
            format!(
                "{{\"match\":[{{\"host\":[\"{name}\"]}}],\"terminal\":true,\"handle\":[{{\"handler\":\"subroute\",\"routes\":[\
                {{\"match\":[{{\"path\":[\"/hello\"]}}],\"handle\":[{{\"handler\":\"static_response\",\"body\":\"{says}\"}}],\"terminal\":true}},\
                {{\"match\":[{{\"path\":[\"/old/*\"]}}],\"handle\":[{{\"handler\":\"static_response\",\"status_code\":308,\
                \"headers\":{{\"Location\":[\"https://{name}/new/\"]}}}}],\"terminal\":true}},\
                {{\"handle\":[{{\"handler\":\"reverse_proxy\",\"upstreams\":[{}]}}]}}]}}]}}",
                upstreams.join(",")
            )
        };
        let files = |site: usize| {
            let name = name(site);
            format!("{{\"certificate\":\"{folder}/certs/{name}.crt\",\"key\":\"{folder}/certs/{name}.key\"}}")
        };
        let all = |one: &dyn Fn(usize) -> String| (0..self.sites).map(one).collect::<Vec<_>>().join(",\n");
        format!(
            "{{\"admin\":{{\"listen\":\"unix/{folder}/caddy.sock\"}},\
            \"storage\":{{\"module\":\"file_system\",\"root\":\"{folder}/caddy\"}},\
            \"apps\":{{\"http\":{{\"servers\":{{\"sites\":{{\"listen\":[\"127.0.0.1:{}\"],\
            \"automatic_https\":{{\"disable\":true}},\"tls_connection_policies\":[{{}}],\"routes\":[{}]}}}}}},\
            \"tls\":{{\"certificates\":{{\"load_files\":[{}]}}}}}}}}",
            self.port,
            all(&route),
            all(&files)
        )
    }
}

/// The name of a site.
pub(super) fn name(site: usize) -> String {
    format!("site{site:05}.example.test")
}

/// Every second site has a service of its own.
fn has_service(site: usize) -> bool {
    site.is_multiple_of(2)
}

fn instances(site: usize) -> [String; 2] {
    [3000, 4000].map(|port| format!("127.0.0.1:{}", port + site % 100))
}
