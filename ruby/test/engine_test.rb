# frozen_string_literal: true

require "test_helper"
require "ayl"
require "logger"
require "stringio"
require "support/beanstalkd"

class EngineTest < Minitest::Test
  # What the application is told by mail.
  class Mails
    attr_reader :sent

    def initialize
      @sent = []
    end

    def ayl_message(message, exception)
      post([message, exception.class])
    end

    def burying_job(code)
      post([code])
    end

    def post(mail)
      sent = @sent
      Struct.new(:mail) { define_method(:deliver) { sent << mail } }.new(mail)
    end
  end

  def setup
    Ayl::Logger.instance.logger = ::Logger.new(@log = StringIO.new)
    Ayl::Mailer.instance.mailer = @mails = Mails.new
    Ayl.instance_variable_set(:@configuration, nil)
    Ayl::Engine.clear_engines
    Ayl::Engine.forget_default
    $made = []
  end

  def teardown
    @servers&.each(&:stop)
    Ayl::Logger.instance.logger = nil
    Ayl::Mailer.instance.mailer = nil
    Ayl.instance_variable_set(:@configuration, nil)
    Ayl::Engine.clear_engines
    Ayl::Engine.forget_default
  end

  def beanstalkd(*flags, **options)
    Beanstalkd.new(*flags, **options).tap { |server| (@servers ||= []) << server }
  end

  def configure(*servers, **settings)
    Ayl.configure do |ayl|
      ayl.beanstalk = servers.map { |server| server.is_a?(String) ? server : server.address }
      settings.each { |name, value| ayl.public_send("#{name}=", value) }
    end
  end

  # A server that does with each connection what the block says.
  def fake(&block)
    server = TCPServer.new("127.0.0.1", 0)
    @fakes = (@fakes || []) << Thread.new { loop { block.call(server.accept) } }
    "127.0.0.1:#{server.addr[1]}"
  end

  def call(number, options = {})
    [number].ayl_send_opts(:itself, options)
  end

  def test_a_call_becomes_a_job_with_its_options
    server = beanstalkd
    configure(server)
    id = 3.ayl_send_opts(:+, { queue_name: "t", priority: 7, delay: 0, time_to_run: 9, failed_job_handler: "bury" }, 4)
    job = server.peek("t")
    assert_equal [id.to_s, '{"type":"ayl","failed_job_handler":"bury","code":"3.+(4)"}'], [job.id, job.body]
    assert_equal [7, 9, "t"], [job.stats.pri, job.stats.ttr, job.stats.tube]
    3.ayl_send_opts(:+, { delay: 100 }, 4)
    assert_equal 100, server.peek("default", :delayed).stats.delay
  end

  def test_many_tubes_by_one_connection
    server = beanstalkd
    configure(server)
    %w[a b a a b].each_with_index { |tube, number| call(number, queue_name: tube) }
    assert_equal %w[[0].itself() [2].itself() [3].itself()], server.codes("a")
    assert_equal %w[[1].itself() [4].itself()], server.codes("b")
    # The engine's, and beaneater's.
    assert_equal 2, server.pool.stats.current_connections
  end

  def test_the_old_way_to_set_it_up
    server = beanstalkd
    engine = Ayl::Beanstalk::Engine.new("127.0.0.1", server.port)
    Ayl::Engine.add_engine(engine)
    assert_same engine, Ayl::Engine.get_active_engine
    assert_equal [true, true, "127.0.0.1", server.port], [engine.asynchronous?, engine.is_connected?, engine.host, engine.port]
    call(1)
    assert_equal ["[1].itself()"], server.codes("default")
    server.stop
    assert_same Ayl::Engine.instance, Ayl::Engine.get_active_engine
    assert_equal [1], call(1)
    refute Ayl::Engine.instance.asynchronous?
    assert_raises(RuntimeError) { Ayl::Engine.add_engine(Object.new) }
  end

  def test_by_a_unix_socket
    server = beanstalkd(listen: File.join(folder, "b.sock"))
    configure(server)
    assert_equal 1, call(1)
  end

  def test_the_environment_names_the_server
    server = beanstalkd
    ENV["AYL_BEANSTALK"] = server.address
    assert_equal 1, call(1)
  ensure
    ENV.delete("AYL_BEANSTALK")
  end

  def test_addresses
    { "h" => ["h", 11_300], "h:1" => ["h", 1], "::1" => ["::1", 11_300], "[::1]:5" => ["::1", 5], "[::1]" => ["::1", 11_300] }.each do |text, expected|
      address = Ayl::Beanstalk::Address.new(text)
      assert_equal expected, [address.instance_variable_get(:@host), address.instance_variable_get(:@port)], text
    end
    ["", "h:", "h:0", "h:65536", "a b", "unix:b", "[::1]1", ":1"].each do |text|
      error = assert_raises(Ayl::ConfigurationError, text) { Ayl::Beanstalk::Address.new(text) }
      assert_equal "#{text.inspect} is no beanstalkd's address: write HOST, HOST:PORT or unix:/PATH", error.message
    end
    assert_equal %w[a b:1 /c], Ayl::Beanstalk::Address.list("a, b:1,/c").map(&:to_s)
  end

  def test_after_a_restart_of_the_server_nothing_is_lost_and_nobody_notices
    server = beanstalkd
    configure(server)
    call(1)
    server.stop
    server.start
    assert_kind_of Integer, call(2)
    assert_equal ["[2].itself()"], server.codes("default")
  end

  def test_when_no_server_is_there_the_call_is_made_at_once_as_before
    configure("127.0.0.1:1")
    assert_equal [5], call(5)
    assert_includes @log.string, "no server of 127.0.0.1:1 can be reached"
  end

  def test_or_it_raises
    configure("127.0.0.1:1", unreachable: :raise)
    error = assert_raises(Ayl::Unreachable) { call(5) }
    assert_match(/\A127.0.0.1:1: .*refused/i, error.message)
    assert_equal [["Error submitting message to beanstalk", Ayl::Unreachable]], @mails.sent
  end

  def test_of_several_servers_the_first_that_is_there_is_taken
    one = beanstalkd
    two = beanstalkd
    configure("127.0.0.1:1", one, two)
    call(1)
    one.stop
    call(2)
    call(3)
    assert_equal ["[2].itself()", "[3].itself()"], two.codes("default")
  end

  def test_a_server_that_is_draining_or_full_is_passed_over
    one = beanstalkd
    two = beanstalkd
    configure(one, two)
    call(1)
    one.signal("USR1")
    wait_until("DRAINING") { one.pool.stats.draining.to_s == "true" }
    call(2)
    assert_equal ["[2].itself()"], two.codes("default")
    full = fake do |socket|
      socket.gets && socket.gets
      socket.write("OUT_OF_MEMORY\r\n")
    end
    configure(full, two)
    call(3)
    assert_equal ["[3].itself()"], two.codes("default")
    configure(one, unreachable: :raise)
    assert_match(/DRAINING/, assert_raises(Ayl::Unreachable) { call(4) }.message)
  end

  def test_a_job_that_is_too_big_is_an_error_of_its_own_and_the_next_goes_through
    server = beanstalkd
    configure(server)
    assert_match(/JOB_TOO_BIG/, assert_raises(Ayl::JobTooBig) { ("x" * 70_000).ayl_send(:size) }.message)
    assert_equal [["Error submitting message to beanstalk", Ayl::JobTooBig]], @mails.sent
    assert_kind_of Integer, call(1)
  end

  def test_a_lost_answer_is_uncertain_and_never_tried_again
    puts = 0
    server = fake do |socket|
      puts += 1 if socket.gets&.start_with?("put")
      socket.gets
      socket.close
    end
    configure(server, unreachable: :raise)
    error = assert_raises(Ayl::Uncertain) { call(1) }
    assert_equal "#{server} hung up; the job was sent, and may be in the queue or not", error.message
    assert_equal 1, puts
    configure(server, uncertain: :log)
    assert_nil call(1)
    assert_equal 2, puts
    assert_includes @log.string, "may be in the queue or not"
  end

  def test_a_server_that_does_not_answer_does_not_hold_the_caller_for_ever
    server = fake { |socket| @held = (@held || []) << socket }
    configure(server, timeout: 0.05)
    assert_match(/does not answer within 0.05 s; the job was sent/, assert_raises(Ayl::Uncertain) { call(1) }.message)
    assert_match(/does not answer within 0.05 s;/, assert_raises(Ayl::Unreachable) { configure(server, timeout: 0.05, unreachable: :raise); call(1, queue_name: "t") }.message)
  end

  def test_nonsense_from_a_server_is_not_taken_for_an_answer
    server = fake { |socket| socket.gets && socket.gets && socket.write("x" * 2000) }
    configure(server)
    assert_match(/a line without an end; the job was sent/, assert_raises(Ayl::Uncertain) { call(1) }.message)
    server = fake { |socket| socket.gets && socket.gets && socket.write("INSERTED one\r\n") }
    configure(server)
    assert_equal "#{server} answered \"INSERTED one\" to put", assert_raises(Ayl::Uncertain) { call(1) }.message
    server = fake { |socket| socket.gets && socket.gets && socket.write("BURIED 7\r\n") }
    configure(server)
    assert_match(/which is buried/, assert_raises(Ayl::Refused) { call(1) }.message)
  end

  def test_threads_share_it
    server = beanstalkd
    configure(server)
    8.times.map { |thread| Thread.new { 25.times { |number| call(thread * 100 + number, queue_name: "t#{number % 3}") } } }.each(&:join)
    found = %w[t0 t1 t2].flat_map { |tube| server.codes(tube) }
    assert_equal 200, found.uniq.size
  end

  def test_a_forked_process_makes_its_own_connection_and_leaves_its_parents_alone
    server = beanstalkd
    configure(server)
    call(0)
    pids = Array.new(4) { |child| Process.fork { 20.times { |number| call(child * 100 + 1 + number) }; exit!(0) } }
    20.times { |number| call(1000 + number) }
    assert(pids.all? { |pid| Process.wait2(pid)[1].success? })
    assert_equal 101, server.codes("default").uniq.size
  end

  def test_a_fork_in_the_middle_of_another_threads_call_does_not_wait_for_its_lock
    server = fake { |socket| @held = (@held || []) << socket }
    real = beanstalkd
    configure(server, timeout: 30)
    busy = Thread.new { call(1) rescue nil }
    wait_until("the call") { @held }
    pid = Process.fork do
      Ayl.configure { |ayl| ayl.beanstalk = real.address }
      exit!(call(2).is_a?(Integer) ? 0 : 1)
    end
    assert Process.wait2(pid)[1].success?
    busy.kill
  end

  def test_bodies_are_read_by_the_reference_client_whatever_bytes_the_strings_have
    server = beanstalkd
    configure(server)
    values = [(0..255).map(&:chr).join.b, "h\u00e9\u{1F600}\r\n", "\xff"]
    values.each { |value| value.ayl_send(:itself) }
    assert_equal values, server.codes("default").map { |code| TOPLEVEL_BINDING.eval(code) }
  end
end
