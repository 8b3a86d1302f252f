# What `run` and `guest` are written with. Sourced, by `run` with the repository as the
# working directory.

passed=0 failed=0
scratch=$(mktemp -d)
PATIENCE=40                            # seconds for what is to happen soon

# ------------------------------------------------------------- beginning and ending

# Ends with 69 and the whole list if this host cannot run the lab.
needs_everything() {
    local missing=() program packager=rpmbuild
    [[ $kind == rpm ]] || packager=dpkg-deb
    for program in mmdebstrap systemd-nspawn nsenter rpmbuild ruby setpriv unshare "$packager"; do
        command -v "$program" >/dev/null || missing+=("the program $program")
    done
    for program in abaqis-daemons ayl_worker ayl_beanstalk ayl_scheduler; do
        [[ -x $built/$program ]] || missing+=("$built/$program (make build)")
    done
    [[ $EUID -eq 0 ]] || missing+=("root (sudo make lab)")
    [[ -d /sys/fs/cgroup/unified || -f /sys/fs/cgroup/cgroup.procs ]] || missing+=("cgroup v2")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    cannot "missing here: $(printf '%s\n' "${missing[@]}" | sort -u | paste -sd, | sed 's/,/, /g')"
}

# It is no failure of what is tested, and must not be taken for a success either.
cannot() {
    rm -rf -- "$scratch"
    {
        echo "lab: CANNOT RUN, nothing was tested; $1"
        echo "lab: on Debian, as root: apt-get install mmdebstrap systemd-container rpm util-linux"
    } >&2
    exit 69
}

begin() {
    # Else the machine would stay up.
    trap 'rm -rf -- "$scratch"; [[ -n ${LAB_KEEP:-} ]] || tests/lab/machine down' EXIT
    trap 'exit 130' INT TERM
    tests/lab/machine up || cannot "the machine does not boot here"
}

end() {
    echo
    echo "lab: $passed hold, $failed do not, after $SECONDS s"
    [[ $failed -eq 0 ]] || { in_it journalctl -b --no-pager -u abaqis-daemons | tail -n 60 >&2; exit 1; }
    exit 0
}

# --------------------------------------------------------------------- the packages

# package RELEASE: of this tree and $built, as $scratch/RELEASE.$kind. The second release
# comes with another daemons.yml.
package() {
    local tree=$scratch/tree
    mkdir -p "$tree"
    tar --exclude=./target --exclude=./.git -cf - . | tar -C "$tree" -xf -
    [[ $1 == 1 ]] || echo "# Of the next release." >>"$tree/config/daemons.yml"
    SOURCE_DATE_EPOCH=$(stat -c %Y Cargo.toml) RELEASE=$1 "$tree/packaging/$kind" "$built" >"$scratch/log" 2>&1 ||
        { cat "$scratch/log" >&2; rm -rf -- "$scratch"; exit 70; }
    mv "$tree/target/$kind"/*."$kind" "$scratch/$1.$kind"
    rm -rf -- "$tree"
}

# What is in the machine is Debian's; see `machine` for what its rpm knows of that.
install_it() {
    case $kind in
        rpm) in_it rpm -i --force-debian --nosignature "/root/$1.rpm" ;;
        deb) in_it dpkg -i "/root/$1.deb" ;;
    esac
}
update_to() {
    case $kind in
        rpm) in_it rpm -U --oldpackage --force-debian --nosignature "/root/$1.rpm" ;;
        deb) in_it dpkg -i --force-confdef --force-confold "/root/$1.deb" ;;
    esac
}
remove_it() {
    case $kind in
        rpm) in_it rpm -e --force-debian abaqis-daemons ;;
        deb) in_it dpkg -r abaqis-daemons ;;
    esac
}
# Where the package's daemons.yml lies beside an edited one; where that is after a removal.
case $kind in
    rpm) offered=/etc/abaqis/daemons.yml.rpmnew kept=/etc/abaqis/daemons.yml.rpmsave ;;
    deb) offered=/etc/abaqis/daemons.yml.dpkg-dist kept=/etc/abaqis/daemons.yml ;;
esac

# -------------------------------------------------------------------------- checking

# holds SENTENCE COMMAND...: the command succeeds; what it says is shown if it does not.
holds() {
    local sentence=$1 said
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok      $sentence"
    else
        failed=$((failed + 1))
        echo "FAILED  $sentence"
        printf '%s\n' "${said:-$* ended with an error}" | tail -n 20 | sed 's/^/        /'
    fi
}

# eventually COMMAND...: it succeeds within PATIENCE seconds.
eventually() {
    local said end=$((SECONDS + PATIENCE))
    while ! said=$("$@" 2>&1); do
        ((SECONDS < end)) || { echo "$said"; echo "not after $PATIENCE s"; return 1; }
        sleep 0.1
    done
}

is() { [[ $1 == "$2" ]] || { printf 'it is:    %s\nnot that: %s\n' "$1" "$2"; return 1; }; }
is_now() { local wanted=$1; shift; is "$("$@")" "$wanted"; }
is_another() { local old=$1 now; shift; now=$("$@"); [[ $now != "$old" && $now != 0 ]]; }
exits() { local wanted=$1 code=0; shift; "$@" || code=$?; is "exit $code" "exit $wanted"; }
passed() { ((SECONDS - $2 >= $1)); }

# -------------------------------------------------------------------- in the machine

in_it() { tests/lab/machine exec "$@"; }
put() { tests/lab/machine put "$1" "$2" || exit 70; }

# configuration FILE <TEXT, and edit FILE SED-SCRIPT: as an editor would, by a rename.
configuration() {
    cat >"$scratch/new"; chmod 0640 "$scratch/new"
    put "$scratch/new" /etc/abaqis/.new
    in_it sh -c 'chgrp abaqis /etc/abaqis/.new && mv /etc/abaqis/.new "$1"' sh "/etc/abaqis/$1"
}
edit() { in_it sed -i "$2" "/etc/abaqis/$1"; }

main_pid() { in_it systemctl show -P MainPID abaqis-daemons; }

# One member of an instance's status; a line for each instance: its name, one member.
status() { in_it abaqis-daemons status --json "$@"; }
member() { status "$1" | ruby -rjson -e 'puts JSON.parse($stdin.read)[0][ARGV[0]]' "$2"; }
members() { status | ruby -rjson -e 'JSON.parse($stdin.read).each { |one| puts "#{one["instance"]} #{one[ARGV[0]]}" }' "$1"; }
pid() { member "$1" pid; }
state() { member "$1" state; }
pids() { members pid | grep -v ' $'; }
count_of() { pids | grep -c "^$1/"; }
came_back() { [[ $(state "$1") == ready && $(pid "$1") != "$2" ]]; }

# all_ready [INSTANCE STATE]...: every instance is ready; these are something else.
all_ready() {
    local found wanted
    found=$(members state) || return
    wanted=$(cut -d' ' -f1 <<<"$found" | sed 's/$/ ready/')
    while [[ $# -gt 0 ]]; do
        wanted=$(sed "s|^$1 ready|$1 $2|" <<<"$wanted")
        shift 2
    done
    [[ -n $found && $found == "$wanted" ]] || { diff <(echo "$wanted") <(echo "$found"); return 1; }
}
user_of() { in_it ps -o user= -p "$(pid "$1")"; }
none_of() {
    local left
    # shellcheck disable=SC2086  # one word a process
    left=$(in_it ps -o pid=,args= -p "$(echo $1 | tr " " ,)")
    [[ -z $left ]] || { echo "still there: $left"; return 1; }
}
# The processes of daemons, and how many of them are such.
theirs() { in_it pgrep -u abaqis,rqi; }
how_many() { in_it pgrep -c -u abaqis,rqi -f "$1"; }

# Of this boot's journal: whether some line has TEXT, and all lines as words.
journal_has() {
    local text=$1 found
    shift
    found=$(in_it journalctl -b -q --no-pager -o cat "$@")
    grep -qF -e "$text" <<<"$found" || { echo "no line with: $text"; tail -n 5 <<<"$found"; return 1; }
}
journal_words() { in_it journalctl -b -q --no-pager -o cat "$@" | paste -sd' '; }
# Exactly the lines 1 to $1, each once and in order.
all_lines() {
    local wanted=$1
    shift
    in_it journalctl -b -q --no-pager -o cat "$@" | awk -v wanted="$wanted" '
        $2 != NR { wrong = 1; print "line " NR " is: " $0; exit }
        END { if (!wrong && NR != wanted) print NR " lines of " wanted; exit wrong || NR != wanted }'
}

# -------------------------------------------------------------------- the demo's jobs

# The demo's daemons.yml for a machine that has it in /srv/demo: with two users, and without
# the applications that are named.
demo_configuration() {
    sed "/^watch:/d; s|@HERE@|/srv/demo|; s|@DEMO@|/srv/demo|; s|@USER@|abaqis|
        s|@GEM@|/usr/share/abaqis-daemons/ruby/lib|" demo/daemons.yml | ruby -ryaml -e '
            all = YAML.safe_load($stdin.read)
            all["applications"]["rqi"]["user"] = "rqi"
            ARGV.each { |name| all["applications"].delete(name) }
            puts YAML.dump(all)' "$@"
}
demo_folder() {
    in_it sh -c 'touch /srv/demo/ledger && chmod 1777 /srv/demo && chmod 0666 /srv/demo/ledger'
}
# And its queue outlives a power cut.
durable_queue() {
    in_it sed -i 's|^#BEANSTALKD_EXTRA=.*|BEANSTALKD_EXTRA="-b /var/lib/beanstalkd -f 0"|' /etc/default/beanstalkd
    in_it systemctl restart beanstalkd
}

# put_jobs FIRST LAST: on the tube of abaqis; they write their numbers into the ledger.
put_jobs() {
    # shellcheck disable=SC2016  # for the shell inside
    in_it sh -c 'tube=$(abaqis-daemons tube abaqis)
        for i in $(seq "$1" "$2"); do ayl_beanstalk -t "$tube" put_ayl_job "Resident.clear_stay($i, 32)"; done' \
        sh "$1" "$2" >/dev/null
}
# Each of those has run, and once.
were_done() { is "$(in_it sed -n 's/.* clear_stay \([0-9]*\) 32$/\1/p' /srv/demo/ledger | sort -n | awk -v a="$1" -v b="$2" '$1 >= a && $1 <= b' | paste -sd' ')" "$(seq "$1" "$2" | paste -sd' ')"; }
