# shellcheck shell=bash
# A deploy as Capistrano does it: a folder for each release, and a symlink that is swapped. Sourced
# by demo/run, whose words it uses.

# Before the supervisor starts.
deploy_setup() {
    mv "$work/apps/abaqis" "$work/apps/abaqis-4.2.0"
    ln -s abaqis-4.2.0 "$work/apps/abaqis"
}

ran_as() { grep -c "^abaqis $1 .* clear_stay .* $2\$" "$ledger" || true; }
all_ran_as() { [ "$(ran_as "$1" "$2")" = "$3" ]; }
abaqis_has_one_release() { [ "$(abaqis-daemons releases abaqis --json | ruby -rjson -e 'puts JSON.parse($stdin.read).size')" = 1 ]; }

deploy_by_symlink() {
    step "A deploy: old jobs meet old code, new jobs new code"
    cp -r "$work/apps/abaqis-4.2.0" "$work/apps/abaqis-4.3.0"
    echo 4.3.0 >"$work/apps/abaqis-4.3.0/VERSION"
    for i in $(seq 1 50); do
        ayl_beanstalk -t abaqis-4.2.0 put_ayl_job "Resident.clear_stay($i, :old)" >/dev/null
        if [ "$i" = 25 ]; then
            printf '$ ln -s abaqis-4.3.0 next && mv -T next abaqis\n'
            ln -s abaqis-4.3.0 "$work/apps/next"
            mv -T "$work/apps/next" "$work/apps/abaqis"
            shown abaqis-daemons deploy abaqis --wait
        fi
    done
    for i in $(seq 1 50); do
        ayl_beanstalk -t abaqis-4.3.0 put_ayl_job "Resident.clear_stay($i, :new)" >/dev/null
    done
    shown abaqis-daemons releases abaqis
    until_true "all hundred have run" all_ran_as 4.3.0 new 50
    until_true "the old ones, too" all_ran_as 4.2.0 old 50
    echo "50 jobs of 4.2.0 run by 4.2.0, 50 of 4.3.0 by 4.3.0"
    until_true "the old release has retired" abaqis_has_one_release
    shown abaqis-daemons releases abaqis
    abaqis-daemons events abaqis | grep ' abaqis release' || true
}
