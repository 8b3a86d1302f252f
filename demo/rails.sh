# shellcheck shell=bash
# The demo's Rails application, under the supervisor that demo/run has started: models and an ActiveJob put jobs,
# preloaded workers run them. Sourced by demo/run, whose words it uses.

rails=$here/rails
rails_tube=rails-1.0.0
export RAILS_ENV=production DEMO_DATABASE=$work/rails.sqlite3

rails_notes() { "$rails/bin/notes"; }
rails_noted() { [ "$(rails_notes | grep -cF "$1")" = "${2:-1}" ]; }
rails_pids() { echo "$(pid_of rails/worker/1)-$(pid_of rails/worker/2)"; }
rails_pids_differ() { [ "$(rails_pids)" != "$1" ]; }
rails_job() { ayl_beanstalk -t "$rails_tube" job_statistics "$1" | sed -n "s/^$2 *=> *//p" | tr -d ' '; }
rails_job_is() { [ "$(rails_job "$1" state)" = "$2" ]; }
rails_job_was_tried() { [ "$(rails_job "$1" reserves)" -ge "$2" ]; }
# The number of the job whose code has this in it.
rails_job_with() {
    ayl_beanstalk -t "$rails_tube" --json list_jobs |
        ruby -rjson -e 'jobs = JSON.parse($stdin.read); puts jobs.find { |job| job["body"].include?(ARGV[0]) }["id"]' "$1"
}
# Milliseconds from the end of one process of an instance to the next that is ready, as the supervisor saw it.
rails_back_after() {
    abaqis-daemons events -n 50 --json "$1" | ruby -rjson -rtime -e '
        events = $stdin.map { |line| JSON.parse(line) }
        ready = events.rindex { |event| event["to"] == "ready" } or exit 1
        gone = events[0...ready].rindex { |event| %w[ready running].include?(event["from"]) } or exit 1
        puts ((Time.parse(events[ready]["at"]) - Time.parse(events[gone]["at"])) * 1000).round'
}

# Before the supervisor starts: the preloader warms itself with the database.
rails_setup() { "$rails/bin/setup" >/dev/null; }

rails_shows_jobs() {
    step "A Rails application, booted once for both its workers: a model's calls and an ActiveJob"
    echo '$ demo/rails/bin/submit clear_stay census_job long 3 poison'
    "$rails/bin/submit" clear_stay census_job long 3 poison | cut -c 1-120
    until_true "the ActiveJob has run" rails_noted "counted by CensusJob"
    until_true "both stays are cleared" rails_noted "cleared after 3 days" 2
    echo '$ demo/rails/bin/notes'
    rails_notes
    shown abaqis-daemons status rails
}

rails_shows_poison_and_patience() {
    local job tries
    step "A job that kills its executor: the worker survives, the job is buried after three deaths"
    job=$(rails_job_with poison)
    # Its delay grows from death to death; nobody has to wait for that here.
    for _ in 1 2; do
        until_true "it waits for its next try" rails_job_is "$job" delayed
        tries=$(rails_job "$job" reserves)
        ayl_beanstalk -t "$rails_tube" kick 1 >/dev/null
        until_true "it has been tried again" rails_job_was_tried "$job" $((tries + 1))
    done
    until_true "it is buried" rails_job_is "$job" buried
    shown ayl_beanstalk -t "$rails_tube" peek_buried
    grep -E "job $job (released|buried)" "$work/log"

    step "A job of three seconds, reserved for one: it is touched, and runs once"
    until_true "it is done" rails_noted "census of 2 after 3 s"
    rails_notes | grep census
}

rails_shows_comebacks() {
    local before after
    step "A worker is killed, and is back without booting Rails again"
    before=$(pid_of rails/worker/1)
    shown kill -9 "$before"
    until_true "another is in its place" other_pid rails/worker/1 "$before"
    until_true "it is ready" all_ready
    after=$(rails_back_after rails/worker/1)
    echo "pid $before, then $(pid_of rails/worker/1), ready after $after ms"
    [ "$after" -lt 100 ]

    step "kill_worker: a job that has its worker exit, so that it is started afresh"
    before=$(rails_pids)
    shown ayl_beanstalk -t "$rails_tube" kill_worker
    until_true "a worker was replaced" rails_pids_differ "$before"
    until_true "it is ready" all_ready
    shown abaqis-daemons status rails/worker
}
