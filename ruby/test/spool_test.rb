# frozen_string_literal: true

require "test_helper"
require "ayl"
require "logger"
require "stringio"
require "support/beanstalkd"

class SpoolTest < Minitest::Test
  # Takes what is put, until it has had enough.
  class Queue
    attr_reader :jobs
    attr_accessor :room, :error

    def initialize(room = nil)
      @jobs = []
      @room = room
    end

    def put(job)
      raise @error if @error
      raise Ayl::Unreachable, "full" if @room && @jobs.size >= @room

      @jobs << job
    end

    def bodies
      @jobs.map { |job| job[:body] }
    end
  end

  def setup
    Ayl::Logger.instance.logger = ::Logger.new(@log = StringIO.new)
    @path = File.join(folder, "spool")
    @spool = Ayl::Spool.new(@path)
  end

  def teardown
    @server&.stop
    Ayl::Logger.instance.logger = nil
    Ayl.instance_variable_set(:@configuration, nil)
    Ayl::Engine.forget_default
  end

  def append(*bodies, **more)
    bodies.each { |body| @spool.append({ tube: "t", priority: 1, delay: 0, ttr: 2, body: body }.merge(more)) }
  end

  def replay(queue)
    @spool.replay(queue)
  rescue Ayl::Unreachable
    nil
  end

  def test_what_was_spooled_is_put_in_its_order_and_then_gone
    append("one\u00e9", "two", "three")
    queue = Queue.new
    assert_equal 3, @spool.replay(queue)
    assert_equal %W[one\u00e9 two three], queue.bodies
    assert_equal ["t", 1, 2], queue.jobs.first.values_at(:tube, :priority, :ttr)
    assert @spool.empty?
    assert_equal 0, @spool.replay(queue)
    assert_equal 0o600, File.stat(@path).mode & 0o777
  end

  def test_a_replay_that_is_cut_short_goes_on_where_it_was
    append("one", "two", "three")
    queue = Queue.new(2)
    assert_nil replay(queue)
    append("four")
    queue.room = nil
    replay(queue)
    assert_equal %w[one two three four], queue.bodies
  end

  def test_a_process_that_ends_after_the_last_put_leaves_nothing_that_hides_new_jobs
    append("one")
    replay(Queue.new)
    # As if it had ended before the mark was taken away.
    File.write("#{@path}.done", format("%020d", 500))
    append("two" * 300)
    queue = Queue.new
    replay(queue)
    assert_equal ["two" * 300], queue.bodies
  end

  def test_a_half_written_line_costs_only_itself
    append("one")
    File.write(@path, '{"tube":"t","bo', mode: "a")
    append("two")
    queue = Queue.new
    replay(queue)
    assert_equal %w[one two], queue.bodies
    assert_equal "{\"tube\":\"t\",\"bo\n", File.read("#{@path}.refused")
  end

  def test_what_is_refused_for_good_stands_in_nobodys_way
    append("big")
    queue = Queue.new
    queue.error = Ayl::JobTooBig.new("JOB_TOO_BIG")
    replay(queue)
    assert @spool.empty?
    assert_includes File.read("#{@path}.refused"), '"body":"big"'
    assert_includes @log.string, "JOB_TOO_BIG"
  end

  def test_an_answer_that_was_lost_leaves_the_job_there
    append("one")
    queue = Queue.new
    queue.error = Ayl::Uncertain.new("lost")
    assert_nil replay(queue)
    queue.error = nil
    replay(queue)
    assert_equal ["one"], queue.bodies
  end

  def test_a_delay_counts_from_the_call
    append("one", delay: 100)
    text = File.read(@path).sub(/"due":(\d+)/) { "\"due\":#{$1.to_i - 40}" }
    File.write(@path, text)
    queue = Queue.new
    replay(queue)
    assert_includes 55..60, queue.jobs.first[:delay]
  end

  def test_many_processes_append_and_replay_at_once_and_nothing_is_lost_or_doubled
    results = File.join(folder, "results")
    sink = Class.new do
      define_method(:put) { |job| File.write(results, "#{job[:body]}\n", mode: "a") }
    end
    pids = Array.new(6) do |process|
      Process.fork do
        30.times do |number|
          append("#{process}.#{number}")
          @spool.replay(sink.new) if (number % 3).zero?
        end
        exit!(0)
      end
    end
    assert(pids.all? { |pid| Process.wait2(pid)[1].success? })
    @spool.replay(sink.new)
    lines = File.readlines(results, chomp: true)
    assert_equal 180, lines.size
    assert_equal 180, lines.uniq.size
    6.times { |process| assert_equal (0...30).to_a, lines.grep(/\A#{process}\./).map { |line| line[/\d+\z/].to_i } }
  end

  # Whether the block is true in a process that can write no file.
  def with_a_full_disk
    pid = Process.fork do
      trap("XFSZ", "IGNORE")
      Process.setrlimit(:FSIZE, 0)
      exit!(yield ? 0 : 1)
    end
    Process.wait2(pid)[1].success?
  end

  def test_what_cannot_be_noted_down_is_not_put_so_that_it_is_not_put_again
    append("one")
    queue = Queue.new
    assert(with_a_full_disk do
      2.times { assert_raises(SystemCallError) { @spool.replay(queue) } }
      queue.jobs.empty?
    end)
    replay(queue)
    assert_equal ["one"], queue.bodies
  end

  def test_a_spool_that_cannot_be_emptied_keeps_no_new_call_from_the_queue
    @server = Beanstalkd.new
    append("one")
    Ayl.configure do |ayl|
      ayl.beanstalk = @server.address
      ayl.unreachable = :spool
      ayl.spool = @path
    end
    assert(with_a_full_disk { 3.ayl_send(:+, 3).is_a?(Integer) })
    assert_equal ["3.+(3)"], @server.codes("default")
  end

  def test_a_spool_that_cannot_be_written_is_an_error
    @spool = Ayl::Spool.new("/no/such/folder/spool")
    assert_match(/\Athe job is in no queue, and cannot be spooled: No such file/, assert_raises(Ayl::SpoolError) { append("one") }.message)
  end

  def test_from_outage_to_return_by_itself
    port = Beanstalkd.free_port
    Ayl.configure do |ayl|
      ayl.beanstalk = "127.0.0.1:#{port}"
      ayl.unreachable = :spool
      ayl.spool = @path
    end
    assert_nil 1.ayl_send(:+, 1)
    assert_nil 2.ayl_send(:+, 2)
    @server = Beanstalkd.new(port: port)
    wait_until("the spool to be empty") { @spool.empty? }
    3.ayl_send(:+, 3)
    assert_equal ["1.+(1)", "2.+(2)", "3.+(3)"], @server.codes("default")
  end

  def test_without_a_file_there_is_no_spooling
    Ayl.configure do |ayl|
      ayl.beanstalk = "127.0.0.1:1"
      ayl.unreachable = :spool
    end
    assert_equal "unreachable is :spool, and spool names no file", assert_raises(Ayl::ConfigurationError) { 1.ayl_send(:+, 1) }.message
  end
end
