# What `run` is written with. Sourced, with the repository as the working directory.

passed=0 failed=0
scratch=$(mktemp -d)
readonly PATIENCE=40                   # seconds for what is to happen soon

# Ends with 69 and the whole list if this host cannot run the lab.
needs_everything() {
    local missing=() program
    for program in mmdebstrap systemd-nspawn nsenter setpriv unshare; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    for program in abaqis-daemons ayl_worker ayl_beanstalk; do
        [[ -x target/release/$program ]] || missing+=("target/release/$program (make build)")
    done
    [[ -z $package || -f $package ]] || missing+=("$package (make rpm)")
    [[ $EUID -eq 0 ]] || missing+=("root (sudo make lab)")
    [[ -d /sys/fs/cgroup/unified || -f /sys/fs/cgroup/cgroup.procs ]] || missing+=("cgroup v2")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    {
        echo "lab: CANNOT RUN, nothing was tested. Missing here:"
        printf 'lab:   %s\n' "${missing[@]}"
        echo "lab: on Debian: apt-get install mmdebstrap systemd-container util-linux"
    } >&2
    exit 69
}

begin() {
    tests/lab/machine up || { echo "lab: CANNOT RUN, the machine does not boot; nothing was tested" >&2; exit 69; }
    trap 'rm -rf -- "$scratch"; [[ -n ${LAB_KEEP:-} ]] || tests/lab/machine down' EXIT
}

end() {
    echo
    echo "lab: $passed hold, $failed do not"
    [[ $failed -eq 0 ]] || { in_it journalctl -b --no-pager -u abaqis-daemons | tail -n 60 >&2; exit 1; }
    exit 0
}

in_it() { tests/lab/machine exec "$@"; }
put() { tests/lab/machine put "$1" "$2" || exit 70; }

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

# configuration <TEXT, and edit SED-SCRIPT: as an editor would, by a rename.
configuration() {
    cat >"$scratch/new"; chmod 0640 "$scratch/new"
    put "$scratch/new" /etc/abaqis/.new
    in_it sh -c 'chgrp abaqis /etc/abaqis/.new && mv /etc/abaqis/.new /etc/abaqis/daemons.yml'
}
edit() { in_it sed -i "$1" /etc/abaqis/daemons.yml; }

status_text() { is_now "$1" in_it systemctl show -P StatusText abaqis-daemons; }
main_pid() { in_it systemctl show -P MainPID abaqis-daemons; }

# One member of an instance's status; INSTANCE PID of all that run.
member() { in_it abaqis-daemons status --json "$1" | ruby -rjson -e 'puts JSON.parse($stdin.read)[0][ARGV[0]]' "$2"; }
pid() { member "$1" pid; }
state() { member "$1" state; }
pids() {
    in_it abaqis-daemons status --json |
        ruby -rjson -e 'JSON.parse($stdin.read).each { |one| puts "#{one["instance"]} #{one["pid"]}" if one["pid"] }'
}
came_back() { [[ $(state "$1") == ready && $(pid "$1") != "$2" ]]; }

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

one_executor_each() { is "$(in_it pgrep -cu abaqis ruby)" "$1"; }
none_of() {
    local left
    # shellcheck disable=SC2086  # one word a process
    left=$(in_it ps -o pid=,args= -p "$(echo $1 | tr " " ,)")
    [[ -z $left ]] || { echo "still there: $left"; return 1; }
}
