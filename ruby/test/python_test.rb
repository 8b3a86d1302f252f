# frozen_string_literal: true

require "test_helper"
require "support/executor_driver"

# python/ayl_executor.py, driven as the Ruby one is.
class PythonTest < Minitest::Test
  COMMAND = ["python3", File.join(ROOT, "python/ayl_executor.py")].freeze

  def setup
    write("config/app.py", <<~PYTHON)
      import atexit, os, signal, subprocess, sys, time
      from ayl_executor import RequiresJobBury, RequiresJobDecay, current_job

      atexit.register(lambda: print("good bye", flush=True))

      def fail(error):
          raise error

      def deep():
          return deep()

      def child():
          return os.fork() and os.wait()
    PYTHON
  end

  def teardown
    @executor&.finish
  end

  def executor
    @executor ||= ExecutorDriver.start(File.join(folder, "log"), command: COMMAND)
  end

  def outcome(code, **more)
    @ready ||= executor.boot(folder, "config/app")
    assert_equal "ready", @ready["type"], @ready.inspect
    executor.run(code, **more)
  end

  def test_each_outcome_has_its_answer
    assert_equal({ "type" => "ok", "id" => 1 }, outcome("print('to the log')"))
    answer = outcome("fail(ValueError('no'))")
    assert_equal ["error", "ValueError", "no"], answer.values_at("type", "class", "message")
    assert_match(%r{config/app\.py:\d+:in fail\z}, answer["backtrace"].first)
    { "1 +" => "SyntaxError", "x = 1" => "SyntaxError", "deep()" => "RecursionError", "fail(KeyboardInterrupt())" => "KeyboardInterrupt" }.each do |code, name|
      assert_equal ["error", name], outcome(code).values_at("type", "class")
    end
    assert_equal ["decay", 30], outcome("fail(RequiresJobDecay(29.5))").values_at("type", "delay")
    assert_equal ["decay", nil], outcome("fail(RequiresJobDecay())").values_at("type", "delay")
    assert_equal %w[bury odd], outcome("fail(RequiresJobBury('odd'))").values_at("type", "message")
    assert_equal ["exit", 3], outcome("sys.exit(3)").values_at("type", "status")
    assert_equal ["exit", 1], outcome("sys.exit('why')").values_at("type", "status")
    assert_equal 0, executor.stop.exitstatus
    assert_includes executor.printed, "to the log"
    assert_includes executor.printed, "good bye"
  end

  def test_a_crash_is_the_end
    assert_nil outcome("os._exit(7)")
    assert_equal 7, executor.status.exitstatus
  end

  def test_a_job_knows_what_it_is
    assert_equal "ok", outcome("[current_job().id, current_job().tube, current_job().jti] == [1, 't', 'j'] or fail(ValueError())", jti: "j")["type"]
  end

  def test_signals_forks_and_programs_do_not_disturb_it
    assert_equal "ok", outcome("os.kill(os.getpid(), signal.SIGTERM)")["type"]
    assert_equal "ok", outcome("child()")["type"]
    assert_equal "ok", outcome("subprocess.run(['sh', '-c', 'kill $$']).returncode == -15 or fail(ValueError())")["type"]
    assert_equal "ok", outcome("sys.stdin.read() == '' or fail(ValueError())")["type"]
  end

  def test_a_module_that_does_not_load_is_a_failed_boot
    write("config/app.py", "import no_such_module\n")
    answer = executor.boot(folder, "config/app")
    assert_equal ["boot_failed", "ModuleNotFoundError", "No module named 'no_such_module'"], answer.values_at("type", "class", "message")
    assert_equal 1, executor.status.exitstatus
  end

  def test_a_broken_frame_ends_it_with_70
    executor.socket.write("\xff\xff\xff\xff".b)
    assert_equal 70, executor.status.exitstatus
    assert_includes executor.printed, "a frame of 4294967295 bytes"
  end
end
