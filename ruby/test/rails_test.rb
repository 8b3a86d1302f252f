# frozen_string_literal: true

require "open3"
require "test_helper"
require "support/beanstalkd"
require "support/preloader_driver"

# The demo's Rails application: its producers, its jobs in executors, and a preloader of it.
class RailsTest < Minitest::Test
  APP = File.join(ROOT, "demo/rails")
  FLAGS = %w[-r -c config/environment].freeze
  BOOT = { rails: true, environment: "production", tube: "rails-1.0.0" }.freeze

  def setup
    @env = { "RAILS_ENV" => "production", "DEMO_DATABASE" => File.join(folder, "demo.sqlite3") }
    program("bin/setup")
  end

  def teardown
    @server&.stop
    @executors&.each(&:finish)
    @workers&.each do |worker|
      worker.die
      worker.connection.close
    end
    @preloader&.finish
  end

  def program(name, *arguments)
    output, status = Open3.capture2e(@env, RbConfig.ruby, File.join(APP, name), *arguments, chdir: folder)
    assert status.success?, output
    output
  end

  # The bodies that a program of the application puts.
  def submitted(*command, **env)
    @server ||= Beanstalkd.new
    @env.update("AYL_BEANSTALK" => @server.address, **env.transform_keys(&:to_s))
    program("bin/submit", *command)
    @env.delete("AYL_BEANSTALK")
    @server.bodies("rails-1.0.0").map { |body| JSON.parse(body) }
  end

  def booted
    executor = ExecutorDriver.start(File.join(folder, "log"), env: @env)
    (@executors ||= []) << executor
    ready = executor.boot(APP, "config/environment", **BOOT)
    assert_equal "ready", ready["type"], ready.inspect + executor.printed
    executor
  end

  def preloader
    @preloader ||= PreloaderDriver.new(folder, app: APP, flags: FLAGS, env: @env).tap do |preloader|
      wait_until("the preloader to listen") { preloader.ready? }
    end
  end

  def forked
    preloader
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    worker = preloader.fork(File.join(folder, "log"))
    (@workers ||= []) << worker
    worker.watched
    assert_equal "ready", worker.executor.boot(APP, "config/environment", **BOOT)["type"]
    [worker, Process.clock_gettime(Process::CLOCK_MONOTONIC) - started]
  end

  # The floor: the application boots and forks itself eight times. Seconds of its fastest fork, and KiB of
  # all nine once each has read a record.
  def bare_forks
    script = write("bare.rb", <<~'RUBY')
      require ENV["APP"] + "/config/environment"
      clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
      forks = Array.new(8) do
        said, say = IO.pipe
        started = clock.call
        pid = fork do
          say.syswrite(".")
          Resident.first
          say.syswrite("!")
          sleep
        end
        said.readpartial(1)
        [pid, clock.call - started, said]
      end
      forks.each { |*, said| said.readpartial(1) }
      $stdout.syswrite("#{forks.map { |_, seconds| seconds }.min} #{forks.map(&:first).join(" ")}\n")
      $stdin.read
      forks.each { |pid, *| Process.kill(:KILL, pid) }
    RUBY
    IO.popen([@env.merge("APP" => APP), RbConfig.ruby, script, { err: File::NULL }], "r+") do |program|
      seconds, *pids = program.gets.split
      memory = pss([program.pid, *pids])
      program.close_write
      return [seconds.to_f, memory]
    end
  end

  def notes
    program("bin/notes").lines(chomp: true)
  end

  # KiB that would be given back if these processes ended.
  def pss(pids)
    pids.sum { |pid| File.read("/proc/#{pid}/smaps_rollup")[/^Pss:\s+(\d+)/, 1].to_i }
  end

  def test_a_models_call_finds_its_records_again
    jobs = submitted("clear_stay")
    assert_equal ["Resident.unscoped.find(1).clear_stay(3, Stay.unscoped.find(1))", "Resident.unscoped.find(2).clear_stay(3, Stay.unscoped.find(2))"],
                 jobs.map { |job| job["code"] }
    executor = booted
    jobs.each { |job| assert_equal "ok", executor.run(job["code"])["type"], executor.printed }
    # The second time the default scope hides it: the code looks past that.
    assert_equal "ok", executor.run(jobs.first["code"])["type"]
    assert_equal "Ada: stay 1 cleared after 3 days", notes.first
    missing = executor.run("Stay.unscoped.find(99)")
    assert_equal ["ActiveRecord::RecordNotFound", "Couldn't find Stay with 'id'=99"], missing.values_at("class", "message")
    assert_equal 0, executor.stop.exitstatus
  end

  def test_an_active_job_carries_class_and_arguments_and_runs_in_old_and_new_workers
    job = submitted("census_job").first
    assert_equal %w[type failed_job_handler code active_job], job.keys
    assert_equal %w[bury CensusJob], job.values_at("failed_job_handler", "active_job")
    literal = job["code"][/\AActiveJob::Base\.execute\(JSON\.parse\((".*")\)\)\z/m, 1]
    refute_includes literal, "#"
    # The literal as JSON has it, and as Ruby has it.
    serialized = JSON.parse(literal)
    assert_equal serialized, TOPLEVEL_BINDING.eval(literal)
    assert_equal [{ "_aj_globalid" => "gid://demo/Resident/1" }], JSON.parse(serialized)["arguments"]
    executor = booted
    assert_equal "ok", executor.run(job["code"], active_job: serialized)["type"], executor.printed
    assert_equal "ok", executor.run(job["code"])["type"], executor.printed
    assert_equal ["Ada has been counted by CensusJob"] * 2, notes
  end

  def test_what_perform_later_can_be_told
    script = write("set.rb", <<~'RUBY')
      require ENV["APP"] + "/config/environment"
      Ayl.configuration.queues["mailers"] = nil
      CensusJob.set(wait: 100, priority: 7).perform_later("\#{x}\u2028\"\\#")
      CensusJob.set(queue: "slow").perform_later(1)
      CensusJob.set(queue: "mailers").perform_later(2)
      p CensusJob.perform_later(3).provider_job_id
    RUBY
    @server = Beanstalkd.new
    out, status = Open3.capture2e(@env.merge("AYL_BEANSTALK" => @server.address, "APP" => APP), RbConfig.ruby, script)
    assert status.success?, out
    assert_match(/^"\d+"$/, out)
    delayed = @server.peek("rails-1.0.0", :delayed)
    assert_equal [7, 100], [delayed.stats.pri, delayed.stats.delay]
    literal = JSON.parse(delayed.body)["code"][/JSON\.parse\((".*")\)\)\z/m, 1]
    assert_equal ["\#{x}\u2028\"\\#"], JSON.parse(TOPLEVEL_BINDING.eval(literal))["arguments"]
    assert_equal 1, @server.bodies("slow").size
    assert_equal 2, @server.bodies("rails-1.0.0").size
  end

  def test_a_forked_executor_has_its_own_database_connection
    workers = Array.new(2) { forked.first }
    workers.each { |worker| assert_equal "ok", worker.executor.run("Resident.first.clear_stay(1, Stay.unscoped.first)")["type"], File.read(File.join(folder, "log")) }
    assert_equal 2, notes.size
  end

  def test_a_forked_executor_is_ready_in_less_than_100_ms
    forked
    fastest = Array.new(5) { forked.last }.min
    puts format("  fork to ready: %.1f ms; a bare fork: %.1f ms", fastest * 1000, bare_forks.first * 1000)
    assert_operator fastest, :<, 0.1
  end

  def test_eight_forked_executors_take_a_quarter_of_the_memory_of_eight_booted_ones
    run = ->(executors, code) { executors.each { |executor| assert_equal "ok", executor.run(code)["type"] } }
    one = booted
    workers = Array.new(8) { forked.first }
    pids = workers.map { |worker| worker.forked["pid"] }
    # A read, and a write, which the demo's `Ayl.warm_up` has been through; without that it would be two fifths.
    apart, forks, preloaders = %w[Resident.first Resident.first.clear_stay(1,Stay.unscoped.first)].map do |code|
      run.call([one, *workers.map(&:executor)], code)
      [8 * pss([one.pid]), pss(pids), pss([preloader.pid])]
    end.transpose
    together = forks.zip(preloaders).map(&:sum)
    figures = [together.first, bare_forks.last, apart.first, together.last, apart.last].map { |kib| kib / 1024 }
    puts format("  8 executors and their preloader: %d MiB forked (a bare fork: %d), %d MiB booted; after a first write %d and %d", *figures)
    forks.zip(apart) { |forked, booted| assert_operator forked, :<, booted / 4 }
    # With the preloader itself, which is there beside them, a little more.
    together.zip(apart) { |all, booted| assert_operator all, :<, booted * 3 / 10 }
  end
end
