#!/usr/bin/env bash
# Puts voiced on a machine with systemd, replaces it by a newer one without losing a call, or takes it away.
#
#   install.sh [install]            the first time, and again for every newer source: the program, the configuration
#                                   if there is none, the units; starts it, or lets the new one take over
#   install.sh credential NAME      keeps the secret that stands on stdin for the service (telnyx_api_key ...)
#   install.sh uninstall [--purge]  takes it away; --purge also configuration, secrets, records and user
#
#   --destdir DIR    work below DIR, as a package builder does: no user, no system packages, no systemctl
#   --instance NAME  voiced@NAME instead of voiced: configuration NAME.toml; may be given several times
#   --extras LIST    optional parts of the program, with commas (default: codecs)
#   --python PROGRAM what the environment is made from (default: python3), 3.11 or later
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
verb=install name='' destdir='' extras=codecs python=python3 purge='' instances=()

booted() { [ -z "$destdir" ] && [ -d /run/systemd/system ]; }
say() { echo "voiced: $*"; }
die() { echo "voiced: $*" >&2; exit 1; }

usage() { sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

while [ $# -gt 0 ]; do
    case $1 in
        install | uninstall) verb=$1 ;;
        credential) verb=$1 name=${2-} && shift ;;
        --destdir) destdir=$(realpath -m "${2?--destdir needs a directory}") && shift ;;
        --instance) instances+=("${2?--instance needs a name}") && shift ;;
        --extras) extras=${2?--extras needs a list} && shift ;;
        --python) python=${2?--python needs a program} && shift ;;
        --purge) purge=yes ;;
        -h | --help) usage && exit ;;
        *) die "$1 is not understood; see --help" ;;
    esac
    shift
done
for instance in "${instances[@]}"; do
    [[ $instance =~ ^[A-Za-z0-9_.-]+$ ]] || die "--instance $instance: letters, digits, and . _ - only"
done

opt=$destdir/opt/voiced etc=$destdir/etc/voiced units=$destdir/etc/systemd/system
[ -n "$destdir" ] || [ "$(id -u)" = 0 ] || die "needs root; sudo $0 ..."

# The services that are meant, and the configuration of each.
services() {
    if [ ${#instances[@]} = 0 ]; then echo voiced; else printf 'voiced@%s\n' "${instances[@]}"; fi
}
config_of() { local one=${1#voiced}; one=${one#@}; echo "$etc/${one:-config}.toml"; }
dropin_dir() { if [ ${#instances[@]} = 0 ]; then echo "$units/voiced.service.d"; else echo "$units/voiced@.service.d"; fi; }

system_packages() {
    local missing=()
    command -v "$python" >/dev/null || missing+=(python3)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    ldconfig -p | grep -q 'libflite\.so\.1' || missing+=(libflite1)
    case ,$extras, in *,codecs,*) ldconfig -p | grep -q 'libopus\.so\.0' || missing+=(libopus0) ;; esac
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "install ${missing[*]} and come again: there is no apt-get here"
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        "${missing[@]}" >/dev/null
}

make_user() {
    id -u voiced >/dev/null 2>&1 && return
    say "making the user voiced"
    useradd --system --home-dir /var/lib/voiced --shell /usr/sbin/nologin voiced
}

# A release of its own for every installation: the process that runs keeps what it was started from.
make_release() {
    release=$opt/releases/$(date -u +%Y%m%d-%H%M%S-%N)
    install -d -m 755 "$release"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python is older than 3.11; see --python"
    say "installing the program into $release"
    "$python" -m venv "$release/venv"
    "$release/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$source_dir/requirements.lock" "$source_dir${extras:+[$extras]}" \
        || { rm -rf "$release"; die "the program could not be installed; what runs is as it was"; }
}

make_config() {
    local service config
    install -d -m 755 "$etc"
    install -d -m 700 "$etc/credentials"
    for service in $(services); do
        config=$(config_of "$service")
        [ -e "$config" ] || { say "writing $config: look through it"; install -m 644 "$source_dir/config.toml" "$config"; own_ports "$service" "$config"; }
    done
}

# voiced@N gets the ports and the name that docs/scaling/haproxy.cfg gives it: two cannot have the same.
own_ports() {
    local n=${1#voiced@}
    case $n in
        [1-9]) sed -i "s/^bind = \"127.0.0.1:8081\"/bind = \"127.0.0.1:809$n\"/; s/^bind = \"127.0.0.1:8080\"/bind = \"127.0.0.1:808$n\"/; s/^instance = \"\"/instance = \"$n\"/" "$2" ;;
        voiced) ;;
        *) say "$2: give it ports ([server] bind, [admin] bind) and a name ([server] instance) of its own" ;;
    esac
}

# With the new program and the secrets, before anything is changed.
check_config() {
    local service
    for service in $(services); do
        (cd / && CREDENTIALS_DIRECTORY=$etc/credentials "$release/venv/bin/voiced" check --config "$(config_of "$service")") \
            || { rm -rf "$release"; die "the new program does not take this configuration; what runs is as it was"; }
    done
}

switch_release() {
    ln -sfn "releases/${release##*/}" "$opt/current.new"
    mv -T "$opt/current.new" "$opt/current"
    install -d -m 755 "$units"
    install -m 644 "$source_dir"/systemd/voiced.service "$source_dir"/systemd/voiced@.service \
        "$source_dir"/systemd/voiced.socket "$units"
}

start_or_hand_over() {
    local service before n
    if ! booted; then
        say "installed; no systemd runs here, so nothing is started: /opt/voiced/current/venv/bin/voiced --config $(config_of "$(services | head -1)")"
        return
    fi
    systemctl daemon-reload
    for service in $(services); do
        if ! systemctl is-active --quiet "$service"; then
            systemctl enable --quiet "$service"
            systemctl start "$service" || die "$service did not start: journalctl -u $service"
            say "$service is started"
            continue
        fi
        before=$(systemctl show --property MainPID --value "$service")
        systemctl kill --kill-whom=main --signal=USR2 "$service"
        for ((n = 0; n < 300; n++)); do
            [ "$(systemctl show --property MainPID --value "$service")" != "$before" ] && break
            sleep 0.2
        done
        [ "$n" -lt 300 ] || die "$service did not hand over, and goes on as it was: journalctl -u $service"
        say "$service has been taken over by the new program; calls of the old one end in their time"
    done
}

# The newest three stay, and whatever a process still runs from.
remove_old_releases() {
    local old
    for old in $(ls -1d "$opt"/releases/*/ 2>/dev/null | sort | head -n -3); do
        grep -qsF "${old%/}/" /proc/[0-9]*/maps || rm -rf "$old"
    done
}

install_all() {
    [ -n "$destdir" ] || { system_packages && make_user; }
    make_release
    make_config
    check_config
    switch_release
    [ -n "$destdir" ] || start_or_hand_over
    remove_old_releases
}

keep_credential() {
    [[ $name =~ ^[a-z0-9_]+$ ]] || die "credential: name it as config.toml does, as in telnyx_api_key"
    install -d -m 755 "$etc" && install -d -m 700 "$etc/credentials" && install -d -m 755 "$(dropin_dir)"
    local file=$etc/credentials/$name
    (umask 077 && cat >"$file.new") && mv "$file.new" "$file"
    [ -s "$file" ] || { rm -f "$file"; die "credential $name: nothing stands on stdin"; }
    {
        echo '# Written by install.sh credential.'
        echo '[Service]'
        for file in "$etc"/credentials/*; do echo "LoadCredential=${file##*/}:/etc/voiced/credentials/${file##*/}"; done
    } >"$(dropin_dir)/credentials.conf"
    ! booted || systemctl daemon-reload
    say "credential $name is kept; it is there from the next start on (systemctl restart)"
}

uninstall() {
    local service
    if booted; then
        for service in $(systemctl list-units --all --plain --no-legend 'voiced.service' 'voiced@*.service' voiced.socket | cut -d' ' -f1); do
            systemctl disable --quiet --now "$service" || true
        done
    fi
    rm -rf "$opt" "$units"/voiced.service "$units"/voiced@.service "$units"/voiced.socket \
        "$units"/voiced.service.d "$units"/voiced@.service.d
    ! booted || systemctl daemon-reload
    if [ -n "$purge" ]; then
        rm -rf "$etc" "$destdir"/var/lib/voiced "$destdir"/var/lib/voiced-*
        [ -n "$destdir" ] || ! id -u voiced >/dev/null 2>&1 || userdel voiced
        say "everything is gone"
    else
        say "gone; /etc/voiced and /var/lib/voiced are as they were (--purge takes them, too)"
    fi
}

case $verb in
    install) install_all ;;
    credential) keep_credential ;;
    uninstall) uninstall ;;
esac
