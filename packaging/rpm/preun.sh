# 0 versions are left: the package goes away. Packets stay as they are.
[ "$1" -eq 0 ] || exit 0
if [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now portcullis.service portcullis-firewall.service || :
fi
if [ -e /var/lib/portcullis/firewall ]; then
    echo 'portcullis: packets stay as they are in force, until the machine starts anew;' >&2
    echo 'portcullis: `nft delete table inet portcullis` lets everything in' >&2
fi
