# frozen_string_literal: true

require "test_helper"
require "support/executor_driver"

class ExecutorTest < Minitest::Test
  def setup
    write("app.rb", "module App; def self.double(n); n * 2; end; end\n")
  end

  def teardown
    @executor&.finish
  end

  def executor(env: {})
    @executor ||= ExecutorDriver.start(File.join(folder, "log"), env: env)
  end

  def booted
    return @executor if @executor

    assert_equal "ready", executor.boot(folder)["type"]
    @executor
  end

  def outcome(code)
    booted.run(code)
  end

  def test_it_boots_and_says_so
    ready = executor.boot(folder)
    assert_equal({ "type" => "ready", "protocol" => 1, "runtime" => "ruby #{RUBY_VERSION}", "pid" => executor.pid, "tube" => "t", "reports" => true }, ready)
  end

  def test_a_job_that_returns_is_ok
    assert_equal({ "type" => "ok", "id" => 1 }, outcome("App.double(2)"))
    assert_equal({ "type" => "ok", "id" => 2 }, outcome("nil"))
  end

  def test_a_job_that_raises_is_an_error_with_class_message_and_backtrace
    answer = outcome("raise ArgumentError, 'no'")
    assert_equal ["error", 1, "ArgumentError", "no"], answer.values_at("type", "id", "class", "message")
    assert_match(/\Ajob 1:1/, answer["backtrace"].first)
  end

  def test_a_backtrace_is_the_applications_alone
    write("app.rb", "module App; def self.fail; raise 'no'; end; end\n")
    lines = outcome("App.fail")["backtrace"]
    assert_match(/app\.rb:1:in .*fail/, lines[0])
    assert_match(/\Ajob 1:1/, lines[1])
    assert_equal 2, lines.size, lines
    # What comes out of this library under the application's code stays.
    assert_includes outcome("require 'ayl'; Ayl::MessageOptions.new(1)")["backtrace"].join("\n"), "lib/ayl/message_options.rb"
  end

  def test_syntax_errors_deep_recursion_and_no_memory_are_errors
    assert_equal %w[error SyntaxError], outcome("1 +").values_at("type", "class")
    assert_equal %w[error SystemStackError], outcome("def deep; deep; end; deep").values_at("type", "class")
    assert_equal %w[error NoMemoryError], outcome("raise NoMemoryError").values_at("type", "class")
    assert_equal %w[error LocalJumpError], outcome("return 5").values_at("type", "class")
    assert_equal %w[error UncaughtThrowError], outcome("throw :x").values_at("type", "class")
    assert_equal "ok", outcome("1")["type"]
  end

  def test_an_exception_with_bytes_that_are_no_text_and_one_that_cannot_speak
    assert_equal "\u00e4?", outcome("raise \"\\xC3\\xA4\\xFF\".b")["message"]
    assert_equal "\u00e4", outcome("raise \"\\xE4\".dup.force_encoding('ISO-8859-1')")["message"]
    assert_equal "(its message cannot be had: RuntimeError)", outcome("raise(Class.new(StandardError) { def message; raise 'no'; end })")["message"]
    assert_equal 64 * 1024, outcome("raise 'x' * 20_000_000")["message"].bytesize
  end

  def test_decay_and_bury_are_what_they_were
    assert_equal({ "type" => "decay", "id" => 1, "delay" => 30 }, outcome("raise Ayl::Beanstalk::RequiresJobDecay.new(30)"))
    assert_equal({ "type" => "decay", "id" => 2, "delay" => nil }, outcome("raise Ayl::Beanstalk::RequiresJobDecay"))
    assert_equal({ "type" => "bury", "id" => 3, "message" => "no such resident" }, outcome("raise Ayl::Beanstalk::RequiresJobBury, 'no such resident'"))
  end

  def test_exit_is_answered_with_its_status_and_the_executor_waits_for_the_worker
    assert_equal({ "type" => "exit", "id" => 1, "status" => 3 }, outcome("exit 3"))
    assert_equal({ "type" => "exit", "id" => 2, "status" => 0 }, outcome("Kernel.exit"))
    assert_equal({ "type" => "exit", "id" => 3, "status" => 1 }, outcome("abort 'enough'"))
    assert_equal 0, booted.stop.exitstatus
    assert_includes booted.printed, "enough"
  end

  def test_exit_bang_and_signals_are_seen_as_the_end
    assert_nil outcome("exit!(7)")
    assert_equal 7, booted.status.exitstatus
  end

  def test_a_segmentation_fault_is_seen_as_the_end
    assert_nil outcome("Process.kill(:SEGV, Process.pid); sleep")
    assert booted.status.signaled?
  end

  def test_what_a_job_prints_goes_to_the_log_and_stdin_is_empty
    assert_equal "ok", outcome("puts 'to stdout'; warn 'to stderr'; system('echo from a child'); raise unless $stdin.read == ''")["type"]
    %w[to\ stdout to\ stderr from\ a\ child].each { |text| assert_includes booted.printed, text }
  end

  def test_a_job_that_takes_stdout_away_takes_it_from_itself_alone
    outcome("$stdout = StringIO.new; puts 'lost'")
    outcome("puts 'found'")
    refute_includes booted.printed, "lost"
    assert_includes booted.printed, "found"
  end

  def test_a_job_cannot_reach_the_protocol_by_low_descriptors
    assert_equal "ok", outcome("(3..9).each { |n| begin; IO.for_fd(n).close; rescue StandardError; end }")["type"]
    assert_equal "ok", outcome("1")["type"]
  end

  def test_a_program_that_a_job_starts_does_not_have_the_socket
    assert_equal "ok", outcome("raise unless `ls -l /proc/self/fd | grep -c socket`.strip == '0'")["type"]
  end

  def test_a_forked_child_that_comes_back_from_the_job_does_not_speak
    answer = outcome("$child = fork; raise 'in the child' unless $child")
    assert_equal "ok", answer["type"]
    assert_equal "ok", outcome("_, status = Process.wait2($child); raise status.inspect unless status.exitstatus == 1")["type"]
    assert_includes booted.printed, "in the child"
    assert_equal "ok", outcome("Process.wait(fork { exit 4 }); raise unless $?.exitstatus == 4")["type"]
  end

  def test_a_childs_end_does_not_run_the_applications_at_exit_handlers_twice
    outcome("at_exit { puts 'at exit' }; fork; Process.wait if $$ == #{booted.pid}")
    booted.stop
    assert_equal 1, booted.printed.scan("at exit").size
  end

  def test_orderly_stop_runs_at_exit_handlers_and_exits_0
    outcome("at_exit { puts 'good bye' }")
    assert_equal 0, booted.stop.exitstatus
    assert_includes booted.printed, "good bye"
  end

  def test_end_of_file_is_an_orderly_stop
    outcome("at_exit { puts 'good bye' }")
    booted.socket.close
    assert_equal 0, booted.status.exitstatus
    assert_includes booted.printed, "good bye"
  end

  def test_signals_to_the_group_do_not_disturb_it_and_do_not_reach_what_jobs_start
    booted.say("type" => "run", "id" => 1, "tube" => "t", "code" => "File.write('#{folder}/busy', ''); sleep 0.01 until File.exist?('#{folder}/go')")
    wait_until("the job to run") { File.exist?("#{folder}/busy") }
    %w[TERM INT HUP].each { |name| Process.kill(name, -booted.pid) }
    write("go", "")
    assert_equal "ok", booted.answer["type"]
    assert_equal "ok", outcome("raise $?.inspect unless (system('kill -TERM $$'); $?.termsig == 15)")["type"]
  end

  def test_a_jobs_local_variables_end_with_it_and_its_globals_and_constants_do_not
    outcome("x = 1; $y = 2; Z = 3")
    assert_equal "ok", outcome("raise if defined?(x) || $y != 2 || Z != 3 || self.to_s != 'main'")["type"]
  end

  def test_what_a_leftover_thread_raises_between_jobs_is_not_the_next_jobs_fault
    outcome("t = Thread.main; Thread.new { sleep 0.01 until File.exist?('#{folder}/go'); t.raise('late'); File.write('#{folder}/gone', '') }")
    write("go", "")
    wait_until("the thread to have raised") { File.exist?("#{folder}/gone") }
    assert_equal "ok", outcome("1")["type"]
    assert_includes booted.printed, "a thread that an earlier job left behind raised RuntimeError: late"
  end

  def test_timeouts_work_inside_of_jobs
    assert_equal "Timeout::Error", outcome("require 'timeout'; Timeout.timeout(0.01) { sleep }")["class"]
  end

  def test_a_job_knows_what_it_is
    assert_equal "ok", booted.run("raise unless Ayl.current_job.to_a == [1, 't', 'abc']", jti: "abc")["type"]
    assert_equal "ok", outcome("raise unless Ayl.current_job.to_a == [2, 't', nil]")["type"]
  end

  def test_memory_is_reported_when_it_is_asked_for
    executor.boot(folder, memory: true)
    assert_operator executor.run("1")["rss"], :>, 5_000_000
  end

  def test_an_application_that_does_not_load_is_a_failed_boot_with_its_reason
    write("app.rb", "require 'no/such/file'\n")
    answer = executor.boot(folder)
    assert_equal ["boot_failed", "LoadError", "cannot load such file -- no/such/file"], answer.values_at("type", "class", "message")
    assert_includes answer["backtrace"].join, "app.rb:1"
    assert_equal 1, executor.status.exitstatus
  end

  def test_a_syntax_error_exit_and_another_protocol_are_failed_boots
    { "def" => "SyntaxError", "exit 3" => "SystemExit" }.each do |text, name|
      write("app.rb", "#{text}\n")
      driver = ExecutorDriver.start(File.join(folder, "log"))
      assert_equal ["boot_failed", name], driver.boot(folder).values_at("type", "class")
      assert_equal 1, driver.status.exitstatus
      driver.finish
    end
    answer = executor.boot(folder, protocol: 2)
    assert_equal ["boot_failed", "protocol 2 is not known here, only 1"], answer.values_at("type", "message")
  end

  def test_the_application_finds_itself_its_environment_and_its_tube
    write("app.rb", "puts [Dir.pwd, ENV.values_at('AYL_TUBE', 'AYL_APP', 'AYL_VERSION', 'AYL_INSTANCE', 'AYL_EXECUTOR_FD')].inspect\n")
    executor.boot(folder, application: "abaqis", version: "1.10", instance: "abaqis/worker/1")
    assert_includes executor.printed, [folder, ["t", "abaqis", "1.10", "abaqis/worker/1", nil]].inspect
    assert_equal "ayl_executor abaqis/worker/1", File.read("/proc/#{executor.pid}/cmdline").delete("\0")
  end

  def test_a_broken_frame_ends_it_with_70
    { [4].pack("N") + "nope" => "not JSON", [2].pack("N") + "[]" => "no object", [0].pack("N") => "0 bytes",
      [0xffffffff].pack("N") => "4294967295 bytes", [14].pack("N") + '{"type":"fly"}' => '"fly"', "\0" => "inside a frame" }.each do |bytes, reason|
      driver = ExecutorDriver.start(File.join(folder, "log"))
      driver.socket.write(bytes)
      driver.socket.close_write
      assert_equal 70, driver.status.exitstatus, bytes.inspect
      assert_includes driver.printed, reason
      driver.finish
    end
  end

  def test_started_by_hand_it_says_what_it_is
    out = IO.popen([RbConfig.ruby, ExecutorDriver::RUBY.last, { err: %i[child out] }], &:read)
    assert_equal "ayl_executor: AYL_EXECUTOR_FD is not set: ayl_worker starts this, see docs/executor.md\n", out
  end

  def test_a_tube_that_the_application_has_chosen_wins
    write("app.rb", "require 'ayl'\nAyl::MessageOptions.default_queue_name = 'mine'\n")
    assert_equal "mine", executor.boot(folder)["tube"]
  end

  def test_the_mailer_learns_what_became_of_a_job_and_gets_the_exception_itself
    write("app.rb", <<~RUBY)
      require 'ayl'
      module Mail
        def self.ayl_message(text, exception)
          new_mail("\#{text} \#{exception.class} \#{exception.message}")
        end

        def self.burying_job(code)
          new_mail("buried \#{code}")
        end

        def self.new_mail(text)
          Struct.new(:text) { def deliver; puts text; end }.new(text)
        end
      end
      Ayl::Mailer.instance.mailer = Mail
    RUBY
    executor.boot(folder)
    executor.run("raise KeyError, 'gone'")
    assert_equal({ "type" => "reported" }, executor.ask("type" => "report", "id" => 1, "hook" => "ayl_message", "message" => "Job deleted."))
    executor.ask("type" => "report", "id" => 9, "hook" => "ayl_message", "message" => "Died.", "error" => { "class" => "X", "message" => "y" })
    executor.ask("type" => "report", "id" => 1, "hook" => "burying_job", "code" => "A.b")
    assert_includes executor.printed, "Job deleted. KeyError gone\nDied. Ayl::JobError X: y\nburied A.b\n"
  end

  def test_an_application_with_a_gemfile_runs_under_bundler
    write("Gemfile", "gem 'ayl', path: '#{ROOT}/ruby'\n")
    write("app.rb", "Bundler.require\n")
    environment = { "BUNDLE_GEMFILE" => File.join(folder, "Gemfile") }
    @executor = ExecutorDriver.start(File.join(folder, "log"), command: ["bundle", "exec", *ExecutorDriver::RUBY], env: environment)
    assert_equal "ready", executor.boot(folder)["type"]
    assert_equal "ok", executor.run("raise unless 3.ayl_send(:+, 4) == 7")["type"]
  end

  def test_the_example_of_the_documentation_is_an_executor
    code = File.read(File.join(ROOT, "docs/executor.md"))[/```perl\n(.*?)```/m, 1]
    script = write("executor.pl", code)
    write("app.pl", "package App; sub fine { 1 } 1;\n")
    @executor = ExecutorDriver.start(File.join(folder, "log"), command: ["perl", script])
    assert_equal "ready", executor.boot(folder, "app.pl")["type"]
    assert_equal({ "type" => "ok", "id" => 1 }, executor.run("App::fine()"))
    assert_equal ["error", "no\n"], executor.run('die "no\n"').values_at("type", "message")
    assert_equal "ok", executor.run("print STDOUT 'out'; close STDIN; 1")["type"]
    assert_equal 0, executor.stop.exitstatus
  end
end
