# frozen_string_literal: true

require "test_helper"
require "support/preloader_driver"

class PreloaderTest < Minitest::Test
  APP = <<~RUBY
    $stdout.puts "booted by \#{Process.pid}"
    $random = -> { rand(2**64) }
    Ayl.before_fork { $hooks = ["before \#{Process.pid}"] }
    Ayl.after_fork { $hooks << "after \#{Process.pid}" }
    at_exit { puts "at exit \#{Process.pid}" }
  RUBY

  def setup
    write("app.rb", APP)
  end

  def teardown
    @workers&.each do |worker|
      worker.connection.close unless worker.connection.closed?
      worker.executor.socket.close
    end
    @preloader&.finish
  end

  def preloader(**options)
    @preloader ||= PreloaderDriver.new(folder, **options).tap do |preloader|
      wait_until("the preloader to listen") { preloader.ready? }
    end
  end

  def worker(**more)
    @workers ||= []
    preloader.fork(File.join(folder, "log"), **more).tap { |worker| @workers << worker }
  end

  def booted
    worker.tap do |worker|
      assert_equal "forked", worker.forked["type"]
      worker.watched
      assert_equal "ready", worker.executor.boot(folder)["type"]
    end
  end

  def alive?(pid)
    !File.read("/proc/#{pid}/stat").split(")").last.start_with?(" Z")
  rescue Errno::ENOENT, Errno::ESRCH
    false
  end

  def test_an_executor_is_forked_booted_and_runs_jobs
    one = booted
    assert_equal "ok", one.executor.run("raise unless Process.pid == #{one.forked["pid"]}")["type"]
    two = booted
    refute_equal one.forked["pid"], two.forked["pid"]
    assert_equal ["booted by #{preloader.pid}\n"], preloader.printed.lines
  end

  def test_what_it_prints_goes_where_its_worker_says_and_stdin_is_empty
    booted.executor.run("puts 'out'; $stderr.puts 'err'; system('echo child'); raise unless $stdin.read == ''")
    assert_equal "out\nerr\nchild\n", File.read(File.join(folder, "log"))
  end

  def test_its_end_is_told_with_its_status_and_at_exit_handlers_run
    one = booted
    one.executor.say("type" => "stop")
    assert_equal({ "type" => "exited", "status" => 0 }, one.event)
    assert_includes File.read(File.join(folder, "log")), "at exit #{one.forked["pid"]}"
    two = booted
    two.executor.say("type" => "run", "id" => 1, "tube" => "t", "code" => "exit!(7)")
    assert_equal({ "type" => "exited", "status" => 7 }, two.event)
    three = booted
    Process.kill("KILL", three.forked["pid"])
    assert_equal({ "type" => "exited", "signal" => 9 }, three.event)
    assert_nil three.event
  end

  def test_it_is_not_reaped_before_its_worker_watches_it
    one = worker
    pid = one.forked["pid"]
    Process.kill("KILL", pid)
    wait_until("a zombie") { File.read("/proc/#{pid}/stat").include?(") Z ") }
    booted
    assert File.exist?("/proc/#{pid}"), "reaped"
    one.watched
    assert_equal({ "type" => "exited", "signal" => 9 }, one.event)
  end

  def test_hooks_run_on_both_sides_of_the_fork_and_random_numbers_differ
    one = booted
    code = "raise $hooks.inspect unless $hooks == ['before #{preloader.pid}', 'after #{one.forked["pid"]}']"
    assert_equal "ok", one.executor.run(code)["type"]
    numbers = [one, booted].map { |each| each.executor.run("raise $random.call.to_s")["message"] }
    refute_equal(*numbers)
  end

  def test_a_hook_that_raises_is_a_failed_boot
    write("app.rb", "Ayl.after_fork { raise 'no database' }\n")
    answer = worker.executor.boot(folder)
    assert_equal ["boot_failed", "RuntimeError", "no database"], answer.values_at("type", "class", "message")
  end

  def test_a_hook_before_the_fork_that_raises_refuses_it_and_the_next_worker_is_served
    closed = write("closed", "")
    write("app.rb", "Ayl.before_fork { raise 'no statistics' if File.exist?('#{closed}') }\n")
    assert_equal "RuntimeError: no statistics", worker.forked["message"]
    File.unlink(closed)
    assert_equal "ok", booted.executor.run("1")["type"]
  end

  def test_it_has_its_workers_environment_a_title_and_a_session_of_its_own
    one = worker(env: { "AYL_INSTANCE" => "abaqis/worker/1", "NOT" => nil })
    pid = one.forked["pid"]
    assert_equal "ready", one.executor.boot(folder, instance: "abaqis/worker/1")["type"]
    assert_equal "ok", one.executor.run("raise unless ENV['AYL_INSTANCE'] == 'abaqis/worker/1' && Process.getsid == $$")["type"]
    assert_equal "ayl_executor abaqis/worker/1", File.read("/proc/#{pid}/cmdline").delete("\0")
  end

  def test_it_has_none_of_the_preloaders_descriptors
    sockets = "Dir['/proc/self/fd/*'].map { |path| File.readlink(path) rescue nil }.compact.grep(/socket|pipe/)"
    booted
    one = booted
    # Its own; and what it dies with, beside the pipes of Ruby's own.
    assert_equal 1, one.executor.run("raise #{sockets}.grep(/socket/).size.to_s")["message"].to_i
  end

  def test_it_dies_with_its_worker_even_in_the_middle_of_a_job_that_holds_the_interpreter
    one = booted
    one.executor.say("type" => "run", "id" => 1, "tube" => "t", "code" => "File.write('#{folder}/busy', ''); ('a' * 40) =~ /(a*)*$b/ while true")
    wait_until("the job to run") { File.exist?("#{folder}/busy") }
    one.die
    assert_equal({ "type" => "exited", "signal" => 9 }, one.event)
  end

  def test_it_dies_with_its_worker_whoever_it_has_become
    assert Process.uid.zero?, "this test changes its user: it has to be run as root"
    one = booted
    File.chmod(0o777, folder)
    code = "Process::UID.change_privilege(65534); File.write('#{folder}/busy', ''); sleep"
    one.executor.say("type" => "run", "id" => 1, "tube" => "t", "code" => code)
    wait_until("the job to run") { File.exist?("#{folder}/busy") }
    one.die
    assert_equal({ "type" => "exited", "signal" => 9 }, one.event)
  end

  def test_a_fork_that_ends_does_not_end_the_bond_with_the_worker
    one = booted
    code = "if (child = fork) then Process.wait(child); File.write('#{folder}/busy', ''); sleep end"
    one.executor.say("type" => "run", "id" => 1, "tube" => "t", "code" => code)
    wait_until("the job to run") { File.exist?("#{folder}/busy") }
    one.die
    assert_equal({ "type" => "exited", "signal" => 9 }, one.event)
  end

  def test_executors_outlive_their_preloader
    one = booted
    Process.kill("KILL", preloader.pid)
    assert_nil one.event
    assert_equal "ok", one.executor.run("1")["type"]
    one.executor.say("type" => "stop")
    wait_until("the executor to end") { !alive?(one.forked["pid"]) }
  end

  def test_on_sigterm_it_goes_and_takes_its_socket_with_it
    one = booted
    Process.kill("TERM", preloader.pid)
    assert_equal 0, Process.wait2(preloader.pid)[1].exitstatus
    refute File.exist?(preloader.path)
    assert_equal "ok", one.executor.run("1")["type"]
  end

  def test_a_second_preloader_takes_over_without_a_gap_and_the_first_leaves_it_its_socket
    first = preloader
    before = File.stat(first.path).ino
    @preloader = nil
    second = PreloaderDriver.new(folder)
    wait_until("the second to listen") { File.stat(first.path).ino != before }
    Process.kill("TERM", first.pid)
    Process.wait(first.pid)
    @preloader = second
    assert_equal "ok", booted.executor.run("raise unless Process.ppid == #{second.pid}")["type"]
  end

  def test_wrong_requests_are_refused_with_the_reason_and_disturb_nobody
    one = booted
    assert_equal "the preloader has booted #{folder}/app (production), not /elsewhere/app", worker(path: "/elsewhere").forked["message"]
    assert_equal "protocol 2 is not known here, only 1", worker(protocol: 2).forked["message"]
    assert_equal 'expected fork, not "watched"', worker(type: "watched").forked["message"]
    bare = UNIXSocket.new(preloader.path)
    bare.write([70_000].pack("N"))
    assert_equal "a frame of 70000 bytes", ExecutorDriver.new(bare, nil, nil).answer["message"]
    json = JSON.generate("type" => "fork", "protocol" => 1)
    naked = UNIXSocket.new(preloader.path)
    naked.write([json.bytesize].pack("N") + json)
    assert_equal "0 descriptors came with fork, expected 4", ExecutorDriver.new(naked, nil, nil).answer["message"]
    silent = UNIXSocket.new(preloader.path)
    assert_equal "ok", one.executor.run("1")["type"]
    assert_equal "ok", booted.executor.run("1")["type"]
    silent.close
  end

  def test_it_says_that_it_is_ready
    path = File.join(folder, "notify")
    notify = Socket.new(:UNIX, :DGRAM)
    notify.bind(Socket.sockaddr_un(path))
    preloader(env: { "NOTIFY_SOCKET" => path })
    said = []
    wait_until("READY") { said.concat(notify.recv(4096).lines(chomp: true)).include?("READY=1") }
    assert_equal ["STATUS=booting #{folder}/app (production)", "READY=1", "STATUS=booted #{folder}/app (production)"], said
    assert_equal "ok", booted.executor.run("raise if ENV['NOTIFY_SOCKET']")["type"]
  end

  def test_an_application_that_does_not_load_ends_it_with_the_reason
    write("app.rb", "require 'no/such/file'\n")
    @preloader = PreloaderDriver.new(folder)
    assert_equal 1, Process.wait2(@preloader.pid)[1].exitstatus
    assert_includes @preloader.printed, "cannot load such file -- no/such/file (LoadError)"
  end

  def test_threads_started_at_boot_are_named
    write("app.rb", "Thread.new { sleep }.name = 'my thread'\n")
    preloader
    assert_includes preloader.printed, "will not be in executors: my thread"
  end

  def test_flags_are_those_of_the_old_worker
    out = IO.popen([{ "AYL_PRELOADER" => "x" }, *PreloaderDriver::COMMAND, { err: %i[child out] }], &:read)
    assert_equal ["Must specify an application path\n", 64], [out, $?.exitstatus]
    out = IO.popen([{ "AYL_PRELOADER" => "x" }, *PreloaderDriver::COMMAND, "--no", { err: %i[child out] }], &:read)
    assert_equal ["ayl_preloader: invalid option: --no\n", 64], [out, $?.exitstatus]
    out = IO.popen([{ "AYL_PRELOADER" => nil }, *PreloaderDriver::COMMAND, { err: %i[child out] }], &:read)
    assert_equal "ayl_preloader: AYL_PRELOADER, the path of its socket, is not set\n", out
  end
end
