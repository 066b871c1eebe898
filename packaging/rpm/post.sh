# Users, folders, the service: RPM counts the versions that are installed, so 1 is a first installation.
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers portcullis.conf
else
    getent passwd portcullis >/dev/null || useradd --system --user-group --home-dir / --no-create-home --shell /sbin/nologin portcullis
    getent group portcullis-admin >/dev/null || groupadd --system portcullis-admin
fi
install -d -m 0755 /var/lib/portcullis
install -d -m 0750 /var/log/portcullis
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || :
# As the preset of the distribution has it; most start no service by themselves.
[ "$1" -gt 1 ] || systemctl --no-reload preset portcullis.service || :
systemctl --quiet is-active portcullis.service || exit 0
if portcullis upgrade --help >/dev/null 2>&1; then
    portcullis upgrade --config /etc/portcullis/portcullis.toml ||
        echo 'portcullis: the version before goes on serving; `portcullis upgrade` tries again' >&2
else
    systemctl try-restart portcullis.service || :
fi
